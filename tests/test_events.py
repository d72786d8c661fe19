"""Every word an event may say is described, and nothing else is: the page is held to the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from protocol.market.cast import CastState
from protocol.market.deal import DealState
from protocol.market.lineage import Standing

ROOT = Path(__file__).resolve().parent.parent
NOTING = {"note", "_note", "_keep", "_tell", "append"}
"""Functions that write a line of the audit, or hand a word to one that does."""
FAMILIES = {
    "cast.": {state.value for state in CastState},
    "deal.": {state.value for state in DealState},
    "contact.": {"rotated"} | {each.value for each in Standing} - {Standing.CURRENT.value},
}
"""What an f-string that begins so may end with."""


def texts(node: ast.expr) -> Iterator[str]:
    """Every text an expression may stand for; an f-string as what it begins with, and a star."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from texts(body)
            yield from texts(other)
        case ast.JoinedStr(values=[ast.Constant(value=str(head)), *_]):
            yield f"{head}*"
        case _:
            pass


def words_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name not in NOTING:
            continue
        if name == "append":
            # A list takes no `what`; the audit does.
            given = [each.value for each in node.keywords if each.arg == "what"]
        else:
            given = [*node.args]
        for each in given:
            yield from texts(each)


def said() -> set[str]:
    found = set()
    for folder in ("market", "post", "runtime", "vendor", "storage", "backup", "api"):
        for path in (ROOT / "node" / folder).glob("*.py"):
            for word in words_of(path):
                family = FAMILIES.get(word[:-1], set()) if word.endswith("*") else set()
                found |= {word[:-1] + end for end in family} or {word}
    return found


def described() -> set[str]:
    page = (ROOT / "docs" / "reference" / "http-api.md").read_text("utf-8")
    section = page.partition("### What happens\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| (`.+?) \|.*?\| .+ \|$", section, flags=re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)} - {"what"}


def test_every_event_is_described_and_nothing_else():
    assert sorted(said() ^ described()) == []


def test_words_are_of_one_shape():
    assert [word for word in said() if not re.fullmatch(r"[a-z]+(?:[._][a-z]+){0,2}", word)] == []
