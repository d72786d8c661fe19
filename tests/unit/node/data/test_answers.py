"""Categories and attributes as documents."""

from __future__ import annotations

import pytest

from node.data.answers import categories_document, category_document
from node.errors import NotFoundError


def test_words_find_categories_and_none_list_the_top():
    found = categories_document("digital camera")["categories"]
    assert found[0] == {"path": "electronics/cameras/digital-cameras", "label": "Digital cameras"}
    top = [each["path"] for each in categories_document("")["categories"]]
    assert "electronics" in top
    assert not any("/" in path for path in top)
    assert categories_document("zzzzqqq")["categories"] == []


def test_a_category_tells_its_attributes():
    found = category_document("electronics/cameras")
    assert "electronics/cameras/digital-cameras" in found["below"]
    keys = [each["key"] for each in found["attributes"]]
    assert keys == sorted(keys)
    with pytest.raises(NotFoundError) as caught:
        category_document("no/such")
    assert caught.value.code == "E-NOT-FOUND"
