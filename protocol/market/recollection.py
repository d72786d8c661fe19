"""Where a deal stands by its objects alone: for a side that lost its own record of it.

Enters: the verified objects of one deal, as the other party gave them back. Each was signed by one
of the two: something may have been left out, nothing can have been added. Leaves: the state of our
side, and which objects brought it there. Nothing is signed because of it. The table reads from the
top: the first row whose object is there holds, in the order in which the machine of
`protocol/market/deal` lets ends overrule what came before.
Source: docs/protocol/13-deal.md, "After a loss".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from protocol import limits
from protocol.errors import Reason, RemoteProtocolError
from protocol.market.deal import NO_ACK_MS, DealState, Role
from protocol.objects.acceptance import Acceptance
from protocol.objects.envelope import Verified
from protocol.objects.event import Agreed, Cancelled, Confirmed, Refused, Void, check_answers

_S = DealState
IMPLIED: Final[dict[Role, tuple[tuple[type[Any], DealState], ...]]] = {
    Role.BUYER: (
        (Void, _S.VOIDED),
        (Cancelled, _S.CANCELLED),
        (Agreed, _S.AGREED),
        (Refused, _S.DECLINED),
        (Acceptance, _S.ACCEPT_SENT),
    ),
    Role.VENDOR: (
        (Void, _S.VOIDED),
        (Cancelled, _S.CANCELLED),
        (Agreed, _S.AGREED),
        (Refused, _S.DECLINED),
        (Confirmed, _S.CONFIRMED),
        (Acceptance, _S.OFFERED),
    ),
}
"""What is there -> where our side stands; the first row that holds decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """One deal, put together again."""

    state: DealState
    """Where our side stands."""
    confirmed: Verified[Confirmed] | None = None
    """The vendor's yes."""
    agreed: Verified[Agreed] | None = None
    """The buyer's acknowledgement of it."""
    ended: Verified[Any] | None = None
    """What ended it."""


def recollect(
    role: Role, acceptance: Verified[Acceptance], events: Sequence[Verified[Any]]
) -> Recollection:
    """Say where a deal stands.

    Args:
        role: ours.
        acceptance: the deal's, held against its offer by the caller.
        events: events of its thread, of this deal or not; what does not fit is let be.
    """
    confirmed = _first(events, Confirmed, acceptance)
    agreed = _acknowledgement(events, acceptance, confirmed)
    ends = {
        kind: end
        for kind in (Void, Cancelled, Refused)
        if (end := _first(events, kind, acceptance)) is not None
    }
    found: set[type[Any]] = {Acceptance}
    found |= {Confirmed} if confirmed else set()
    found |= {Agreed} if agreed else set()
    found |= {kind for kind, end in ends.items() if _holds(end, acceptance, agreed, ends)}
    decisive, state = next(row for row in IMPLIED[role] if row[0] in found)
    ended = ends.get(decisive)
    if isinstance(ended, Verified) and _is_lapse(ended):
        # A vendor's word that the yes came too late ends a deal as a void does.
        state = DealState.VOIDED
    return Recollection(state=state, confirmed=confirmed, agreed=agreed, ended=ended)


def _first(
    events: Sequence[Verified[Any]], kind: type[Any], acceptance: Verified[Acceptance]
) -> Verified[Any] | None:
    """Find the first event of a kind that answers this acceptance."""
    for each in events:
        if isinstance(each.body, kind) and each.body.of == acceptance.id:
            is_buyers = kind is Void
            if is_buyers and _is_same_way(each, acceptance):
                return each
            if not is_buyers and _answers(each, acceptance):
                return each
    return None


def _is_same_way(event: Verified[Any], acceptance: Verified[Acceptance]) -> bool:
    header, its = event.header, acceptance.header
    return (header.key, header.to, header.thread) == (its.key, its.to, its.thread)


def _answers(event: Verified[Any], to: Verified[Any]) -> bool:
    try:
        check_answers(event.header, to.header)
    except RemoteProtocolError:
        return False
    return True


def _acknowledgement(
    events: Sequence[Verified[Any]],
    acceptance: Verified[Acceptance],
    confirmed: Verified[Confirmed] | None,
) -> Verified[Agreed] | None:
    if confirmed is None or confirmed.body.review_key != acceptance.body.review_key:
        return None
    for each in events:
        fits = isinstance(each.body, Agreed) and each.body.of == confirmed.id
        if fits and each.body.fields == acceptance.body.fields and _answers(each, confirmed):
            return each
    return None


def _holds(
    end: Verified[Any],
    acceptance: Verified[Acceptance],
    agreed: Verified[Agreed] | None,
    ends: dict[type[Any], Verified[Any]],
) -> bool:
    """Apply to an end what the machine asks of it when it is recorded."""
    if isinstance(end.body, Void):
        bound_until = acceptance.body.confirm_by + limits.void_grace_ms
        was_bound = end.header.at < bound_until and len(ends) == 1
        return not was_bound and (agreed is None or end.header.at < agreed.header.at)
    if isinstance(end.body, Cancelled):
        waited_ms = end.header.at - acceptance.header.at
        return agreed is None or waited_ms >= NO_ACK_MS - limits.skew_ms_max
    return True


def _is_lapse(end: Verified[Any]) -> bool:
    return isinstance(end.body, Refused) and end.body.reason == Reason.TOO_LATE.value
