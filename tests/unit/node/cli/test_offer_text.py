"""Offers as rows to compare, and in full."""

from __future__ import annotations

import pytest

from node.cli.console import WIDE
from node.cli.offer_text import explained, marks, overview, when
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
    assert "a[31mbc" in row
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
        "terms: PDC-INTENT",
        "note: Two years of use",
        "score 900",
        "total  850 points  x 3  lowest",
    ):
        assert words in found


def test_empty_parts_are_left_out():
    found = explained(offer(1, options=[], slots=[], musts=[], marks=[], note="", terms=None))
    assert not {"options (--option N)", "times (--slot N)", "musts"} & {x.strip() for x in found}
    assert not any("note" in line or "terms" in line for line in found)
