"""The description is a document like the others."""

from __future__ import annotations

import msgspec

from node.api.contents import OPERATIONS
from node.api.documents.openapi import OpenApiDocument
from node.api.openapi import describe


def test_the_description_fits():
    found = msgspec.convert(describe(OPERATIONS), OpenApiDocument)
    assert found.openapi.startswith("3.1.")
