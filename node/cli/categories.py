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
    from node.data.answers import categories_document, category_document
    from node.data.vocabulary import category_tree

    asked = " ".join(words)
    if category_tree().contains(asked):
        _show_one(session, category_document(asked))
        return
    found = categories_document(asked)
    if not found["categories"]:
        raise NotFoundError(
            f"no category is found by '{asked[:60]}'",
            fix="Try another word, or list the top:  intentcast categories",
        )
    if session.as_json:
        session.console.document(found)
        return
    _print(session, ("category", "name"), [tuple(one.values()) for one in found["categories"]])
    session.console.say("Its attributes:  intentcast categories CATEGORY")


def _show_one(session: Session, found: dict[str, Any]) -> None:
    from node.data.vocabulary import category_tree

    if session.as_json:
        session.console.document(found)
        return
    session.console.data(f"{found['path']}  {found['label']}")
    for child in found["below"]:
        session.console.data(f"  {child}  {category_tree().label(child)}")
    if found["attributes"]:
        rows = [
            (one["key"], one["label"], one["type"], one["unit"], " ".join(one["values"]) or None)
            for one in found["attributes"]
        ]
        _print(session, ("attribute", "name", "type", "unit", "values"), rows)


def _print(session: Session, headings: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    for line in table(headings, rows, columns=session.console.width()):
        session.console.data(line)
