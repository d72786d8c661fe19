"""The life of one's own intentcast, from draft to its end.

Enters: the state and an event. Leaves: the next state and what must be done about it. The runtime
loads the state, calls `step` and saves the result inside one transaction; nothing returned has
happened yet. Losing vendors hear one word, `closed`, at the published time and never at the award.
Source: docs/protocol/13-deal.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msgspec.structs import replace

from protocol.objects.intentcast import Intentcast
from protocol.objects.reply import Reply


class CastState(StrEnum):
    """Where a cast stands."""

    DRAFT = "draft"
    OPEN = "open"
    DECIDING = "deciding"
    AWARDED = "awarded"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    EXPIRED = "expired"


class CastEvent(StrEnum):
    """What happened to it."""

    PUBLISHED = "published"
    AMENDED = "amended"
    ACCEPTED = "accepted"
    DEAL_FAILED = "deal_failed"
    DECIDE_BY_PASSED = "decide_by_passed"
    REVOKED = "revoked"
    EXPIRED = "expired"


TRANSITIONS: dict[CastState, dict[CastEvent, CastState]] = {
    CastState.DRAFT: {
        CastEvent.PUBLISHED: CastState.OPEN,
        CastEvent.REVOKED: CastState.REVOKED,
        # Nobody could answer in time what was never public.
        CastEvent.DECIDE_BY_PASSED: CastState.EXPIRED,
        CastEvent.EXPIRED: CastState.EXPIRED,
    },
    CastState.OPEN: {
        CastEvent.AMENDED: CastState.SUPERSEDED,
        CastEvent.ACCEPTED: CastState.AWARDED,
        CastEvent.DECIDE_BY_PASSED: CastState.DECIDING,
        CastEvent.REVOKED: CastState.REVOKED,
        CastEvent.EXPIRED: CastState.EXPIRED,
    },
    CastState.DECIDING: {
        CastEvent.ACCEPTED: CastState.AWARDED,
        CastEvent.REVOKED: CastState.REVOKED,
        CastEvent.EXPIRED: CastState.EXPIRED,
    },
    CastState.AWARDED: {
        CastEvent.DEAL_FAILED: CastState.DECIDING,
        CastEvent.DECIDE_BY_PASSED: CastState.AWARDED,
        CastEvent.EXPIRED: CastState.AWARDED,
    },
    CastState.SUPERSEDED: {},
    CastState.REVOKED: {},
    CastState.EXPIRED: {},
}

LIVE = frozenset({CastState.OPEN, CastState.DECIDING, CastState.AWARDED})
"""States in which offers are still taken in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseThreads:
    """Tell every thread that is not accepted that it is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CastStep:
    """Outcome of a step; `refused` when the event does not fit the state."""

    state: CastState
    """The next state; unchanged when refused."""
    refused: bool
    """Whether nothing may happen."""
    actions: tuple[CloseThreads, ...] = ()
    """To be performed by the runtime in the same transaction."""


_CLOSING = {
    (CastState.AWARDED, CastEvent.DECIDE_BY_PASSED),
    (CastState.AWARDED, CastEvent.EXPIRED),
    (CastState.OPEN, CastEvent.REVOKED),
    (CastState.DECIDING, CastEvent.REVOKED),
    (CastState.OPEN, CastEvent.EXPIRED),
    (CastState.DECIDING, CastEvent.EXPIRED),
}


def same_terms(one: Intentcast, other: Intentcast) -> bool:
    """Tell whether two forms of a request ask the same and differ in the way back alone.

    Offers to either then stay valid; otherwise an offer counts for the form it names.
    """
    return _terms_of(one) == _terms_of(other)


def _terms_of(body: Intentcast) -> Intentcast:
    nowhere = Reply(box=bytes(32), reader=bytes(32), at=[bytes(32)], until=0)
    return replace(body, reply=nowhere, supersedes=None)


def step(state: CastState, event: CastEvent) -> CastStep:
    """Move a cast.

    Args:
        state: where it stands.
        event: what happened; its time was judged by the caller.

    Returns:
        The next state and actions, or the same state with `refused`.
    """
    target = TRANSITIONS[state].get(event)
    if target is None:
        return CastStep(state=state, refused=True)
    actions = (CloseThreads(),) if (state, event) in _CLOSING else ()
    return CastStep(state=target, refused=False, actions=actions)
