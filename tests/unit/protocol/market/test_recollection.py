"""A deal put together again from its objects: where it stands for each side."""

from __future__ import annotations

import itertools

import pytest

from protocol import limits
from protocol.market.deal import NO_ACK_MS, DealState, Role
from protocol.market.recollection import IMPLIED, recollect
from protocol.now import MINUTE_MS
from protocol.objects.event import Cancelled, Closed, Refused, Void
from tests.parties import (
    Party,
    buyer_ana,
    make_acceptance,
    make_agreed,
    make_cast,
    make_confirmed,
    make_event,
    make_offer,
    make_profile,
    vendor_bo,
)

OFFER = make_offer(make_cast(), make_profile())
ACCEPTANCE = make_acceptance(OFFER)
CONFIRMED = make_confirmed(ACCEPTANCE)
AGREED = make_agreed(CONFIRMED, ACCEPTANCE)
AT = ACCEPTANCE.header.at
PAST_MS = ACCEPTANCE.body.confirm_by + limits.void_grace_ms
TO_VENDOR = {"to": vendor_bo.key, "thread": OFFER.header.thread}


def refused(reason="out_of_stock"):
    return make_event(vendor_bo, Refused(of=ACCEPTANCE.id, reason=reason), ACCEPTANCE)


def void(at=PAST_MS, **header):
    body = Void(of=ACCEPTANCE.id)
    return make_event(buyer_ana, body, ACCEPTANCE, header={**TO_VENDOR, "at": at, **header})


def cancelled(waited_ms=NO_ACK_MS):
    body = Cancelled(of=ACCEPTANCE.id, reason="no_ack")
    return make_event(vendor_bo, body, ACCEPTANCE, header={"at": AT + waited_ms})


def both(*events):
    return tuple(recollect(role, ACCEPTANCE, events).state.value for role in Role)


@pytest.mark.parametrize(
    ("events", "buyer", "vendor"),
    [
        ([], "accept_sent", "offered"),
        ([CONFIRMED], "accept_sent", "confirmed"),
        ([CONFIRMED, AGREED], "agreed", "agreed"),
        ([refused()], "declined", "declined"),
        ([refused("too_late")], "voided", "voided"),
        ([void()], "voided", "voided"),
        ([CONFIRMED, void()], "voided", "voided"),
        ([refused(), void(AT + MINUTE_MS)], "voided", "voided"),
        ([CONFIRMED, cancelled()], "cancelled", "cancelled"),
        ([CONFIRMED, AGREED, cancelled()], "cancelled", "cancelled"),
        ([CONFIRMED, AGREED, cancelled(MINUTE_MS)], "agreed", "agreed"),
        ([CONFIRMED, AGREED, refused()], "agreed", "agreed"),
        ([CONFIRMED, void(PAST_MS - 1)], "accept_sent", "confirmed"),
        ([CONFIRMED, AGREED, void()], "agreed", "agreed"),
    ],
)
def test_where_a_deal_stands(events, buyer, vendor):
    for order in itertools.permutations(events):
        assert both(*order) == (buyer, vendor)


def test_what_brought_it_there_is_named():
    found = recollect(Role.BUYER, ACCEPTANCE, [CONFIRMED, AGREED])
    assert (found.confirmed, found.agreed, found.ended) == (CONFIRMED, AGREED, None)
    ended = void()
    assert recollect(Role.VENDOR, ACCEPTANCE, [CONFIRMED, ended]).ended == ended


def test_an_acknowledgement_without_its_confirmation_is_none():
    assert both(AGREED) == ("accept_sent", "offered")


@pytest.mark.parametrize(
    "event",
    [
        make_event(vendor_bo, Refused(of=bytes(32), reason="policy"), ACCEPTANCE),
        make_event(Party("thief"), Refused(of=ACCEPTANCE.id, reason="policy"), ACCEPTANCE),
        make_event(vendor_bo, Void(of=ACCEPTANCE.id), ACCEPTANCE, header={"at": PAST_MS}),
        void(thread=bytes(32)),
        make_event(buyer_ana, Closed(of=OFFER.id), OFFER),
        make_confirmed(ACCEPTANCE, of=bytes(32)),
    ],
)
def test_what_does_not_fit_is_let_be(event):
    assert both(event) == ("accept_sent", "offered")


def test_an_acknowledgement_must_fit_both_ways():
    other_fields = make_agreed(CONFIRMED, ACCEPTANCE, fields=[])
    to_another = make_agreed(CONFIRMED, ACCEPTANCE, header={"to": Party("thief").key})
    for wrong in (other_fields, to_another):
        assert both(CONFIRMED, wrong) == ("accept_sent", "confirmed")
    strange = make_confirmed(ACCEPTANCE, review_key=bytes(32))
    acknowledged = make_agreed(strange, ACCEPTANCE)
    assert recollect(Role.BUYER, ACCEPTANCE, [strange, acknowledged]).agreed is None


def test_every_side_has_a_word_for_every_acceptance():
    for rows in IMPLIED.values():
        states = [state for _, state in rows]
        assert len(set(states)) == len(states)
        assert states[0] is DealState.VOIDED
