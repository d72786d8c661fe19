"""Every category there is fits its document."""

from __future__ import annotations

import msgspec
import pytest

from node.api.documents.vocabulary import CategoriesDocument, CategoryDocument
from node.data.answers import categories_document, category_document
from node.data.vocabulary import category_tree


def test_all_of_them_fit():
    found = msgspec.convert(categories_document(""), CategoriesDocument)
    waiting = [each.path for each in found.categories]
    while waiting:
        one = msgspec.convert(category_document(waiting.pop()), CategoryDocument)
        assert one.label == category_tree().label(one.path)
        waiting += one.below


def test_what_a_category_cannot_be():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(category_document("electronics") | {"parent": ""}, CategoryDocument)
