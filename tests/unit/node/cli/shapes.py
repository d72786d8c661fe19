"""Names and types of a document, for documents that have no record."""

from __future__ import annotations

from typing import Any


def shape(value: Any) -> Any:
    """Names and types; the schema's own text stays."""
    if isinstance(value, dict):
        return {name: child if name == "schema" else shape(child) for name, child in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "null" if value is None else type(value).__name__
