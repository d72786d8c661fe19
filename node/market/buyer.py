"""The buyer's room: offers in, one yes.

Enters: offers and events from vendors, a person's choice. Leaves: acceptances and answers in the
outbox. Nothing a vendor has not been promised leaves before its confirmation is recorded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from node.crashpoint import crashpoint
from node.errors import NotFoundError, RefusedError, TransportError
from node.market.blocks import blocked_keys
from node.market.deals import Deals, can_disclose, state_of, write_opened
from node.market.desk import ACCEPT_LIFE_MS, Desk, Way, newest_box, with_reply
from node.market.errand import settling
from node.market.letters import Dropped, Opened, Taken, Verdict, Waits
from node.market.places import Places
from node.market.requests import last_day_ms, read_budget, read_local
from node.numerals import span
from node.storage import casts, deals, dropped, objects, restorations, successions, threads
from node.storage.casts import OwnCast
from node.storage.deals import Deal as DealRow
from node.storage.idempotency import EffectKind
from node.storage.outbox import Priority
from node.storage.threads import Thread
from protocol import limits, signing
from protocol.errors import Reason, RemoteProtocolError
from protocol.ids import CastId, DealId, NodeId, ObjectId, OfferId
from protocol.market import cast as cast_machine
from protocol.market import deal as deal_machine
from protocol.market import thread as thread_machine
from protocol.market.cast import CastEvent, CastState
from protocol.market.deal import DealState, Role
from protocol.market.disclosure import SALT_BYTES, commit_fields
from protocol.market.marks import exceeds, outlay
from protocol.market.thread import ThreadEvent, ThreadState
from protocol.objects.acceptance import Acceptance, accepted_lines
from protocol.objects.envelope import Verified
from protocol.objects.event import Cancelled, Confirmed, Moved, Refused, check_answers
from protocol.objects.header import Kind
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer
from protocol.objects.profile import Profile
from protocol.objects.reply import Reply
from protocol.objects.revoke import Revoke
from protocol.values.money import Money, format_money

if TYPE_CHECKING:
    import sqlite3

ROLE = Role.BUYER


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person chose of an offer."""

    offer_id: bytes
    """The exact offer."""
    options: Sequence[int] = ()
    """Indexes of optional lines."""
    slot: int | None = None
    """Index of a slot."""
    disclose: Mapping[str, str] | None = None
    """Field -> value; None takes those of the cast."""
    anyway: bool = False
    """Taken although it passes the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptable:
    """What a yes would mean."""

    offer: Verified[Offer]
    """What is said yes to."""
    total: int
    """With the extras that were chosen, minor units."""
    discloses: Sequence[str]
    """Names of the values the vendor will learn."""


class Buyer:
    """All requests of one home."""

    def __init__(self, desk: Desk) -> None:
        """Keep the tools."""
        self._desk = desk
        self._deals = Deals(desk)
        self._places = Places(desk)

    # --- offers and events in -------------------------------------------------------------

    def take(
        self, conn: sqlite3.Connection, ctx: bytes, verified: Verified[Any], opened: Opened
    ) -> Verdict:
        """Record an object from a vendor; see RoleRoom.take."""
        del opened  # Vendors disclose nothing beside an envelope.
        own = casts.cast_of(conn, ctx)
        if own is None or own.root_id is None or verified.header.thread != own.root_id:
            return Dropped(reason=Reason.MISMATCH)
        thread = threads.thread_of(conn, own.root_id, ROLE, ctx, verified.header.key)
        if isinstance(verified.body, Offer):
            return self._take_offer(conn, own, thread, verified)
        if thread is None:
            return Waits()
        return self._take_event(conn, thread, verified)

    def _take_event(
        self, conn: sqlite3.Connection, thread: Thread, verified: Verified[Any]
    ) -> Verdict:
        match verified.body:
            case Confirmed() | Refused() | Cancelled():
                return self._take_deal_event(conn, thread, verified)
            case Revoke():
                return self._take_revoke(conn, thread, verified)
            case Moved():
                kept = self._keep(conn, thread, verified, verified.body.reply)
                self._deals.follow(conn, kept)
            case _:
                # Unknown or out-of-role events are kept and ignored.
                self._keep(conn, thread, verified)
        return Taken()

    def _keep(
        self,
        conn: sqlite3.Connection,
        thread: Thread,
        verified: Verified[Any],
        reply: Reply | None = None,
        **changes: Any,
    ) -> Thread:
        self._desk.record(conn, verified)
        kept = replace(
            with_reply(thread, reply, verified.header.at),
            last_other_id=verified.id,
            updated_ms=self._desk.wall_ms(),
            **changes,
        )
        threads.save(conn, kept)
        return kept

    def _take_offer(
        self,
        conn: sqlite3.Connection,
        own: OwnCast,
        thread: Thread | None,
        verified: Verified[Offer],
    ) -> Verdict:
        body = verified.body
        cast = self._cast_of(conn, own, body.cast)
        if cast is None:
            return Dropped(reason=Reason.MISMATCH)
        if own.state not in cast_machine.LIVE:
            return Dropped(reason=Reason.CLOSED)
        profile = self._desk.load(conn, body.profile)
        if profile is None:
            return Waits(want=body.profile)
        if not isinstance(profile.body, Profile) or profile.header.key != verified.header.key:
            return Dropped(reason=Reason.NOT_PARTY)
        refusal = self._offer_place(conn, own, thread, verified)
        if refusal is not None:
            return Dropped(reason=refusal)
        root = CastId(own.root_id or b"")
        base = thread or Thread(
            cast_id=root,
            role=ROLE,
            own_ctx=own.nonce,
            other_key=verified.header.key,
            state=ThreadState.OFFERED,
            offer_id=None,
            profile_id=None,
            last_own_id=None,
            last_other_id=None,
            other_reply=None,
            own_at=tuple(cast.body.reply.at),
            updated_ms=0,
        )
        objects.pin(conn, [profile.id])
        self._keep(
            conn,
            base,
            verified,
            body.reply,
            state=ThreadState.OFFERED,
            offer_id=OfferId(verified.id),
            profile_id=profile.id,
        )
        self._tell(conn, verified, "offer", [verified.id, root])
        return Taken()

    def _tell(
        self, conn: sqlite3.Connection, verified: Verified[Any], what: str, ids: list[bytes]
    ) -> None:
        """Tell the owner what a vendor said, unless it is one they blocked."""
        if verified.header.key not in blocked_keys(self._desk, conn):
            self._desk.note(conn, what, ids)

    def _offer_place(
        self,
        conn: sqlite3.Connection,
        own: OwnCast,
        thread: Thread | None,
        verified: Verified[Offer],
    ) -> Reason | None:
        """Ask whether there is room: one live offer per vendor, so many vendors per cast."""
        body = verified.body
        if thread is None:
            return self._places.take(conn, own, verified)
        if body.supersedes != thread.offer_id and not self._revises(conn, thread, body):
            return Reason.DUPLICATE
        refusal = thread_machine.step(thread.state, ThreadEvent.OFFER_REVISED).refusal
        if refusal is None and thread.state is ThreadState.WITHDRAWN:
            return self._places.take(conn, own, verified)
        return refusal

    def _cast_of(
        self, conn: sqlite3.Connection, own: OwnCast, cast_id: bytes
    ) -> Verified[Intentcast] | None:
        """Give the form of our request an offer names: any of ours that asks what it asks now."""
        named = self._desk.load(conn, cast_id)
        newest = self._desk.load(conn, own.cast_id or b"")
        if named is None or newest is None or not isinstance(named.body, Intentcast):
            return None
        is_ours = named.header.key == newest.header.key
        return named if is_ours and cast_machine.same_terms(named.body, newest.body) else None

    def _revises(self, conn: sqlite3.Connection, thread: Thread, offer: Offer) -> bool:
        """Tell whether an offer takes the place of a refused one that stood for the one we have."""
        refused = dropped.dropped_of(
            conn, thread.own_ctx, thread.other_key, offer.supersedes or b""
        )
        return refused is not None and refused.stands_for == thread.offer_id

    def _take_revoke(
        self, conn: sqlite3.Connection, thread: Thread, verified: Verified[Revoke]
    ) -> Verdict:
        target = self._desk.load(conn, verified.body.target)
        if target is None:
            return Waits()
        try:
            verified.body.check_target(verified.header, target.id, target.header)
        except RemoteProtocolError as error:
            return Dropped(reason=error.reason)
        moved = thread_machine.step(thread.state, ThreadEvent.OFFER_REVOKED)
        state = moved.state if OfferId(target.id) == thread.offer_id else thread.state
        self._keep(conn, thread, verified, state=state)
        self._tell(conn, verified, "offer.withdrawn", [target.id, thread.cast_id])
        return Taken()

    def _take_deal_event(
        self, conn: sqlite3.Connection, thread: Thread, verified: Verified[Any]
    ) -> Verdict:
        body = verified.body
        row = deals.deal_of(conn, body.of)
        acceptance = self._desk.load(conn, body.of)
        if row is None or acceptance is None or restorations.is_held(conn, thread.own_ctx):
            # Held after a restore, nothing is answered: an earlier life may have said otherwise.
            return Waits()
        try:
            if isinstance(body, Confirmed):
                body.check_acceptance(
                    verified.header, acceptance.id, acceptance.header, acceptance.body
                )
            else:
                check_answers(verified.header, acceptance.header)
        except RemoteProtocolError as error:
            return Dropped(reason=error.reason)
        kept = self._keep(conn, thread, verified)
        if isinstance(body, Confirmed) and not can_disclose(row, acceptance):
            # A restore lost the values that were promised; what cannot be kept runs to its void.
            self._desk.note(conn, "deal.values_lost", [row.deal_id])
            return Taken()
        self._deals.apply(conn, row, kept, _deal_event(verified, acceptance))
        return Taken()

    # --- one yes --------------------------------------------------------------------------

    async def accept(self, choice: Choice) -> DealRow:
        """Sign and queue the acceptance of an offer.

        Raises:
            NotFoundError: E-OFFER-UNKNOWN.
            RefusedError: E-OFFER-EXPIRED, E-OFFER-GONE, E-AWARDED, E-OPTION, E-SLOT, E-BUDGET,
                E-REOPEN, E-KEY-REVOKED, E-BLOCKED.
        """
        await self._extend_boxes(choice.offer_id)
        settle = settling(EffectKind.DEAL)

        def txn(conn: sqlite3.Connection) -> DealRow:
            row = self._accept(conn, choice)
            settle(conn, row.deal_id, row.created_ms)
            return row

        row = await self._desk.storage.write(txn)
        crashpoint("accept.after_commit")
        self._desk.committed()
        return row

    async def weigh(self, choice: Choice) -> Acceptable:
        """Tell what a yes would mean now; nothing is signed or kept.

        Raises:
            NotFoundError, RefusedError: as `accept` would.
            LocalProtocolError: E-DISCLOSE.
        """

        def look(conn: sqlite3.Connection) -> Acceptable:
            offer, _, own, cast = self._acceptable(conn, choice.offer_id)
            _check_choice(offer.body, choice)
            _check_budget(offer.body, choice, own, cast.body)
            kept = read_local(own.local).disclose if choice.disclose is None else choice.disclose
            commit_fields(offer.body.cast, kept, dict.fromkeys(kept, bytes(SALT_BYTES)))
            return Acceptable(
                offer=offer,
                total=offer.body.total_with(list(choice.options)),
                discloses=sorted(kept),
            )

        return await self._desk.storage.write(look)

    async def _extend_boxes(self, offer_id: bytes) -> None:
        """In a deal the way back outlives the last promised date by 60 days."""

        def look(conn: sqlite3.Connection) -> tuple[Thread, int, Reply] | None:
            offer = self._desk.load(conn, offer_id)
            thread = threads.by_offer(conn, offer_id, ROLE)
            if offer is None or thread is None:
                return None
            cast = self._desk.load(conn, offer.body.cast)
            if cast is None:
                return None
            promised = last_day_ms(_windows_of(offer.body)) + limits.reply_margin_ms
            return thread, promised, cast.body.reply

        found = await self._desk.storage.write(look)
        if found is not None and found[1] > found[2].until:
            thread, promised, reply = found
            most = self._desk.wall_ms() + limits.box_until_ms_max
            mailboxes = [NodeId(key) for key in reply.at]
            with contextlib.suppress(TransportError):
                # Out of reach just now: the box stands as it is and is extended later.
                await self._desk.post.open_box(thread.own_ctx, mailboxes, min(promised, most))

    def _accept(self, conn: sqlite3.Connection, choice: Choice) -> DealRow:
        offer, thread, own, cast = self._acceptable(conn, choice.offer_id)
        body: Offer = offer.body
        _check_choice(body, choice)
        _check_budget(body, choice, own, cast.body)
        now = self._desk.wall_ms()
        disclose = read_local(own.local).disclose if choice.disclose is None else choice.disclose
        opened = {
            name: (self._desk.entropy.bytes(SALT_BYTES), text) for name, text in disclose.items()
        }
        root = CastId(own.root_id or b"")
        acceptance = Acceptance(
            offer=offer.id,
            lines=accepted_lines(body, list(choice.options)),
            options=sorted(choice.options),
            slot=choice.slot,
            cur=body.cur,
            total=body.total_with(list(choice.options)),
            confirm_by=now + body.confirm_within,
            review_key=signing.public_key(self._desk.keyring.review_seed(offer.id)),
            fields=commit_fields(
                body.cast, disclose, {name: salt for name, (salt, _) in opened.items()}
            ),
            reply=self._current_reply(conn, own, cast),
        )
        sent = self._desk.send(
            conn,
            thread,
            Kind.ACCEPTANCE,
            acceptance,
            Way(priority=Priority.ACCEPTANCE, expires_at=acceptance.confirm_by + ACCEPT_LIFE_MS),
            at=now,
        )
        row = DealRow(
            deal_id=DealId(sent.id),
            role=ROLE,
            own_ctx=own.nonce,
            cast_id=root,
            offer_id=OfferId(offer.id),
            other_key=offer.header.key,
            state=DealState.ACCEPT_SENT,
            confirm_by=acceptance.confirm_by,
            opened=write_opened(opened),
            created_ms=now,
            updated_ms=now,
        )
        deals.insert(conn, row)
        crashpoint("accept.before_commit")
        self._award(conn, own, thread, sent.id)
        self._desk.note(conn, "deal.accept_sent", [sent.id, root])
        return row

    def _award(
        self, conn: sqlite3.Connection, own: OwnCast, thread: Thread, acceptance_id: ObjectId
    ) -> None:
        moved = cast_machine.step(own.state, CastEvent.ACCEPTED)
        casts.save(conn, replace(own, state=moved.state))
        accepted = thread_machine.step(thread.state, ThreadEvent.ACCEPTED)
        threads.save(
            conn,
            replace(
                thread,
                state=accepted.state,
                last_own_id=acceptance_id,
                updated_ms=self._desk.wall_ms(),
            ),
        )

    def _acceptable(
        self, conn: sqlite3.Connection, offer_id: bytes
    ) -> tuple[Verified[Offer], Thread, OwnCast, Verified[Intentcast]]:
        offer = self._desk.load(conn, offer_id)
        thread = threads.by_offer(conn, offer_id, ROLE)
        own = casts.cast_of(conn, thread.own_ctx) if thread else None
        if offer is None or thread is None or own is None:
            raise NotFoundError(
                "no such offer is here", code="E-OFFER-UNKNOWN", fix="List them: intentcast offers"
            )
        cast = self._desk.load(conn, offer.body.cast)
        if cast is None:
            raise NotFoundError("the cast of this offer is gone", code="E-CAST-UNKNOWN")
        if restorations.is_held(conn, own.nonce):
            raise restorations.held_error()
        if successions.is_revoked(conn, offer.header.key):
            raise RefusedError(
                "the key of this vendor was revoked",
                code="E-KEY-REVOKED",
                fix="Choose another: intentcast offers",
            )
        if offer.header.key in blocked_keys(self._desk, conn):
            raise RefusedError(
                "you blocked this shop",
                code="E-BLOCKED",
                fix="Take that back first:  intentcast people unblock KEY",
            )
        if cast_machine.step(own.state, CastEvent.ACCEPTED).refused:
            raise RefusedError(
                f"this request is {own.state} already",
                code="E-AWARDED" if own.state is CastState.AWARDED else "E-CAST-CLOSED",
                fix="See its deal: intentcast deal",
            )
        if thread.state is not ThreadState.OFFERED or thread.offer_id != offer_id:
            raise RefusedError(
                f"that offer is {thread.state}",
                code="E-OFFER-GONE",
                fix="Choose another: intentcast offers",
            )
        late = self._desk.wall_ms() - offer.body.valid_until
        if late >= 0:
            raise RefusedError(
                f"that offer ended {span(late)} ago",
                code="E-OFFER-EXPIRED",
                fix="Choose another:  intentcast offers        or ask again:  intentcast cast",
            )
        return offer, thread, own, cast

    def _current_reply(
        self, conn: sqlite3.Connection, own: OwnCast, cast: Verified[Intentcast]
    ) -> Reply:
        """Give the cast's way back, with the mailboxes and the time its box has now."""
        box = newest_box(conn, own.nonce)
        if box is None:
            return cast.body.reply
        return msgspec.structs.replace(
            cast.body.reply, at=list(box.mailboxes), until=max(box.until, cast.body.reply.until)
        )

    def void_due(
        self,
        conn: sqlite3.Connection,
        deal_id: bytes,
        boxes_read_since_ms: int | None,
        *,
        boxes_lost: bool = False,
    ) -> bool:
        """Ask the machine whether a silent deal may be voided; tells whether it was."""
        row = deals.deal_of(conn, deal_id)
        if row is None or row.state is not DealState.ACCEPT_SENT:
            return False
        thread = threads.thread_of(conn, row.cast_id, ROLE, row.own_ctx, row.other_key)
        if thread is None:
            return False
        event = deal_machine.VoidDue(boxes_read_since_ms=boxes_read_since_ms, boxes_lost=boxes_lost)
        if deal_machine.step(state_of(row), event, self._desk.clock.now()).refusal:
            # Too early is the usual answer; it is not worth a line of audit.
            return False
        return self._deals.apply(conn, row, thread, event)[1] is None


def _deal_event(
    verified: Verified[Any], acceptance: Verified[Acceptance]
) -> deal_machine.DealEvent:
    match verified.body:
        case Confirmed():
            return deal_machine.ConfirmedReceived(id=verified.id)
        case Refused():
            return deal_machine.RefusedReceived(reason=verified.body.reason)
        case _:
            waited_ms = verified.header.at - acceptance.header.at
            return deal_machine.CancelReceived(waited_ms=waited_ms)


def _check_choice(offer: Offer, choice: Choice) -> None:
    wrong = [i for i in choice.options if i not in offer.option_indexes()]
    if wrong or len(set(choice.options)) != len(choice.options):
        raise RefusedError(
            f"option {wrong[0] if wrong else choice.options[0]} is not one of this offer",
            code="E-OPTION",
            fix=f"Options: {offer.option_indexes() or 'none'}",
        )
    if choice.slot is not None and not 0 <= choice.slot < len(offer.fulfil.slots):
        raise RefusedError(
            f"slot {choice.slot} is not one of this offer",
            code="E-SLOT",
            fix=f"Slots: 0 to {len(offer.fulfil.slots) - 1}" if offer.fulfil.slots else "None",
        )


def _check_budget(offer: Offer, choice: Choice, own: OwnCast, cast: Intentcast) -> None:
    """Hold what a yes costs, with the options that are chosen, and what is due now to the budget.

    An amount in another currency is no more than the budget and no less; a mark says so.
    """
    total = offer.total_with(list(choice.options))
    at_home = read_budget(own.local)
    budgets = [] if at_home is None else [Money(cur=at_home[0], minor=at_home[1])]
    if cast.budget is not None and cast.budget.max is not None:
        budgets.append(cast.budget.max)
    for most in budgets:
        if exceeds(most, offer, total) and not choice.anyway:
            asked = format_money(outlay(offer, total), offer.cur)
            raise RefusedError(
                f"it asks {asked}, and your budget is {format_money(most.minor, most.cur)}",
                code="E-BUDGET",
                fix="Leave extras out, or choose another; to take it all the same add --anyway",
            )


def _windows_of(offer: Offer) -> list[str]:
    windows = [offer.fulfil.window] if offer.fulfil.window else []
    return [window.end for window in [*windows, *offer.fulfil.slots]]
