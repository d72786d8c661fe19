"""Documents about what things are called: categories, and the attributes of their things."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from protocol.values.attributes import AttributeType


class CategoryName(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One category."""

    path: str
    """As a request names it: `electronics/cameras`."""
    label: str
    """What people call it, in English."""


class CategoriesDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Categories that were found."""

    schema: Literal["intentcast.categories/1"]
    """Tag of this document."""
    categories: Annotated[list[CategoryName], msgspec.Meta(max_length=1_000)]
    """The nearest to the words first."""


class AttributeName(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One attribute a thing of a category may have."""

    key: str
    """As a wish names it."""
    label: str
    """What people call it, in English."""
    type: AttributeType
    """Which kind of value."""
    unit: str | None
    """Unit code of a number; null for anything else."""
    values: list[str]
    """What it may be, of a closed list; empty where anything goes."""


class CategoryDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One category."""

    schema: Literal["intentcast.category/1"]
    """Tag of this document."""
    path: str
    """As a request names it."""
    label: str
    """What people call it, in English."""
    below: list[str]
    """Paths of the categories it is made of."""
    attributes: list[AttributeName]
    """In order of their keys."""
