"""A yes is to the exact bytes of one offer."""

from __future__ import annotations

import msgspec
import pytest

from protocol import limits
from protocol.errors import ObjectError, Reason
from protocol.objects.acceptance import AcceptedLine, CommittedField, accepted_lines
from protocol.values.quantity import Quantity
from tests.parties import buyer_ana, make_acceptance, make_cast, make_offer, make_profile

OFFER = make_offer(make_cast(), make_profile())
ACCEPTANCE = make_acceptance(OFFER)
WITH_BAG = make_acceptance(OFFER, options=[2])
ONE = Quantity(n="1", unit="each")


def check(acceptance=ACCEPTANCE, header=None, **changes):
    body = msgspec.structs.replace(acceptance.body, **changes)
    body.check_offer(
        msgspec.structs.replace(acceptance.header, **(header or {})),
        OFFER.id,
        OFFER.header,
        OFFER.body,
    )


def refused(**changes):
    with pytest.raises(ObjectError) as caught:
        check(**changes)
    return caught.value.reason, caught.value.field


def test_a_yes_fits_its_offer():
    check()
    check(WITH_BAG)
    assert WITH_BAG.body.total == ACCEPTANCE.body.total + 1_500
    assert [line.index for line in WITH_BAG.body.lines] == [0, 1, 2]
    check(slot=None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"offer": bytes(32)}, "offer"),
        ({"cur": "EUR"}, "cur"),
        ({"options": [0]}, "options"),
        ({"options": [2, 2]}, "options"),
        ({"options": [49]}, "options"),
        ({"options": [2]}, "lines"),
        ({"lines": [AcceptedLine(0, ONE)]}, "lines"),
        ({"lines": accepted_lines(OFFER.body, [2])}, "lines"),
        ({"lines": [AcceptedLine(0, Quantity(n="2", unit="each")), AcceptedLine(1, ONE)]}, "lines"),
        ({"total": 26_999}, "total"),
        ({"slot": 1}, "slot"),
        ({"confirm_by": ACCEPTANCE.body.confirm_by + 1}, "confirm_by"),
        ({"header": {"thread": bytes(32)}}, "thread"),
    ],
)
def test_anything_else_does_not(changes, field):
    assert refused(**changes) == (Reason.MISMATCH, field)


def test_a_total_without_its_option_does_not_fit():
    assert refused(acceptance=WITH_BAG, total=27_000) == (Reason.MISMATCH, "total")


def test_a_yes_may_be_two_minutes_late():
    edge = OFFER.body.valid_until + limits.expiry_tolerance_ms
    within = OFFER.body.confirm_within
    check(header={"at": edge}, confirm_by=edge + within)
    late = refused(header={"at": edge + 1}, confirm_by=edge + 1 + within)
    assert late == (Reason.MISMATCH, "at")


@pytest.mark.parametrize("header", [{"key": bytes(32)}, {"to": bytes(32)}, {"to": None}])
def test_it_is_between_the_offers_two_parties(header):
    assert refused(header=header)[0] is Reason.NOT_PARTY


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lines": [AcceptedLine(0, ONE)] * 2}, "lines"),
        ({"options": [2]}, "lines"),
        ({"fields": [CommittedField("name", bytes(32))] * 2}, "fields"),
        ({"reply": msgspec.structs.replace(buyer_ana.reply(), at=[bytes(32)] * 2)}, "reply.at"),
    ],
)
def test_rules_between_its_own_fields(changes, field):
    with pytest.raises(ObjectError) as caught:
        msgspec.structs.replace(ACCEPTANCE.body, **changes).check()
    assert caught.value.field == field


def test_accepted_lines_are_in_the_offers_order():
    assert [line.index for line in accepted_lines(OFFER.body, [])] == [0, 1]
    assert [line.index for line in accepted_lines(OFFER.body, [2])] == [0, 1, 2]
