"""The deal: acceptance, confirmation, `agreed`; one yes each way and one acknowledgement.

Enters: one side's state of a deal, an event, and the moment. Leaves: the next state and the signed
answers due, or a refusal. What this machine promises: never two agreements for one line, and no
disclosure before a confirmation is recorded. The acceptance binds the buyer until `confirm_by`;
the first confirmation before a recorded `void` holds, a later one is answered with the `void`.
Source: docs/protocol/13-deal.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, assert_never

from protocol import limits
from protocol.errors import Reason
from protocol.now import DAY_MS, Now

NO_ACK_MS = 7 * DAY_MS
"""A vendor without `agreed` for this long after confirming may leave."""


class Role(StrEnum):
    """Whose state it is."""

    BUYER = "buyer"
    VENDOR = "vendor"


class DealState(StrEnum):
    """Where one side stands; `accept_sent` is the buyer's, `offered`, `confirmed` the other's."""

    ACCEPT_SENT = "accept_sent"
    OFFERED = "offered"
    CONFIRMED = "confirmed"
    AGREED = "agreed"
    DECLINED = "declined"
    VOIDED = "voided"
    CANCELLED = "cancelled"


class DealEventName(StrEnum):
    """Names of the events, as the table reads."""

    CONFIRM = "confirm"
    REFUSE = "refuse"
    LAPSE = "lapse"
    CONFIRMED_RECEIVED = "confirmed_received"
    REFUSED_RECEIVED = "refused_received"
    LAPSED_RECEIVED = "lapsed_received"
    VOID = "void"
    VOID_RECEIVED = "void_received"
    AGREED_RECEIVED = "agreed_received"
    CANCEL = "cancel"
    CANCEL_RECEIVED = "cancel_received"


_S = DealState
_E = DealEventName
TRANSITIONS: dict[DealState, dict[DealEventName, DealState]] = {
    _S.ACCEPT_SENT: {
        _E.CONFIRMED_RECEIVED: _S.AGREED,
        _E.REFUSED_RECEIVED: _S.DECLINED,
        _E.LAPSED_RECEIVED: _S.VOIDED,
        _E.VOID: _S.VOIDED,
    },
    _S.OFFERED: {
        _E.CONFIRM: _S.CONFIRMED,
        _E.REFUSE: _S.DECLINED,
        _E.LAPSE: _S.VOIDED,
        _E.VOID_RECEIVED: _S.VOIDED,
    },
    _S.CONFIRMED: {
        _E.AGREED_RECEIVED: _S.AGREED,
        _E.VOID_RECEIVED: _S.VOIDED,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.AGREED: {
        _E.CONFIRMED_RECEIVED: _S.AGREED,
        _E.AGREED_RECEIVED: _S.AGREED,
        _E.CANCEL_RECEIVED: _S.CANCELLED,
    },
    _S.DECLINED: {
        _E.CONFIRMED_RECEIVED: _S.VOIDED,
        _E.REFUSED_RECEIVED: _S.DECLINED,
        # A void that crossed another end is the end on both sides.
        _E.VOID_RECEIVED: _S.VOIDED,
    },
    _S.VOIDED: {
        _E.CONFIRMED_RECEIVED: _S.VOIDED,
        _E.REFUSED_RECEIVED: _S.VOIDED,
        _E.LAPSED_RECEIVED: _S.VOIDED,
        _E.VOID_RECEIVED: _S.VOIDED,
        _E.CANCEL_RECEIVED: _S.VOIDED,
    },
    _S.CANCELLED: {
        _E.CANCEL_RECEIVED: _S.CANCELLED,
        _E.VOID_RECEIVED: _S.VOIDED,
    },
}

LIVE = frozenset({_S.ACCEPT_SENT, _S.OFFERED, _S.CONFIRMED, _S.AGREED})
"""States that occupy a line."""
FAILED = frozenset({_S.DECLINED, _S.VOIDED, _S.CANCELLED})
"""States after which the buyer may accept another offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """One side's state of one deal."""

    role: Role
    """Whose."""
    state: DealState
    """Where it stands."""
    confirm_by: int
    """Unix ms; signed by the buyer."""
    confirmed_id: bytes | None = None
    """The confirmation recorded first."""
    confirmed_at: int | None = None
    """Unix ms when it was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """The vendor's rules or its human say yes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The vendor says no."""

    reason: Reason
    """Why: withdrawn, out_of_stock, expired, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedReceived:
    """A verified confirmation of this deal came."""

    id: bytes
    """Its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedReceived:
    """A verified refusal of this deal came."""

    reason: str
    """Why; `too_late` reads as lapsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidDue:
    """The buyer's timer asks whether the deal may be voided."""

    boxes_read_since_ms: int | None
    """Oldest last reading of all reachable mailboxes of the acceptance's reply; None: none read."""
    boxes_lost: bool = False
    """Whether every one of those mailboxes is gone for good, and none came in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidReceived:
    """A verified void of this deal came."""

    at: int
    """Unix ms at which the buyer signed it, by the clock that signed `confirm_by`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedReceived:
    """A verified `agreed` came; its `of` was held against the confirmation by the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AckOverdue:
    """The vendor's timer or its human asks to leave an unacknowledged deal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReceived:
    """A verified `cancelled` came."""

    waited_ms: int
    """Its signed time less the acceptance's."""


DealEvent: TypeAlias = (
    Confirm
    | Refuse
    | ConfirmedReceived
    | RefusedReceived
    | VoidDue
    | VoidReceived
    | AgreedReceived
    | AckOverdue
    | CancelReceived
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignConfirmed:
    """Sign and send `confirmed` for this acceptance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignRefused:
    """Sign and send `refused`."""

    reason: Reason
    """The code sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignAgreed:
    """Sign and send `agreed` of this confirmation, the committed values beside it."""

    confirmed_id: bytes
    """The confirmation it acknowledges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignVoid:
    """Sign and send `void`; the same bytes again when one was signed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignCancelled:
    """Sign and send `cancelled` for want of an acknowledgement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseLine:
    """The line is free again: the thread, and on the buyer's side the cast, hear of the failure."""


DealAction: TypeAlias = (
    SignConfirmed | SignRefused | SignAgreed | SignVoid | SignCancelled | ReleaseLine
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DealStep:
    """Outcome of a step."""

    deal: Deal
    """The next state; unchanged when refused."""
    actions: tuple[DealAction, ...] = ()
    """To be performed by the runtime in the same transaction."""
    refusal: Reason | None = None
    """Why nothing may happen, or None."""


def _moved(deal: Deal, name: DealEventName, *actions: DealAction) -> DealStep:
    target = TRANSITIONS[deal.state].get(name)
    if target is None:
        return DealStep(deal=deal, refusal=Reason.UNEXPECTED)
    if deal.state in LIVE and target in FAILED:
        actions = (*actions, ReleaseLine())
    return DealStep(deal=replace(deal, state=target), actions=actions)


def step(deal: Deal, event: DealEvent, now: Now) -> DealStep:
    """Move one side of a deal.

    Args:
        deal: its state, loaded in this transaction.
        event: what happened; objects in it are verified and cross-checked.
        now: the moment of recording: lateness is judged here (I10).

    Returns:
        The next state and the answers due, or the same state and a reason.
    """
    match event:
        case Confirm() | Refuse() | AgreedReceived() | VoidReceived() | AckOverdue():
            return _vendor_step(deal, event, now)
        case ConfirmedReceived() | RefusedReceived() | VoidDue() | CancelReceived():
            return _buyer_step(deal, event, now)
        case _:
            assert_never(event)


def _vendor_step(
    deal: Deal, event: Confirm | Refuse | AgreedReceived | VoidReceived | AckOverdue, now: Now
) -> DealStep:
    if deal.role is not Role.VENDOR:
        return DealStep(deal=deal, refusal=Reason.NOT_PARTY)
    match event:
        case Confirm():
            return _confirm(deal, now)
        case Refuse():
            return _moved(deal, _E.REFUSE, SignRefused(reason=event.reason))
        case AgreedReceived():
            return _moved(deal, _E.AGREED_RECEIVED)
        case VoidReceived():
            return _void_received(deal, event)
        case AckOverdue():
            return _ack_overdue(deal, now)
        case _:
            assert_never(event)


def _void_received(deal: Deal, event: VoidReceived) -> DealStep:
    # The acceptance binds its buyer: a void signed while it did is none.
    if deal.state in LIVE and event.at < deal.confirm_by + limits.void_grace_ms:
        return DealStep(deal=deal, refusal=Reason.NOT_YET)
    return _moved(deal, _E.VOID_RECEIVED)


def _cancel_received(deal: Deal, event: CancelReceived) -> DealStep:
    # Counted from the buyer's own signature, since a vendor may date its confirmation back.
    if deal.state is _S.AGREED and event.waited_ms < NO_ACK_MS - limits.skew_ms_max:
        return DealStep(deal=deal, refusal=Reason.NOT_YET)
    return _moved(deal, _E.CANCEL_RECEIVED)


def _ack_overdue(deal: Deal, now: Now) -> DealStep:
    overdue = deal.confirmed_at is not None and now.wall_ms > deal.confirmed_at + NO_ACK_MS
    if deal.state is _S.CONFIRMED and not overdue:
        return DealStep(deal=deal, refusal=Reason.NOT_YET)
    return _moved(deal, _E.CANCEL, SignCancelled())


def _confirm(deal: Deal, now: Now) -> DealStep:
    if deal.state is _S.OFFERED and now.wall_ms > deal.confirm_by:
        # The buyer may void from confirm_by on; a yes after it could cross the void.
        return _moved(deal, _E.LAPSE, SignRefused(reason=Reason.TOO_LATE))
    moved = _moved(deal, _E.CONFIRM, SignConfirmed())
    if moved.refusal:
        return moved
    return replace(moved, deal=replace(moved.deal, confirmed_at=now.wall_ms))


def _buyer_step(
    deal: Deal, event: ConfirmedReceived | RefusedReceived | VoidDue | CancelReceived, now: Now
) -> DealStep:
    if deal.role is not Role.BUYER:
        return DealStep(deal=deal, refusal=Reason.NOT_PARTY)
    match event:
        case ConfirmedReceived():
            return _confirmed_received(deal, event.id, now)
        case RefusedReceived():
            lapsed = event.reason == Reason.TOO_LATE
            return _moved(deal, _E.LAPSED_RECEIVED if lapsed else _E.REFUSED_RECEIVED)
        case VoidDue():
            return _void_due(deal, event, now)
        case CancelReceived():
            return _cancel_received(deal, event)
        case _:
            assert_never(event)


def _confirmed_received(deal: Deal, confirmed_id: bytes, now: Now) -> DealStep:
    if deal.state is _S.AGREED:
        same = deal.confirmed_id == confirmed_id
        return DealStep(deal=deal, refusal=None if same else Reason.DUPLICATE)
    if deal.state in FAILED:
        # A confirmation after the void was recorded is answered with the void, never honoured.
        return _moved(deal, _E.CONFIRMED_RECEIVED, SignVoid())
    moved = _moved(deal, _E.CONFIRMED_RECEIVED, SignAgreed(confirmed_id=confirmed_id))
    if moved.refusal:
        return moved
    return replace(
        moved,
        deal=replace(moved.deal, confirmed_id=confirmed_id, confirmed_at=now.wall_ms),
    )


def _void_due(deal: Deal, event: VoidDue, now: Now) -> DealStep:
    bound_until = deal.confirm_by + limits.void_grace_ms
    if deal.state is _S.ACCEPT_SENT:
        read = event.boxes_read_since_ms
        is_read = read is not None and read > bound_until
        # A confirmation that lies where nobody can fetch it is answered with the void if it comes.
        is_lost = event.boxes_lost and now.wall_ms > bound_until + limits.void_lost_ms
        if now.wall_ms <= bound_until or not (is_read or is_lost):
            return DealStep(deal=deal, refusal=Reason.NOT_YET)
    return _moved(deal, _E.VOID, SignVoid())
