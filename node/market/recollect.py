"""Putting back what the other side told: objects, the thread, and deals where their objects say.

Enters: verified objects between the two parties of one thread, inside a change. Leaves: rows. What
is here already is never set back: a deal only moves on. Nothing is promised, confirmed or voided
because of it; a deal that now misses nothing but our answer waits until its owner reopened.
Source: docs/protocol/13-deal.md, "After a loss".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from node.keystore import PROFILE_CONTEXT
from node.market.copies import Copies
from node.market.deals import state_of, write_opened
from node.market.desk import Desk, with_reply
from node.market.letters import Opened, Waits
from node.storage import casts, deals, objects, offers_sent, restorations, threads, wanted
from node.storage.deals import Deal as DealRow
from node.storage.threads import Thread
from protocol.errors import RemoteProtocolError
from protocol.ids import DealId, OfferId
from protocol.market import cast as cast_machine
from protocol.market import thread as thread_machine
from protocol.market.cast import CastEvent, CastState
from protocol.market.deal import (
    FAILED,
    LIVE,
    CancelReceived,
    DealEvent,
    DealState,
    RefusedReceived,
    Role,
    VoidReceived,
    step,
)
from protocol.market.disclosure import check_opened
from protocol.market.recollection import Recollection, recollect
from protocol.market.thread import ThreadEvent, ThreadState
from protocol.objects.acceptance import Acceptance
from protocol.objects.envelope import Verified
from protocol.objects.event import (
    Agreed,
    Asked,
    Closed,
    Confirmed,
    Here,
    Moved,
    Refused,
    Told,
    Void,
)
from protocol.objects.header import Kind
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer
from protocol.objects.profile import Profile
from protocol.objects.revoke import Revoke

if TYPE_CHECKING:
    import sqlite3

_KINDS = frozenset({Kind.OFFER, Kind.ACCEPTANCE, Kind.EVENT, Kind.REVOKE})
_UNCHAINED = (Asked, Told, Here)
"""Events outside the chain of `prev`."""
_PROGRESS = {
    DealState.OFFERED: 0,
    DealState.ACCEPT_SENT: 0,
    DealState.CONFIRMED: 1,
    DealState.AGREED: 2,
    DealState.DECLINED: 3,
    DealState.VOIDED: 3,
    DealState.CANCELLED: 3,
}
"""How far a deal has come; a row is never set back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """The two of a thread, seen from here."""

    role: Role
    """Ours."""
    ctx: bytes
    """Our identity context."""
    root: bytes
    """Root cast."""
    other: bytes
    """The other's signing key."""


def between(desk: Desk, conn: sqlite3.Connection, party: Party) -> list[Verified[Any]]:
    """Open everything the two said to each other in a thread, in the order it was stored."""
    own = bytes(desk.pen.key(party.ctx))
    ways = {(own, party.other), (party.other, own)}
    found = []
    for row in objects.thread_of(conn, party.root):
        if row.kind in _KINDS and (row.key, row.to) in ways:
            verified = load_whole(desk, conn, row.id)
            if verified is not None:
                found.append(verified)
    return found


def load_whole(desk: Desk, conn: sqlite3.Connection, object_id: bytes) -> Verified[Any] | None:
    """Open a kept object; one that is damaged counts as one that is not here."""
    return desk.load(conn, object_id) if objects.is_whole(conn, object_id) else None


class Recollect:
    """Puts one thread back at a time."""

    def __init__(self, desk: Desk, copies: Copies) -> None:
        """Keep the tools; copies hear of what another life signed."""
        self._desk = desk
        self._copies = copies

    def restore(
        self,
        conn: sqlite3.Connection,
        party: Party,
        said: Sequence[Verified[Any]],
        opened: Opened,
    ) -> Waits | None:
        """Put back what was told.

        Args:
            conn: inside a change.
            party: the thread; it may be unknown here.
            said: objects of the two, each through the gate, in any order.
            opened: values the other side gives back beside them.

        Returns:
            What has to come first, or None when it is done.
        """
        offers = [each for each in said if isinstance(each.body, Offer)]
        for offer in offers:
            if not isinstance(self._profile_of(conn, offer), Verified):
                return Waits(want=offer.body.profile)
        self._keep(conn, party, said)
        found = between(self._desk, conn, party)
        thread = self._thread(conn, party, found)
        if thread is None:
            return None
        threads.save(conn, thread)
        deals_told = [each for each in found if isinstance(each.body, Acceptance)]
        # Ended ones first: the table has one place for those that hold.
        rows = [self._deal(conn, party, each, found, opened) for each in deals_told]
        known = [row for row in rows if row is not None]
        for row in sorted(known, key=lambda each: each.state not in FAILED):
            self._keep_deal(conn, row)
        self._settle(conn, party, thread)
        return None

    def _profile_of(self, conn: sqlite3.Connection, offer: Verified[Offer]) -> Verified[Any] | None:
        profile = load_whole(self._desk, conn, offer.body.profile)
        fits = profile is not None and isinstance(profile.body, Profile)
        return profile if fits and profile and profile.header.key == offer.header.key else None

    def _keep(self, conn: sqlite3.Connection, party: Party, said: Sequence[Verified[Any]]) -> None:
        """Record what is new, and tell the room of copies what another life of ours signed."""
        own = self._desk.pen.key(party.ctx)
        for each in self._due(conn, party, said):
            # What this home lost to damage comes back to it: that is no sign of another copy.
            is_new = objects.row_of(conn, each.id) is None and not wanted.is_wanted(conn, each.id)
            self._desk.record(conn, each)
            if is_new and each.header.key == own:
                self._copies.met_in(conn, party.ctx, each)

    def _due(
        self, conn: sqlite3.Connection, party: Party, said: Sequence[Verified[Any]]
    ) -> list[Verified[Any]]:
        """Leave out a confirmation that can be answered now: its own letter brings it, to be.

        On record it would be known when that letter comes, and the deal would run to its void. One
        that is told of a deal that waits for its owner is answered when that is reopened.
        """
        if party.role is not Role.BUYER or restorations.is_held(conn, party.ctx):
            return list(said)
        answered = {each.body.of for each in said if isinstance(each.body, Agreed)}
        waiting = {
            row.deal_id
            for row in deals.of_cast(conn, party.root)
            if row.role is Role.BUYER and row.state is DealState.ACCEPT_SENT
        }
        return [
            each
            for each in said
            if not isinstance(each.body, Confirmed)
            or each.body.of not in waiting
            or each.id in answered
        ]

    # --- the thread -----------------------------------------------------------------------------

    def _thread(
        self, conn: sqlite3.Connection, party: Party, found: Sequence[Verified[Any]]
    ) -> Thread | None:
        thread = threads.thread_of(conn, party.root, party.role, party.ctx, party.other)
        buyer = self._desk.pen.key(party.ctx) if party.role is Role.BUYER else party.other
        offers = [
            each
            for each in found
            if isinstance(each.body, Offer) and self._is_of(conn, each.body.cast, buyer, party.root)
        ]
        newest = max(offers, key=lambda each: (each.body.round, each.header.at), default=None)
        if thread is None:
            if newest is None:
                return None
            thread = Thread(
                cast_id=party.root,
                role=party.role,
                own_ctx=party.ctx,
                other_key=party.other,
                state=ThreadState.OFFERED,
                updated_ms=0,
            )
        thread = self._offered(conn, thread, newest)
        for each in sorted(found, key=lambda one: one.header.at):
            thread = self._follow(thread, each)
        return replace(thread, updated_ms=self._desk.wall_ms())

    def _is_of(self, conn: sqlite3.Connection, cast_id: bytes, buyer: bytes, root: bytes) -> bool:
        """Tell whether an object is here, and a form of this request that is the buyer's own."""
        cast = load_whole(self._desk, conn, cast_id)
        if cast is None or not isinstance(cast.body, Intentcast):
            return False
        return cast.header.key == buyer and root in (cast.id, cast.header.thread)

    def _offered(
        self, conn: sqlite3.Connection, thread: Thread, newest: Verified[Offer] | None
    ) -> Thread:
        if newest is None or newest.id == thread.offer_id:
            return thread
        kept = load_whole(self._desk, conn, thread.offer_id or b"")
        if kept is not None and kept.body.round >= newest.body.round:
            return thread
        objects.pin(conn, [newest.body.profile])
        if thread.role is Role.VENDOR:
            self._claim(conn, newest)
        return replace(thread, offer_id=OfferId(newest.id), profile_id=newest.body.profile)

    def _claim(self, conn: sqlite3.Connection, offer: Verified[Offer]) -> None:
        """Remember as a vendor what was quoted, so that it is not quoted twice."""
        body = offer.body
        if offers_sent.offer_of(conn, body.cast, PROFILE_CONTEXT, body.round) is None:
            offers_sent.claim(
                conn,
                cast_id=body.cast,
                own_ctx=PROFILE_CONTEXT,
                round_number=body.round,
                offer_id=offer.id,
                now_ms=self._desk.wall_ms(),
                exp=offer.header.exp,
            )

    def _follow(self, thread: Thread, each: Verified[Any]) -> Thread:
        """Take one object into the thread, in the order in which they were signed."""
        body = each.body
        if isinstance(body, _UNCHAINED):
            return thread
        reply = body.reply if isinstance(body, Offer | Acceptance | Moved) else None
        if each.header.key == thread.other_key:
            thread = replace(with_reply(thread, reply, each.header.at), last_other_id=each.id)
        else:
            own_at = thread.own_at if reply is None else tuple(reply.at)
            thread = replace(thread, last_own_id=each.id, own_at=own_at)
        event = _thread_event(body, thread)
        return thread if event is None else _stepped(thread, event)

    # --- deals ----------------------------------------------------------------------------------

    def _deal(
        self,
        conn: sqlite3.Connection,
        party: Party,
        acceptance: Verified[Acceptance],
        found: Sequence[Verified[Any]],
        opened: Opened,
    ) -> DealRow | None:
        """Give the row of a deal as its objects say; None when it is further, or does not hold."""
        body = acceptance.body
        offer = load_whole(self._desk, conn, body.offer)
        if offer is None or not isinstance(offer.body, Offer):
            return None
        try:
            body.check_offer(acceptance.header, offer.id, offer.header, offer.body)
        except RemoteProtocolError:
            return None
        told = recollect(party.role, acceptance, found)
        row = deals.deal_of(conn, acceptance.id)
        if row is None:
            row = _new_row(party, acceptance)
        elif self._is_kept(party, row, acceptance, told):
            return None
        values = row.opened or _values(offer.body.cast, acceptance, told, opened)
        return replace(
            row,
            state=told.state,
            confirmed_id=told.confirmed.id if told.confirmed else row.confirmed_id,
            confirmed_ms=told.confirmed.header.at if told.confirmed else row.confirmed_ms,
            agreed_id=told.agreed.id if told.agreed else row.agreed_id,
            ended_id=told.ended.id if told.ended else row.ended_id,
            opened=values,
            updated_ms=self._desk.wall_ms(),
        )

    def _is_kept(
        self, party: Party, row: DealRow, acceptance: Verified[Acceptance], told: Recollection
    ) -> bool:
        """Tell whether a row stays as it is: it is as far, or outlasts the other side's end of it.

        Our own `agreed` may be what was lost here, and be left out of what is told: an end counts
        for no more than if it had come by its own letter.
        """
        if _PROGRESS[told.state] <= _PROGRESS[row.state] or row.state in FAILED:
            return True
        ended = told.ended
        if ended is None or ended.header.key != party.other:
            return False
        event: DealEvent
        match ended.body:
            case Void():
                event = VoidReceived(at=ended.header.at)
            case Refused():
                event = RefusedReceived(reason=ended.body.reason)
            case _:
                event = CancelReceived(waited_ms=ended.header.at - acceptance.header.at)
        is_refused = step(state_of(row), event, self._desk.clock.now()).refusal is not None
        return is_refused and row.state is DealState.AGREED

    def _keep_deal(self, conn: sqlite3.Connection, row: DealRow) -> None:
        outcome = deals.insert(conn, row)
        if isinstance(outcome, deals.LineTaken):
            self._desk.note(conn, "deal.conflict", [row.deal_id, row.cast_id])
            return
        deals.update(conn, row)
        self._desk.note(conn, "deal.recalled", [row.deal_id, row.cast_id], state=row.state.value)

    def _settle(self, conn: sqlite3.Connection, party: Party, thread: Thread) -> None:
        """Bring thread and request to where the deals of this line are now."""
        rows = [
            row
            for row in deals.of_cast(conn, party.root)
            if row.role is party.role and row.own_ctx == party.ctx
        ]
        own = [row for row in rows if row.other_key == party.other]
        is_live = any(row.state in LIVE for row in own)
        event = ThreadEvent.ACCEPTED if is_live else ThreadEvent.DEAL_FAILED
        threads.save(conn, _stepped(thread, event))
        cast = casts.cast_of(conn, party.ctx) if party.role is Role.BUYER else None
        if cast is not None:
            is_taken = any(row.state in LIVE for row in rows)
            casts.save(conn, replace(cast, state=_cast_state(cast.state, is_taken=is_taken)))


def _cast_state(state: CastState, *, is_taken: bool) -> CastState:
    event = CastEvent.ACCEPTED if is_taken else CastEvent.DEAL_FAILED
    return cast_machine.step(state, event).state


def _stepped(thread: Thread, event: ThreadEvent) -> Thread:
    """Take a step of the thread's table; a refused one changes nothing."""
    return replace(thread, state=thread_machine.step(thread.state, event).state)


def _thread_event(body: Any, thread: Thread) -> ThreadEvent | None:
    if isinstance(body, Revoke) and body.target == thread.offer_id:
        return ThreadEvent.OFFER_REVOKED
    return ThreadEvent.CLOSED if isinstance(body, Closed) else None


def _new_row(party: Party, acceptance: Verified[Acceptance]) -> DealRow:
    is_buyer = party.role is Role.BUYER
    return DealRow(
        deal_id=DealId(acceptance.id),
        role=party.role,
        own_ctx=party.ctx,
        cast_id=party.root,
        offer_id=OfferId(acceptance.body.offer),
        other_key=party.other,
        state=DealState.ACCEPT_SENT if is_buyer else DealState.OFFERED,
        confirm_by=acceptance.body.confirm_by,
        created_ms=acceptance.header.at,
        updated_ms=acceptance.header.at,
    )


def _values(
    cast_id: bytes, acceptance: Verified[Acceptance], told: Recollection, opened: Opened
) -> dict[str, Any]:
    """Take back disclosed values that fit what the acceptance committed to."""
    if told.agreed is None or not opened:
        return {}
    pairs = {name: [salt, text] for name, (salt, text) in opened.items()}
    try:
        held = check_opened(acceptance.body.fields, pairs, cast_id)
    except RemoteProtocolError:
        return {}
    return write_opened({name: opened[name] for name in held})
