"""Each mark appears for its own reason and for no other."""

from __future__ import annotations

import pytest

from protocol.market.fit import fit_of
from protocol.market.marks import MarkCode, marks_of
from protocol.objects.intentcast import Budget, Item, Window
from protocol.objects.offer import CancelTerm, Fulfilment, Payment, TermsReply
from protocol.values.money import Money
from protocol.values.place import Where
from protocol.values.quantity import Quantity
from tests.parties import NOW_MS, SHOP, WANTED, cast_body, offer_body

CLEAN = {"cancel_terms": [CancelTerm(until=NOW_MS, fee=0)]}


def marks(cast=None, **changes):
    body = cast_body(**(cast or {}))
    offer = offer_body(bytes(32), bytes(32), **{**CLEAN, **changes})
    return {mark.code: mark.sentence for mark in marks_of(body, offer, fit_of(body, offer))}


def test_a_clean_offer_has_none():
    assert marks() == {}


EXACT = [Item(name="camera", qty=Quantity(n="1", unit="each"), substitute="exact")]
ELSEWHEN = Window(start="2027-01-10", end="2027-01-10", tz="UTC")


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        (
            {"cast": {"budget": Budget(max=Money(cur="USD", minor=26_999))}},
            MarkCode.OVER_BUDGET,
            "over the stated budget of 269.99 USD",
        ),
        ({"due_now": 500}, MarkCode.DEPOSIT, "asks a deposit of 5.00 USD, beside the total"),
        (
            {"pay": Payment(methods=["card"], when="before")},
            MarkCode.PAY_BEFORE,
            "is paid before it is fulfilled",
        ),
        (
            {"cancel_terms": [*CLEAN["cancel_terms"], CancelTerm(until=NOW_MS + 1, fee=27_001)]},
            MarkCode.LEAVING_COSTS_MORE,
            "leaving may cost more than the total: 270.01 USD",
        ),
        ({"cancel_terms": []}, MarkCode.LEAVING_NOT_SAID, "does not say what leaving costs"),
        ({"terms_reply": None}, MarkCode.NO_TERMS, "does not accept your terms"),
        (
            {"terms_reply": TermsReply(alternative="SD-BASE-A")},
            MarkCode.OTHER_TERMS,
            "answers with other terms: SD-BASE-A",
        ),
        (
            {"fulfil": Fulfilment(mode="delivery", window=ELSEWHEN)},
            MarkCode.DATES_MISSED,
            "misses the days asked for by 35",
        ),
        (
            {"fulfil": Fulfilment(mode="delivery")},
            MarkCode.DATES_NOT_SAID,
            "does not say on which days",
        ),
        (
            {"cast": {"when": [], "where": Where(cell=WANTED.cell)}},
            MarkCode.PLACE_MISSED,
            "outside the place asked for",
        ),
        (
            {"cast": {"when": [], "where": Where(remote=True)}},
            MarkCode.PLACE_MISSED,
            "has to be fetched",
        ),
        (
            {"cast": {"when": []}, "fulfil": Fulfilment(mode="pickup")},
            MarkCode.PLACE_NOT_SAID,
            "does not say where it is fetched",
        ),
        ({"firm": False}, MarkCode.NOT_FIRM, "has yet to be confirmed by a person"),
        (
            {"cast": {"items": EXACT}, "substitute": "similar"},
            MarkCode.SUBSTITUTE,
            "may bring something similar instead",
        ),
        ({"valid_until": NOW_MS + 1}, MarkCode.ENDS_EARLY, "ends before you mean to decide"),
    ],
)
def test_each_mark_has_one_cause(changes, code, sentence):
    assert marks(**changes) == {code: sentence}


def test_what_is_due_now_is_held_against_the_budget():
    most = Budget(max=Money(cur="USD", minor=27_000))
    assert marks({"budget": most}, due_now=27_000) == {
        MarkCode.DEPOSIT: "asks a deposit of 270.00 USD, beside the total"
    }
    assert marks({"budget": most}, due_now=27_001) == {
        MarkCode.OVER_BUDGET: "asks more now than the stated budget of 270.00 USD",
        MarkCode.DEPOSIT: "asks a deposit of 270.01 USD, beside the total",
        MarkCode.MORE_NOW: "asks more now than it costs: 270.01 USD",
    }


def test_no_mark_without_its_whole_cause():
    assert marks({"budget": Budget(max=Money(cur="USD", minor=27_000))}) == {}
    assert marks({"budget": Budget(max=Money(cur="EUR", minor=1))}) == {}
    assert marks({"budget": Budget(target=Money(cur="USD", minor=1))}) == {}
    assert marks({"budget": None}) == {}
    assert marks(cancel_terms=[CancelTerm(until=NOW_MS, fee=27_000)]) == {}
    assert marks(substitute="similar") == {}
    assert marks({"items": EXACT}) == {}
    assert marks({"when": []}, fulfil=Fulfilment(mode="pickup", place=SHOP)) == {}
