"""`intentcast categories`: finds a category by words, and the attributes one of them has."""

from __future__ import annotations

from typing import Any

import click

from node.cli.session import Session, session_options
from node.cli.table import table
from node.errors import NotFoundError


@click.command(short_help="Find a category and its attributes.")
@click.argument("words", nargs=-1, metavar="[WORDS...]")
@session_options
def categories(session: Session, words: tuple[str, ...]) -> None:
    """Find categories by WORDS; a full path shows its attributes, no words show the top.

    Needs no node.
    """
    from node.data.vocabulary import category_tree

    tree = category_tree()
    asked = " ".join(words)
    if tree.contains(asked):
        _show_one(session, asked)
        return
    matches = [match.path for match in tree.search(asked)] if asked else tree.children("")
    if not matches:
        raise NotFoundError(
            f"no category is found by '{asked[:60]}'",
            fix="Try another word, or list the top:  intentcast categories",
        )
    found = [{"path": path, "label": tree.label(path)} for path in matches]
    if session.as_json:
        session.console.document({"schema": "intentcast.categories/1", "categories": found})
        return
    _print(session, ("category", "name"), [tuple(one.values()) for one in found])
    session.console.say("Its attributes:  intentcast categories CATEGORY")


def _show_one(session: Session, path: str) -> None:
    from node.data.vocabulary import attribute_vocabulary, category_tree

    tree = category_tree()
    specs = attribute_vocabulary().for_category(path)
    attributes = [_attribute(spec) for _, spec in sorted(specs.items())]
    below = tree.children(path)
    if session.as_json:
        session.console.document(
            {
                "schema": "intentcast.category/1",
                "path": path,
                "label": tree.label(path),
                "below": below,
                "attributes": attributes,
            }
        )
        return
    session.console.data(f"{path}  {tree.label(path)}")
    for child in below:
        session.console.data(f"  {child}  {tree.label(child)}")
    if attributes:
        rows = [
            (one["key"], one["label"], one["type"], one["unit"], " ".join(one["values"]) or None)
            for one in attributes
        ]
        _print(session, ("attribute", "name", "type", "unit", "values"), rows)


def _attribute(spec: Any) -> dict[str, Any]:
    return {
        "key": spec.key,
        "label": spec.label,
        "type": spec.type.value,
        "unit": spec.unit or None,
        "values": list(spec.values),
    }


def _print(session: Session, headings: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    for line in table(headings, rows, columns=session.console.width()):
        session.console.data(line)
