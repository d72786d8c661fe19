"""A cast moves as its table says, and losing vendors hear of it only at the published times."""

from __future__ import annotations

import itertools
from typing import TypeAlias

import pytest
from msgspec.structs import replace

from protocol.market.cast import (
    LIVE,
    TRANSITIONS,
    CastEvent,
    CastState,
    CloseThreads,
    same_terms,
    step,
)
from tests.parties import cast_body

S: TypeAlias = CastState
E: TypeAlias = CastEvent


def test_the_table_names_every_state():
    assert set(TRANSITIONS) == set(CastState)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(CastState, CastEvent)))
def test_a_step_follows_the_table_or_is_refused_without_a_trace(state: S, event: E):
    outcome = step(state, event)
    target = TRANSITIONS[state].get(event)
    assert outcome.state is (target or state)
    assert outcome.refused is (target is None)
    if outcome.refused:
        assert outcome.actions == ()


def closes(state: S, event: E) -> bool:
    return CloseThreads() in step(state, event).actions


def test_losers_hear_at_the_published_time_and_never_at_the_award():
    assert not closes(S.OPEN, E.ACCEPTED)
    assert not closes(S.DECIDING, E.ACCEPTED)
    assert not closes(S.OPEN, E.DECIDE_BY_PASSED)
    assert not closes(S.AWARDED, E.DEAL_FAILED)
    assert closes(S.AWARDED, E.DECIDE_BY_PASSED)
    assert closes(S.AWARDED, E.EXPIRED)


@pytest.mark.parametrize("state", [S.OPEN, S.DECIDING])
@pytest.mark.parametrize("event", [E.REVOKED, E.EXPIRED])
def test_threads_close_with_their_cast(state: S, event: E):
    assert closes(state, event)


@pytest.mark.parametrize("event", [E.DECIDE_BY_PASSED, E.EXPIRED])
def test_a_draft_whose_date_passes_ends_without_ever_being_public(event: E):
    outcome = step(S.DRAFT, event)
    assert outcome.state is S.EXPIRED
    assert outcome.actions == ()


def test_a_failed_deal_lets_the_buyer_choose_again():
    assert step(S.AWARDED, E.DEAL_FAILED).state is S.DECIDING
    assert step(S.DECIDING, E.ACCEPTED).state is S.AWARDED


def test_what_is_awarded_cannot_be_taken_back():
    assert step(S.AWARDED, E.REVOKED).refused
    assert step(S.AWARDED, E.ACCEPTED).refused


def test_ends_are_final():
    for state in set(CastState) - LIVE - {S.DRAFT}:
        assert TRANSITIONS[state] == {}


def test_forms_that_differ_in_the_way_back_alone_ask_the_same():
    one = cast_body()
    elsewhere = replace(one.reply, at=[b"e" * 32])
    moved = replace(one, reply=elsewhere, supersedes=b"s" * 32)
    assert same_terms(one, moved)
    assert same_terms(moved, one)
    assert not same_terms(one, replace(moved, title="Another thing"))
    assert not same_terms(one, replace(moved, max_offers=one.max_offers + 1))
