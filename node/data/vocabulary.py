"""The shipped vocabulary: categories and attributes, read from the installation once.

Enters: nothing. Leaves: the tree and the attribute list every face, listener and rule of this
node shares. The files live beside `protocol`, which may not open files itself.
"""

from __future__ import annotations

import functools
from importlib import resources

from protocol.values.attributes import AttributeVocabulary
from protocol.values.category import CategoryTree

__all__ = ["attribute_vocabulary", "category_tree"]


def _shipped(name: str) -> bytes:
    return (resources.files("protocol") / "data" / name).read_bytes()


@functools.cache
def category_tree() -> CategoryTree:
    """Give the shipped category tree; read at the first call.

    Raises:
        LocalProtocolError: E-VOCABULARY when the installed file is damaged.
    """
    return CategoryTree.from_json(_shipped("categories.json"))


@functools.cache
def attribute_vocabulary() -> AttributeVocabulary:
    """Give the shipped attribute vocabulary; read at the first call.

    Raises:
        LocalProtocolError: E-VOCABULARY when the installed file is damaged.
    """
    return AttributeVocabulary.from_json(_shipped("attributes.json"))
