"""What is known of categories and their attributes, as documents for whoever asks.

Enters: words, or the path of a category. Leaves: documents of the vocabulary that ships with the
program; the command line and the API give the same ones. Needs no node.
"""

from __future__ import annotations

from typing import Any

from node.data.vocabulary import attribute_vocabulary, category_tree
from node.errors import NotFoundError


def categories_document(words: str) -> dict[str, Any]:
    """List the categories some words find, the nearest first; no words list the top."""
    tree = category_tree()
    paths = [match.path for match in tree.search(words)] if words else tree.children("")
    return {
        "schema": "intentcast.categories/1",
        "categories": [{"path": path, "label": tree.label(path)} for path in paths],
    }


def category_document(path: str) -> dict[str, Any]:
    """Tell what is below a category and which attributes its things have.

    Raises:
        NotFoundError: E-NOT-FOUND, there is no such category.
    """
    tree = category_tree()
    if not tree.contains(path):
        raise NotFoundError(
            f"there is no category '{path[:60]}'",
            fix="Find one by words:  intentcast categories WORDS",
        )
    specs = attribute_vocabulary().for_category(path)
    return {
        "schema": "intentcast.category/1",
        "path": path,
        "label": tree.label(path),
        "below": tree.children(path),
        "attributes": [
            {
                "key": spec.key,
                "label": spec.label,
                "type": spec.type.value,
                "unit": spec.unit or None,
                "values": list(spec.values),
            }
            for _, spec in sorted(specs.items())
        ],
    }
