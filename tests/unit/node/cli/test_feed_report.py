"""The report of an import: counts, then problems with their fix."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from node.cli.console import Console
from node.cli.feed_report import print_report
from node.cli.session import Session
from tests.unit.node.cli.conftest import Terminal

PROBLEM = {
    "line": 3,
    "column": "x\x1b",
    "value": "",
    "code": "E-FEED-X",
    "sentence": "odd",
    "fix": "",
    "refused": False,
}
FOUND: dict[str, Any] = {
    "form": "CSV",
    "applied": True,
    "complete": True,
    "rows": 1_204,
    "offered": 1_180,
    "added": 1_180,
    "changed": 0,
    "unchanged": 0,
    "removed": 0,
    "removals_held": 0,
    "refused": 24,
    "warnings": 0,
    "problems": [PROBLEM] * 24,
    "unmapped": [],
}


def told(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> str:
    err = Terminal()
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", err)
    session = Session(console=Console(), yes=False, named_home=None)
    print_report(session, FOUND | changes, Path("feed.csv"))
    return err.getvalue()


def test_the_first_problems_and_how_many_more(monkeypatch: pytest.MonkeyPatch):
    text = told(monkeypatch)
    assert text.count("E-FEED-X") == 10
    assert '  line 3  x[001B]  ""  E-FEED-X  odd (kept without it)\n' in text
    assert "... 14 more" in text
    assert "✓ 1,180 on offer, 24 refused." in text


def test_what_is_of_no_cell_has_no_empty_columns(monkeypatch: pytest.MonkeyPatch):
    whole = PROBLEM | {"line": 0, "column": "", "fix": "look"}
    row = whole | {"line": 7, "refused": True}
    text = told(monkeypatch, problems=[whole, row])
    assert "  E-FEED-X  odd  fix: look\n" in text
    assert "  line 7  E-FEED-X  odd  fix: look\n" in text
    assert "kept without it" not in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": 4, "refused": 4, "offered": 4}, "✗ Every row was refused; 4 on offer from"),
        ({"rows": 4, "refused": 4, "offered": 0}, "✗ Every row was refused.\n"),
        ({"rows": 4, "refused": 3, "offered": 1}, "✓ 1 on offer, 3 refused."),
        ({"rows": 0, "refused": 0, "offered": 0}, "✓ 0 on offer, 0 refused."),
        ({"rows": 4, "refused": 4, "offered": 4, "applied": False}, "A dry run"),
    ],
)
def test_a_feed_nothing_of_which_could_be_used_is_no_success(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: str
):
    text = told(monkeypatch, problems=[], **changes)
    assert said in text
    assert ("✓" in text) is said.startswith("✓")


def test_what_must_be_read(monkeypatch: pytest.MonkeyPatch):
    text = told(
        monkeypatch,
        problems=[],
        refused=0,
        complete=False,
        removals_held=700,
        unmapped=[f"c{i}" for i in range(20)],
    )
    assert "was cut short" in text
    assert "--remove-most" in text
    assert "c11 and 8 more" in text
    assert "more; all" not in text


@pytest.mark.parametrize(
    ("held", "said"),
    [(1, "1 article that left the feed stays"), (1_200, "1,200 articles that left the feed stay")],
)
def test_what_was_kept_is_counted_as_people_count(
    capsys: pytest.CaptureFixture[str], held: int, said: str
):
    session = Session(console=Console(), yes=False, named_home=None)
    counts = dict.fromkeys(("added", "changed", "unchanged", "removed", "refused", "warnings"), 0)
    found = {"form": "CSV", "rows": held, "problems": [], "unmapped": [], "complete": True}
    found |= counts | {"removals_held": held, "applied": False}
    print_report(session, found, Path("feed.csv"))
    told = capsys.readouterr()
    assert f"! {said} on offer; to let them go: --remove-most" in told.err
    assert f"CSV, {held:,} {'row' if held == 1 else 'rows'}\n" in told.out
