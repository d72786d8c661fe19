"""The vendor's room: hears requests, answers those the shop can serve, confirms what it promised.

Enters: verified intentcasts from the network, acceptances and events from buyers, the shop's own
quotes. Leaves: one sealed offer per request, confirmations and refusals in the outbox. How a price
is made is not known here; a `Shop` is handed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from node.crashpoint import crashpoint
from node.errors import KeystoreError, StorageError
from node.keystore import PROFILE_CONTEXT
from node.market.amendments import Amendments
from node.market.deals import Deals, write_opened
from node.market.desk import Desk, Way, with_reply, write_reply
from node.market.errand import settling
from node.market.letters import Dropped, Opened, Taken, Verdict
from node.market.shop import Promise, Shop, Skipped
from node.storage import casts, deals, objects, offers_sent, restorations, successions, threads
from node.storage.deals import Deal as DealRow
from node.storage.idempotency import EffectKind
from node.storage.outbox import Priority
from node.storage.threads import Thread
from protocol import limits, sealing, signing
from protocol.errors import (
    IntentcastError,
    LocalProtocolError,
    ObjectError,
    Reason,
    RemoteProtocolError,
)
from protocol.ids import CastId, DealId, ObjectId, OfferId
from protocol.market import deal as deal_machine
from protocol.market import thread as thread_machine
from protocol.market.deal import DealState, Role
from protocol.market.disclosure import check_opened
from protocol.market.thread import ThreadEvent, ThreadState
from protocol.objects.acceptance import Acceptance
from protocol.objects.envelope import Verified
from protocol.objects.event import Agreed, Closed, Confirmed, Moved, Void, check_answers
from protocol.objects.header import Kind
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer
from protocol.objects.profile import Profile
from protocol.objects.reply import Reply

if TYPE_CHECKING:
    import sqlite3

_LOG = logging.getLogger(__name__)
ROLE = Role.VENDOR
_WAITING_MAX = 10_000
_SKIPPED_KEPT = 200
_LOOK_AGAIN_S = 1.0
_PROMISED_MAX = 1_000
_UNDECIDED = (DealState.OFFERED,)
_VOIDS_SOUGHT_MAX = 64
"""Events of a buyer looked through for a void that came first: it may not cost more."""


class Seller:
    """The vendor identity of one home."""

    def __init__(self, desk: Desk) -> None:
        """Keep the tools; nothing is answered before `open`."""
        self._desk = desk
        self._deals = Deals(desk)
        self._amendments = Amendments(desk, self._deals)
        self._shop: Shop | None = None
        self._profile: Verified[Profile] | None = None
        self._waiting: asyncio.Queue[Verified[Intentcast]] = asyncio.Queue(_WAITING_MAX)
        self._heard: set[bytes] = set()
        self.skipped: dict[bytes, Skipped] = {}
        self._undecided = asyncio.Event()
        self._failing: dict[bytes, str] = {}
        self._running: list[asyncio.Task[Any]] = []
        self.quoted = 0
        self.has_missed = False
        """Whether more was heard than could wait, as in a long time under lock."""

    @property
    def profile(self) -> Verified[Profile] | None:
        """The published profile, or None before `open`."""
        return self._profile

    def open(self, shop: Shop, profile: Verified[Profile]) -> None:
        """Start answering under this profile; a second call replaces shop and profile."""
        first = self._shop is None
        self._shop, self._profile = shop, profile
        if first:
            self._running = [
                self._desk.tasks.spawn(self._serve(), "seller quotes"),
                self._desk.tasks.spawn(self._decide_all(), "seller decides"),
            ]

    def hear(self, cast: Verified[Intentcast]) -> None:
        """Take note of a request; more than can wait are heard again at the next start."""
        if self._shop is None or cast.id in self._heard:
            return
        if self._waiting.full():
            self.has_missed = True
            return
        if self._profile is not None and cast.header.key == self._profile.header.key:
            return
        self._heard.add(cast.id)
        self._waiting.put_nowait(cast)

    async def _serve(self) -> None:
        while True:
            cast = await self._waiting.get()
            await self._desk.keyring.until_unlocked()
            if not self._desk.pen.timekeeper.holds:
                # Nothing is dated by a clock that is off; the request waits until it is mended.
                with contextlib.suppress(asyncio.QueueFull):
                    self._waiting.put_nowait(cast)
                await asyncio.sleep(_LOOK_AGAIN_S)
                continue
            try:
                await self._answer(cast)
            except KeystoreError:
                # Locked while it was quoted: it waits for the keys with all others.
                with contextlib.suppress(asyncio.QueueFull):
                    self._waiting.put_nowait(cast)
            except IntentcastError as error:
                # A rule that raises never sends; the request stays visible as skipped.
                self._skip(cast.id, Skipped(reason=error.code, words=str(error)))
            except Exception:  # noqa: BLE001 - a shop's rule may raise anything; nothing is sent
                _LOG.exception("quoting failed; nothing was sent")
                self._skip(cast.id, Skipped(reason="E-INTERNAL", words="a rule failed; see log"))
            finally:
                self._heard.discard(cast.id)

    def _skip(self, cast_id: bytes, skipped: Skipped) -> None:
        self.skipped[cast_id] = replace(skipped, at_ms=self._desk.wall_ms())
        while len(self.skipped) > _SKIPPED_KEPT:
            self.skipped.pop(next(iter(self.skipped)))
        self._desk.changed()

    async def _answer(self, cast: Verified[Intentcast]) -> None:
        shop, profile = self._shop, self._profile
        now = self._desk.wall_ms()
        if shop is None or profile is None or cast.header.exp <= now:
            return
        root = cast.header.thread or cast.id
        if await self._desk.storage.read(lambda db: casts.load_by_root(db, root)):
            # A home that buys and sells does not answer itself.
            return
        if await self._desk.storage.read(
            lambda db: offers_sent.load_offer_of(db, cast.id, PROFILE_CONTEXT, 0)
        ):
            return
        no = await self._desk.storage.write(lambda conn: self._why_silent(conn, cast))
        if no is not None:
            self._skip(cast.id, no)
            return
        signing.check_key(cast.header.key)
        sealing.check_box_key(cast.body.reply.box)
        if not await self._asks_anew(root, cast):
            return
        found = await shop.offer_for(
            cast, profile_id=profile.id, reply=profile.body.reply, now_ms=now
        )
        if isinstance(found, Skipped):
            self._skip(cast.id, found)
            return
        await self._desk.storage.write(lambda conn: self._send(conn, root, cast, found))
        crashpoint("offer.after_commit")
        self.quoted += 1
        self.skipped.pop(cast.id, None)
        self._desk.committed()

    def _why_silent(self, conn: sqlite3.Connection, cast: Verified[Intentcast]) -> Skipped | None:
        """Say why nothing may be promised to this buyer, or to anybody, now."""
        if restorations.is_held(conn, PROFILE_CONTEXT):
            held = restorations.held_error()
            return Skipped(reason=held.code, words=held.sentence)
        if successions.is_revoked(conn, cast.header.key):
            return Skipped(reason="revoked", words="the buyer ended the key of this request")
        return None

    async def _asks_anew(self, root: bytes, cast: Verified[Intentcast]) -> bool:
        """Tell whether a request is still to be quoted; follow it where it is answered already."""
        key = cast.header.key
        known = await self._desk.storage.read(
            lambda db: threads.load_with_party(db, root, ROLE, key)
        )
        if known is None:
            return True
        if cast.header.thread is None:
            # We met a later form of it first.
            return False

        def txn(conn: sqlite3.Connection) -> bool:
            thread = threads.with_party(conn, root, ROLE, key)
            if thread is None:
                return True
            # A thread begun under an older key of ours ends under it: it gets no offers any more.
            asks = self._amendments.follow(conn, thread, cast)
            return asks and thread.own_ctx == self._desk.pen.profile_ctx

        asks = await self._desk.storage.write(txn)
        self._desk.committed()
        return asks

    def _send(
        self, conn: sqlite3.Connection, root: bytes, cast: Verified[Intentcast], found: Offer
    ) -> None:
        ctx = self._desk.pen.profile_ctx
        known = threads.thread_of(conn, root, ROLE, ctx, cast.header.key)
        offer = found if known is None else self._amendments.revision(conn, known, found)
        if offer is None:
            return
        if offers_sent.offer_of(conn, cast.id, PROFILE_CONTEXT, offer.round) is not None:
            return
        objects.insert(conn, cast, own=False, now_ms=self._desk.wall_ms())
        objects.pin(conn, [cast.id])
        thread = known or Thread(
            cast_id=CastId(root),
            role=ROLE,
            own_ctx=ctx,
            other_key=cast.header.key,
            state=ThreadState.OFFERED,
            offer_id=None,
            profile_id=ObjectId(offer.profile),
            last_own_id=None,
            last_other_id=None,
            other_reply=write_reply(cast.body.reply),
            other_reply_at=cast.header.at,
            updated_ms=self._desk.wall_ms(),
        )
        sent = self._desk.send(
            conn,
            thread,
            Kind.OFFER,
            offer,
            Way(priority=Priority.OFFER, expires_at=offer.valid_until),
        )
        if len(sent.raw) > limits.first_letter_bytes_max:
            raise LocalProtocolError(
                f"the offer has {len(sent.raw)} bytes, at most {limits.first_letter_bytes_max}",
                code="E-OFFER-LONG",
                fix="Shorten the note, or quote fewer lines",
            )
        current = threads.thread_of(conn, root, ROLE, ctx, cast.header.key)
        threads.save(
            conn,
            replace(
                current or thread,
                state=ThreadState.OFFERED,
                offer_id=OfferId(sent.id),
                profile_id=ObjectId(offer.profile),
                last_own_id=sent.id,
            ),
        )
        offers_sent.claim(
            conn,
            cast_id=cast.id,
            own_ctx=PROFILE_CONTEXT,
            round_number=offer.round,
            offer_id=OfferId(sent.id),
            now_ms=self._desk.wall_ms(),
            exp=cast.header.exp,
        )
        self._desk.note(conn, "offer.sent", [sent.id, root])
        crashpoint("offer.before_commit")

    # --- acceptances and events in ----------------------------------------------------------

    def take(
        self, conn: sqlite3.Connection, ctx: bytes, verified: Verified[Any], opened: Opened
    ) -> Verdict:
        """Record an object from a buyer; see RoleRoom.take."""
        root = verified.header.thread or b""
        thread = threads.thread_of(conn, root, ROLE, ctx, verified.header.key)
        if thread is None:
            # A buyer speaks to a vendor only in a thread the vendor began with an offer.
            return Dropped(reason=Reason.UNKNOWN_PARENT)
        match verified.body:
            case Acceptance():
                return self._take_acceptance(conn, thread, verified)
            case Agreed():
                return self._take_agreed(conn, thread, verified, opened)
            case Void():
                return self._take_void(conn, thread, verified)
            case _:
                return self._take_other(conn, thread, verified)

    def _keep(
        self,
        conn: sqlite3.Connection,
        thread: Thread,
        verified: Verified[Any],
        reply: Reply | None = None,
        state: ThreadState | None = None,
    ) -> Thread:
        self._desk.record(conn, verified)
        kept = replace(
            with_reply(thread, reply, verified.header.at),
            last_other_id=verified.id,
            state=state or thread.state,
            updated_ms=self._desk.wall_ms(),
        )
        threads.save(conn, kept)
        return kept

    def _take_other(
        self, conn: sqlite3.Connection, thread: Thread, verified: Verified[Any]
    ) -> Verdict:
        match verified.body:
            case Moved():
                kept = self._keep(conn, thread, verified, verified.body.reply)
                self._deals.follow(conn, kept)
            case Closed():
                moved = thread_machine.step(thread.state, ThreadEvent.CLOSED)
                self._keep(conn, thread, verified, state=moved.state)
                self._desk.note(conn, "thread.closed", [thread.cast_id])
            case _:
                self._keep(conn, thread, verified)
        return Taken()

    def _take_acceptance(
        self, conn: sqlite3.Connection, thread: Thread, verified: Verified[Acceptance]
    ) -> Verdict:
        body = verified.body
        offer = self._desk.load(conn, body.offer)
        if offer is None or not isinstance(offer.body, Offer):
            return Dropped(reason=Reason.MISMATCH)
        try:
            body.check_offer(verified.header, offer.id, offer.header, offer.body)
        except RemoteProtocolError as error:
            return Dropped(reason=error.reason)
        now = self._desk.wall_ms()
        refusal = self._refusal(thread, offer)
        row = DealRow(
            deal_id=DealId(verified.id),
            role=ROLE,
            own_ctx=thread.own_ctx,
            cast_id=thread.cast_id,
            offer_id=OfferId(offer.id),
            other_key=thread.other_key,
            state=DealState.OFFERED,
            confirm_by=body.confirm_by,
            created_ms=now,
            updated_ms=now,
        )
        if not isinstance(deals.insert(conn, row), deals.DealInserted):
            # Only one acceptance of an offer can hold; the buyer's own rules forbid a second.
            return Dropped(reason=Reason.DUPLICATE)
        accepted = thread_machine.step(thread.state, ThreadEvent.ACCEPTED)
        kept = self._keep(conn, thread, verified, body.reply, state=accepted.state)
        self._desk.note(conn, "deal.offered", [verified.id, thread.cast_id])
        is_over = self._is_voided_before(conn, row, kept)
        if refusal is not None and not is_over:
            self._deals.apply(conn, row, kept, deal_machine.Refuse(reason=refusal))
        self._undecided.set()
        return Taken()

    def _refusal(self, thread: Thread, offer: Verified[Offer]) -> Reason | None:
        state = thread_machine.step(thread.state, ThreadEvent.ACCEPTED)
        if state.refusal is not None:
            return state.refusal
        if thread.offer_id != OfferId(offer.id):
            return Reason.WITHDRAWN
        # Judged by this moment: the acceptance's own date is its buyer's to choose.
        late_ms = self._desk.wall_ms() - offer.body.valid_until
        return Reason.EXPIRED if late_ms > limits.expiry_tolerance_ms else None

    def _take_agreed(
        self,
        conn: sqlite3.Connection,
        thread: Thread,
        verified: Verified[Agreed],
        opened: Opened,
    ) -> Verdict:
        confirmed = self._desk.load(conn, verified.body.of)
        if confirmed is None or not isinstance(confirmed.body, Confirmed):
            return Dropped(reason=Reason.MISMATCH)
        row = deals.deal_of(conn, confirmed.body.of)
        acceptance = self._desk.load(conn, confirmed.body.of)
        offer = self._desk.load(conn, row.offer_id) if row else None
        if row is None or acceptance is None or offer is None or row.confirmed_id != confirmed.id:
            return Dropped(reason=Reason.MISMATCH)
        try:
            check_answers(verified.header, confirmed.header)
            held = _opened_values(offer.body.cast, acceptance, verified, opened)
        except RemoteProtocolError as error:
            return Dropped(reason=error.reason)
        kept = self._keep(conn, thread, verified)
        changed, refusal = self._deals.apply(conn, row, kept, deal_machine.AgreedReceived())
        # The first acknowledgement is part of the agreement; no later one changes its bytes.
        if refusal is None and row.agreed_id is None:
            given = {name: (opened or {})[name] for name in held}
            deals.update(conn, replace(changed, agreed_id=verified.id, opened=write_opened(given)))
        return Taken()

    def _take_void(
        self, conn: sqlite3.Connection, thread: Thread, verified: Verified[Void]
    ) -> Verdict:
        row = deals.deal_of(conn, verified.body.of)
        acceptance = self._desk.load(conn, verified.body.of)
        if row is None or acceptance is None:
            # It follows no acceptance of ours: that one's letter was given up, and may yet come.
            self._keep(conn, thread, verified)
            return Taken()
        if acceptance.header.key != verified.header.key:
            return Dropped(reason=Reason.NOT_PARTY)
        kept = self._keep(conn, thread, verified)
        self._deals.apply(conn, row, kept, deal_machine.VoidReceived(at=verified.header.at))
        return Taken()

    def _is_voided_before(self, conn: sqlite3.Connection, deal: DealRow, thread: Thread) -> bool:
        """Carry out a void that came before its acceptance; tells whether there was one."""
        events = [
            row.id
            for row in objects.thread_of(conn, thread.cast_id)
            if row.kind is Kind.EVENT and row.key == thread.other_key
        ]
        for object_id in events[-_VOIDS_SOUGHT_MAX:]:
            found = self._desk.load(conn, object_id)
            if found and isinstance(found.body, Void) and found.body.of == deal.deal_id:
                event = deal_machine.VoidReceived(at=found.header.at)
                return self._deals.apply(conn, deal, thread, event)[1] is None
        return False

    # --- the shop's own yes or no -------------------------------------------------------------

    async def _decide_all(self) -> None:
        """Decide recorded acceptances, also those a restart or a crash left undecided."""
        while True:
            self._undecided.clear()
            await self._desk.keyring.until_unlocked()
            try:
                waiting = await self._waiting_deals()
                self._failing = {
                    row.deal_id: self._failing[row.deal_id]
                    for row in waiting
                    if row.deal_id in self._failing
                }
                for row in waiting:
                    await self._try_to_decide(row)
            except StorageError as error:
                _LOG.error("acceptances cannot be read: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await self._undecided.wait()

    async def _try_to_decide(self, row: DealRow) -> None:
        """Decide one; what fails waits for the next look, is told once, and stops no other."""
        try:
            await self._decide_one(row)
            self._failing.pop(row.deal_id, None)
        except Exception as error:  # noqa: BLE001 - a shop's rule may raise anything
            if self._failing.get(row.deal_id) != repr(error):
                self._failing[row.deal_id] = repr(error)
                _LOG.error("a deal could not be decided: %r", error, exc_info=error)

    async def _waiting_deals(self) -> list[DealRow]:
        return await self._desk.storage.write(lambda conn: deals.in_states(conn, _UNDECIDED))

    async def _decide_one(self, row: DealRow) -> None:
        shop = self._shop
        offer, promised = await self._desk.storage.write(lambda conn: self._promised(conn, row))
        if shop is None or offer is None:
            return
        event: deal_machine.DealEvent
        if self._desk.wall_ms() > row.confirm_by:
            # The machine turns a yes that comes too late into a lapse, and says so to the buyer.
            event = deal_machine.Confirm()
        elif not shop.confirms_by_itself(offer):
            return
        else:
            refusal = await shop.refusal(offer, promised)
            event = deal_machine.Refuse(reason=refusal) if refusal else deal_machine.Confirm()
        await self._desk.storage.write(lambda conn: self.move(conn, row.deal_id, event))
        crashpoint("decide.after_commit")
        self._desk.committed()

    def _promised(
        self, conn: sqlite3.Connection, row: DealRow
    ) -> tuple[Offer | None, list[Promise]]:
        if restorations.is_held(conn, PROFILE_CONTEXT):
            # After a restore nothing is decided before its owner reopened the shop.
            return None, []
        offer = self._desk.load(conn, row.offer_id)
        return offer.body if offer else None, self._held(conn)

    def _held(self, conn: sqlite3.Connection) -> list[Promise]:
        """Give what the newest deals that hold have promised."""
        held = deals.in_states(conn, [DealState.CONFIRMED, DealState.AGREED])
        newest = [each for each in held if each.role is ROLE][-_PROMISED_MAX:]
        # A damaged offer is being asked for again; the shop goes on without counting it.
        whole = [each for each in newest if objects.is_whole(conn, each.offer_id)]
        offers = [(self._desk.load(conn, each.offer_id), each) for each in whole]
        return [
            Promise(offer=offer.body, at_ms=row.confirmed_ms or row.updated_ms)
            for offer, row in offers
            if offer is not None
        ]

    async def promised(self) -> list[Promise]:
        """Give what deals that hold have promised, for a shop that has just opened."""
        return await self._desk.storage.write(self._held)

    # --- a human's word and the clock ---------------------------------------------------------

    async def decide(self, deal_id: bytes, *, confirm: bool, reason: Reason) -> Reason | None:
        """Confirm or refuse a waiting acceptance by hand; gives the rules' own refusal, if any."""
        event: deal_machine.DealEvent = (
            deal_machine.Confirm() if confirm else deal_machine.Refuse(reason=reason)
        )
        settle = settling(EffectKind.DEAL)

        def txn(conn: sqlite3.Connection) -> Reason | None:
            if restorations.is_held(conn, PROFILE_CONTEXT):
                raise restorations.held_error()
            refusal = self.move(conn, deal_id, event)
            if refusal is None:
                settle(conn, deal_id, self._desk.wall_ms())
            return refusal

        refusal = await self._desk.storage.write(txn)
        crashpoint("decide.after_human_commit")
        self._desk.committed()
        return refusal

    def move(
        self, conn: sqlite3.Connection, deal_id: bytes, event: deal_machine.DealEvent
    ) -> Reason | None:
        """Take one step of a vendor's deal inside a transaction."""
        row = deals.deal_of(conn, deal_id)
        thread = (
            threads.thread_of(conn, row.cast_id, ROLE, row.own_ctx, row.other_key) if row else None
        )
        if row is None or thread is None:
            return Reason.NOT_FOUND
        return self._deals.apply(conn, row, thread, event)[1]


def _opened_values(
    cast_id: bytes, acceptance: Verified[Acceptance], agreed: Verified[Agreed], opened: Opened
) -> dict[str, str]:
    """Hold the disclosed values against what the acceptance committed to.

    Raises:
        ObjectError: MISMATCH, naming the field.
    """
    fields = acceptance.body.fields
    if agreed.body.fields != fields:
        raise ObjectError(Reason.MISMATCH, "are not the acceptance's", field="fields")
    pairs = {name: [salt, text] for name, (salt, text) in (opened or {}).items()}
    return check_opened(fields, pairs, cast_id)
