"""The shape in which a check answers."""

from __future__ import annotations

import json

import pytest

from node.errors import StorageError
from node.runtime.findings import (
    Finding,
    State,
    failed,
    length_text,
    ok,
    report,
    size_text,
    skipped,
)


def test_a_report_counts_what_it_holds():
    bad = failed("database", StorageError("broken", code="E-DB-DAMAGED", fix="mend"), damaged=True)
    warn = Finding(name="disk", state=State.WARN, cause="nearly full", proof="1 B", fix="free some")
    found = report("/home/x", [ok("port", "fine"), skipped("clock", "down"), warn, bad], is_up=True)
    assert json.loads(json.dumps(found)) == found
    assert (found["bad"], found["warn"], found["damaged"], found["up"]) == (1, 1, True, True)
    assert found["checks"][3] == {
        "name": "database",
        "state": "bad",
        "cause": "broken",
        "proof": "E-DB-DAMAGED",
        "fix": "mend",
        "damaged": True,
    }


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_536, "1.5 KiB"),
        (5 * 2**20, "5.0 MiB"),
        (2**40, "1024.0 GiB"),
    ],
)
def test_sizes(count: int, text: str):
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "+0.0 s"),
        (-2_500, "-2.5 s"),
        (119_000, "+119.0 s"),
        (180_000, "+3 min"),
        (-7_200_000, "-2 h"),
        (26 * 3_600_000, "+26 h"),
    ],
)
def test_lengths(ms: int, text: str):
    assert length_text(ms) == text
