"""One yes each way: who is bound until when, what is answered, and what is never honoured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocol import limits
from protocol.errors import Reason
from protocol.market.deal import (
    FAILED,
    LIVE,
    NO_ACK_MS,
    TRANSITIONS,
    AckOverdue,
    AgreedReceived,
    CancelReceived,
    Confirm,
    ConfirmedReceived,
    Deal,
    DealAction,
    DealEvent,
    DealState,
    DealStep,
    Refuse,
    RefusedReceived,
    ReleaseLine,
    Role,
    SignAgreed,
    SignCancelled,
    SignConfirmed,
    SignRefused,
    SignVoid,
    VoidDue,
    VoidReceived,
    step,
)
from protocol.now import MINUTE_MS, Now

S = DealState
BY = 1_000_000_000
BOUND = BY + limits.void_grace_ms
FIRST, SECOND = b"1" * 32, b"2" * 32
VENDOR_EVENTS: list[DealEvent] = [
    Confirm(),
    Refuse(reason=Reason.OUT_OF_STOCK),
    AgreedReceived(),
    VoidReceived(at=BOUND + 1),
    AckOverdue(),
]
BUYER_EVENTS: list[DealEvent] = [
    ConfirmedReceived(id=FIRST),
    RefusedReceived(reason="out_of_stock"),
    VoidDue(boxes_read_since_ms=BOUND + 1),
    CancelReceived(waited_ms=NO_ACK_MS),
]


def at(wall_ms: int) -> Now:
    return Now(wall_ms=wall_ms, mono_ms=0)


def buyer(state: DealState = S.ACCEPT_SENT, **facts: Any) -> Deal:
    return Deal(role=Role.BUYER, state=state, confirm_by=BY, **facts)


def vendor(state: DealState = S.OFFERED, **facts: Any) -> Deal:
    return Deal(role=Role.VENDOR, state=state, confirm_by=BY, **facts)


def moved(outcome: DealStep) -> tuple[DealState, list[DealAction]]:
    assert outcome.refusal is None
    return outcome.deal.state, list(outcome.actions)


def test_the_table_names_every_state_and_each_is_live_or_failed():
    assert set(TRANSITIONS) == set(DealState)
    assert set(DealState) == LIVE | FAILED
    assert not LIVE & FAILED


@pytest.mark.parametrize(
    ("deal", "event"),
    [
        *((buyer(), event) for event in VENDOR_EVENTS),
        *((vendor(), event) for event in BUYER_EVENTS),
    ],
)
def test_nobody_takes_the_other_partys_step(deal: Deal, event: DealEvent):
    outcome = step(deal, event, at(BOUND + 2))
    assert outcome == DealStep(deal=deal, refusal=Reason.NOT_PARTY)


# --- the vendor's side ---------------------------------------------------------------------------


@pytest.mark.parametrize("wall_ms", [0, BY])
def test_a_vendor_confirms_up_to_the_moment_named(wall_ms: int):
    outcome = step(vendor(), Confirm(), at(wall_ms))
    assert moved(outcome) == (S.CONFIRMED, [SignConfirmed()])
    assert outcome.deal.confirmed_at == wall_ms


def test_a_yes_after_that_is_a_lapse():
    outcome = step(vendor(), Confirm(), at(BY + 1))
    assert moved(outcome) == (S.VOIDED, [SignRefused(reason=Reason.TOO_LATE), ReleaseLine()])


def test_a_vendor_refuses_with_its_reason():
    outcome = step(vendor(), Refuse(reason=Reason.OUT_OF_STOCK), at(0))
    assert moved(outcome) == (S.DECLINED, [SignRefused(reason=Reason.OUT_OF_STOCK), ReleaseLine()])


def test_a_vendor_confirms_once():
    done = step(vendor(), Confirm(), at(1)).deal
    again = step(done, Confirm(), at(2))
    assert again == DealStep(deal=done, refusal=Reason.UNEXPECTED)
    assert step(done, Refuse(reason=Reason.POLICY), at(2)).refusal is Reason.UNEXPECTED


def test_the_acknowledgement_comes_once_or_twice():
    done = step(vendor(S.CONFIRMED, confirmed_at=1), AgreedReceived(), at(2))
    assert moved(done) == (S.AGREED, [])
    assert moved(step(done.deal, AgreedReceived(), at(3))) == (S.AGREED, [])


@pytest.mark.parametrize("state", [S.OFFERED, S.CONFIRMED])
def test_a_void_ends_it_and_frees_the_offer(state: DealState):
    outcome = step(vendor(state), VoidReceived(at=BOUND + 1), at(BOUND + 9))
    assert moved(outcome) == (S.VOIDED, [ReleaseLine()])


@pytest.mark.parametrize("state", [S.DECLINED, S.VOIDED, S.CANCELLED])
def test_a_void_that_crossed_another_end_is_the_end_on_both_sides(state: DealState):
    assert moved(step(vendor(state), VoidReceived(at=0), at(BOUND + 9))) == (S.VOIDED, [])
    crossed: list[DealEvent] = [
        RefusedReceived(reason="policy"),
        CancelReceived(waited_ms=NO_ACK_MS),
    ]
    for event in crossed:
        assert moved(step(buyer(S.VOIDED), event, at(BOUND + 9))) == (S.VOIDED, [])


def test_a_void_does_not_undo_an_agreement():
    assert (
        step(vendor(S.AGREED), VoidReceived(at=BOUND + 1), at(BOUND + 9)).refusal
        is Reason.UNEXPECTED
    )


@pytest.mark.parametrize("state", [S.OFFERED, S.CONFIRMED])
def test_a_void_signed_while_its_buyer_was_bound_is_none(state: DealState):
    early = step(vendor(state), VoidReceived(at=BOUND - 1), at(BOUND + 9))
    assert (early.deal.state, early.refusal) == (state, Reason.NOT_YET)


def test_a_vendor_leaves_after_a_week_without_acknowledgement_and_not_before():
    waiting = vendor(S.CONFIRMED, confirmed_at=BY)
    early = step(waiting, AckOverdue(), at(BY + NO_ACK_MS))
    assert early == DealStep(deal=waiting, refusal=Reason.NOT_YET)
    outcome = step(waiting, AckOverdue(), at(BY + NO_ACK_MS + 1))
    assert moved(outcome) == (S.CANCELLED, [SignCancelled(), ReleaseLine()])
    assert step(outcome.deal, AgreedReceived(), at(BY)).refusal is Reason.UNEXPECTED


def test_a_deal_without_a_confirmation_is_never_overdue():
    assert step(vendor(S.CONFIRMED), AckOverdue(), at(2 * BY)).refusal is Reason.NOT_YET
    assert step(vendor(), AckOverdue(), at(2 * BY)).refusal is Reason.UNEXPECTED


# --- the buyer's side ----------------------------------------------------------------------------


@pytest.mark.parametrize("wall_ms", [0, BY, BOUND, BOUND + 10**9])
def test_the_first_confirmation_holds_whenever_it_comes_before_a_void(wall_ms: int):
    outcome = step(buyer(), ConfirmedReceived(id=FIRST), at(wall_ms))
    assert moved(outcome) == (S.AGREED, [SignAgreed(confirmed_id=FIRST)])
    assert (outcome.deal.confirmed_id, outcome.deal.confirmed_at) == (FIRST, wall_ms)


def test_a_second_copy_changes_nothing_and_a_second_confirmation_is_refused():
    done = step(buyer(), ConfirmedReceived(id=FIRST), at(1)).deal
    assert step(done, ConfirmedReceived(id=FIRST), at(2)) == DealStep(deal=done)
    assert step(done, ConfirmedReceived(id=SECOND), at(2)) == DealStep(
        deal=done, refusal=Reason.DUPLICATE
    )


@pytest.mark.parametrize("state", [S.VOIDED, S.DECLINED])
def test_a_confirmation_after_the_end_is_answered_with_the_void(state: DealState):
    outcome = step(buyer(state), ConfirmedReceived(id=FIRST), at(BOUND + 5))
    assert moved(outcome) == (S.VOIDED, [SignVoid()])
    assert outcome.deal.confirmed_id is None


def test_a_confirmation_of_a_cancelled_deal_is_not_looked_at():
    outcome = step(buyer(S.CANCELLED), ConfirmedReceived(id=FIRST), at(5))
    assert outcome.refusal is Reason.UNEXPECTED


@pytest.mark.parametrize(
    ("reason", "state"), [("out_of_stock", S.DECLINED), (Reason.TOO_LATE.value, S.VOIDED)]
)
def test_a_no_frees_the_line(reason: str, state: DealState):
    outcome = step(buyer(), RefusedReceived(reason=reason), at(1))
    assert moved(outcome) == (state, [ReleaseLine()])
    assert moved(step(outcome.deal, RefusedReceived(reason="policy"), at(2))) == (state, [])


def test_a_no_after_the_yes_is_not_believed():
    assert step(buyer(S.AGREED), RefusedReceived(reason="policy"), at(1)).refusal


@pytest.mark.parametrize(
    ("wall_ms", "read_ms"),
    [
        (BOUND, BOUND),
        (BOUND + 1, None),
        (BOUND + 1, BOUND),
        (BOUND + MINUTE_MS, BY),
        (BOUND, BOUND + 1),
    ],
)
def test_a_buyer_stays_bound_until_the_time_is_up_and_the_boxes_were_read(
    wall_ms: int, read_ms: int | None
):
    outcome = step(buyer(), VoidDue(boxes_read_since_ms=read_ms), at(wall_ms))
    assert outcome == DealStep(deal=buyer(), refusal=Reason.NOT_YET)


def test_after_that_it_is_free():
    outcome = step(buyer(), VoidDue(boxes_read_since_ms=BOUND + 1), at(BOUND + 1))
    assert moved(outcome) == (S.VOIDED, [SignVoid(), ReleaseLine()])


@pytest.mark.parametrize("state", [S.AGREED, S.DECLINED, S.VOIDED, S.CANCELLED])
def test_only_a_silent_deal_is_voided(state: DealState):
    outcome = step(buyer(state), VoidDue(boxes_read_since_ms=None), at(BOUND + 1))
    assert outcome.refusal is Reason.UNEXPECTED


def test_a_cancellation_frees_the_line_once():
    outcome = step(buyer(S.AGREED), CancelReceived(waited_ms=NO_ACK_MS), at(1))
    assert moved(outcome) == (S.CANCELLED, [ReleaseLine()])
    assert moved(step(outcome.deal, CancelReceived(waited_ms=NO_ACK_MS), at(2))) == (
        S.CANCELLED,
        [],
    )


def test_a_vendor_that_has_not_waited_a_week_cannot_leave():
    early = CancelReceived(waited_ms=NO_ACK_MS - limits.skew_ms_max - 1)
    outcome = step(buyer(S.AGREED), early, at(1))
    assert (outcome.deal.state, outcome.refusal) == (S.AGREED, Reason.NOT_YET)


@pytest.mark.parametrize(
    ("deal", "event"),
    [
        *[(buyer(state), event) for state in DealState for event in BUYER_EVENTS],
        *[(vendor(state), event) for state in DealState for event in VENDOR_EVENTS],
    ],
)
def test_no_step_but_the_buyers_yes_to_a_confirmation_discloses(deal: Deal, event: DealEvent):
    deal = replace(deal, confirmed_at=0)
    for wall_ms in (0, BY + 1, BOUND + 10**12):
        outcome = step(deal, event, at(wall_ms))
        discloses = any(isinstance(action, SignAgreed) for action in outcome.actions)
        assert discloses is (deal == buyer(confirmed_at=0) and isinstance(event, ConfirmedReceived))
        if outcome.refusal is not None:
            assert outcome == DealStep(deal=deal, refusal=outcome.refusal)


@pytest.mark.parametrize(
    ("wall_ms", "read_ms", "lost", "voided"),
    [
        (BOUND + limits.void_lost_ms + 1, None, True, True),
        (BOUND + limits.void_lost_ms + 1, BY, True, True),
        (BOUND + limits.void_lost_ms, None, True, False),
        (BOUND + limits.void_lost_ms + 1, None, False, False),
        (BOUND + 1, BOUND + 1, True, True),
    ],
)
def test_mailboxes_that_are_gone_for_good_hold_a_buyer_a_day_longer(
    wall_ms: int, read_ms: int | None, lost: bool, voided: bool
):
    event = VoidDue(boxes_read_since_ms=read_ms, boxes_lost=lost)
    outcome = step(buyer(), event, at(wall_ms))
    assert (outcome.refusal is None) is voided
    # Either way the first confirmation to come is answered, and never honoured after the void.
    late = step(outcome.deal, ConfirmedReceived(id=b"c" * 32), at(wall_ms + 1))
    assert late.deal.state is (S.VOIDED if voided else S.AGREED)
