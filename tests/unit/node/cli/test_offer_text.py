"""Offers as rows to compare, and in full."""

from __future__ import annotations

import pytest

from node.cli.console import WIDE
from node.cli.offer_text import explained, marks, overview, overview_rows, when
from tests.unit.node.api.fake_citizen import MUST, offer


def test_the_total_is_the_sum_that_stands_beside_it():
    discount = {"name": "Club", "kind": "discount", "qty": "1", "total_text": "-5.00 EUR"}
    found = offer(1)
    found["lines"] = [*found["lines"], discount]
    [_, row] = overview([found], WIDE)
    assert "229.00 + 20.00 delivery - 5.00 discount" in row
    assert "1/1" in row


def test_a_vendors_name_is_shown_and_not_obeyed():
    vendor = {"name": "a\x1b[31mb\nc\u202e", "key": "k", "trust": "first contact"}
    [_, row] = overview([offer(1, vendor=vendor)], WIDE)
    assert "a[001B][31mb[000A]c[202E]" in row
    assert row.isprintable()
    assert all(line.isprintable() for line in explained(offer(1, vendor=vendor, note="\x07x")))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"marks": []}, []),
        ({"marks": ["plain"]}, ["plain"]),
        ({}, ["pay before"]),
        ({"marks": [], "state": "expired"}, ["expired"]),
        ({"marks": [], "valid": False, "over_budget": True}, ["not valid", "over budget"]),
        ({"over_budget": True, "marks": [{"code": "over_budget"}]}, ["over budget"]),
        ({"over_budget": True, "marks": [{"code": "over_own_budget"}]}, ["over budget"]),
        ({"marks": [{"code": "first_contact"}]}, []),
    ],
)
def test_marks(changes, words: list[str]):
    assert marks(offer(1, **changes)) == words


@pytest.mark.parametrize(
    ("fulfil", "words"),
    [
        ({"mode": "pickup"}, "pickup"),
        (
            {"mode": "pickup", "window": {"start": "2027-03-02", "end": "2027-03-02"}},
            "pickup 2027-03-02",
        ),
        (
            {"mode": "delivery", "window": {"start": "2027-03-02", "end": "2027-03-04"}},
            "delivery 2027-03-02 to 2027-03-04",
        ),
    ],
)
def test_when(fulfil, words: str):
    assert when(offer(1, fulfil=fulfil)) == words


def test_every_line_wish_and_term_is_explained():
    unmet = MUST | {"status": "unmet", "fact": None, "why": "110 V; asked: 230 V"}
    found = "\n".join(
        explained(
            offer(
                1,
                musts=[MUST, unmet],
                prefers=[MUST],
                due_now_text="50.00 EUR",
                problems=[{"reason": "expired", "sentence": "it has ended"}],
            )
        )
    )
    for words in (
        "Machine  item",
        "list price",
        "2  Grinder",
        "0  2027-03-02",
        "110 V; asked: 230 V",
        "preferences",
        "it has ended",
        "due now: 50.00 EUR",
        "terms: PDC-INTENT (yours, accepted)",
        "key-0000-0000, first contact; firm",
        "payment: card, at delivery",
        "leaving costs: 0.00 EUR until 2027-02-25",
        "warranty: not said",
        "note: Two years of use",
        "score 900",
        "total  850 points  x 3  lowest",
    ):
        assert words in found


def test_empty_parts_are_left_out():
    found = explained(offer(1, options=[], slots=[], musts=[], marks=[], note="", terms=None))
    assert not {"options (--option N)", "times (--slot N)", "musts"} & {x.strip() for x in found}
    assert not any("note:" in line or "payment link" in line for line in found)
    assert any("terms: not said" in line for line in found)


@pytest.mark.parametrize("columns", [80, 60])
def test_on_a_narrow_terminal_handle_and_total_are_whole(columns: int):
    vendor = {"name": "Camera Corner (example)", "key": "k", "trust": "first contact"}
    offers = [offer(1, vendor=vendor), offer(2, vendor=vendor, marks=[])]
    head, rows = overview_rows(offers, columns)
    lines = [head, *(line for row in rows for line in row)]
    assert all(len(line) <= columns for line in lines)
    assert "offer-AAA1-BBBB" in rows[0][0]
    assert "249.00 EUR" in rows[0][0]
    assert "Camera Corner (e" in rows[0][0]
    assert "of which" not in head
    # What a buyer must see is not lost with its column.
    assert rows[0][1] == "   pay before"
    assert len(rows[1]) == 1
    assert overview(offers, columns) == lines
