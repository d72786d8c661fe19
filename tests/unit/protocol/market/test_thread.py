"""A thread moves as its table says; a refusal names the state that refused."""

from __future__ import annotations

import itertools
from typing import TypeAlias

import pytest

from protocol.errors import Reason
from protocol.market.thread import TRANSITIONS, ThreadEvent, ThreadState, step

S: TypeAlias = ThreadState
E: TypeAlias = ThreadEvent


def test_the_table_names_every_state():
    assert set(TRANSITIONS) == set(ThreadState)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(ThreadState, ThreadEvent)))
def test_a_step_follows_the_table_or_is_refused_without_a_trace(state: S, event: E):
    outcome = step(state, event)
    target = TRANSITIONS[state].get(event)
    assert outcome.state is (target or state)
    assert (outcome.refusal is None) is (target is not None)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (S.ACCEPTED, Reason.DUPLICATE),
        (S.WITHDRAWN, Reason.WITHDRAWN),
        (S.CLOSED, Reason.CLOSED),
    ],
)
def test_an_acceptance_that_comes_too_late_is_told_why(state: S, reason: Reason):
    assert step(state, E.ACCEPTED).refusal is reason


def test_what_fits_no_state_is_unexpected():
    assert step(S.OFFERED, E.DEAL_FAILED).refusal is Reason.UNEXPECTED


def test_a_failed_deal_leaves_the_offer_where_it_was():
    assert step(S.ACCEPTED, E.DEAL_FAILED).state is S.OFFERED


def test_a_withdrawn_offer_can_be_replaced_and_a_closed_thread_cannot():
    assert step(S.WITHDRAWN, E.OFFER_REVISED).state is S.OFFERED
    assert step(S.CLOSED, E.OFFER_REVISED).refusal is Reason.CLOSED
