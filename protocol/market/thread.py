"""One buyer's request and one vendor: the exchange of offers before a deal.

Enters: the state and an event. Leaves: the next state, or a refusal with a reason. A thread is
isolated: nothing in it depends on another thread. Counters come with negotiation; the state is
named here so that stored threads keep their meaning. Source: docs/protocol/13-deal.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocol.errors import Reason


class ThreadState(StrEnum):
    """Where a thread stands, for both sides alike."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class ThreadEvent(StrEnum):
    """What happened in it."""

    OFFER_REVISED = "offer_revised"
    ACCEPTED = "accepted"
    DEAL_FAILED = "deal_failed"
    OFFER_REVOKED = "offer_revoked"
    CLOSED = "closed"


TRANSITIONS: dict[ThreadState, dict[ThreadEvent, ThreadState]] = {
    ThreadState.OFFERED: {
        ThreadEvent.OFFER_REVISED: ThreadState.OFFERED,
        ThreadEvent.ACCEPTED: ThreadState.ACCEPTED,
        ThreadEvent.OFFER_REVOKED: ThreadState.WITHDRAWN,
        ThreadEvent.CLOSED: ThreadState.CLOSED,
    },
    ThreadState.ACCEPTED: {
        ThreadEvent.DEAL_FAILED: ThreadState.OFFERED,
    },
    ThreadState.WITHDRAWN: {
        ThreadEvent.OFFER_REVISED: ThreadState.OFFERED,
        ThreadEvent.CLOSED: ThreadState.CLOSED,
    },
    ThreadState.CLOSED: {},
}

_REFUSAL = {
    ThreadState.OFFERED: Reason.UNEXPECTED,
    ThreadState.ACCEPTED: Reason.DUPLICATE,
    ThreadState.WITHDRAWN: Reason.WITHDRAWN,
    ThreadState.CLOSED: Reason.CLOSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadStep:
    """Outcome of a step."""

    state: ThreadState
    """The next state; unchanged when refused."""
    refusal: Reason | None = None
    """Why nothing may happen, or None."""


def step(state: ThreadState, event: ThreadEvent) -> ThreadStep:
    """Move a thread.

    Args:
        state: where it stands.
        event: what happened.

    Returns:
        The next state, or the same state with the reason of the refusal.
    """
    target = TRANSITIONS[state].get(event)
    if target is None:
        return ThreadStep(state=state, refusal=_REFUSAL[state])
    return ThreadStep(state=target)
