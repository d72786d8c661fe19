"""What faces call: everything a person can ask of their node, as plain documents.

Enters: ids and drafts as typed. Leaves: JSON-ready documents with a schema tag, or an
IntentcastError with a code and the next step. No face reaches past this handle.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from node.config import Settings
from node.crashpoint import crashpoint
from node.errors import RefusedError, StorageError
from node.market.bindings import check_binding
from node.market.buyer import Buyer, Choice
from node.market.desk import Desk
from node.market.drafts import read_request
from node.market.errand import Errand, on_errand
from node.market.requests import Requests, read_local, write_local
from node.market.seller import Seller
from node.market.withdrawal import Withdrawal
from node.numerals import plural
from node.runtime import views
from node.runtime.access import Access
from node.runtime.chronicle import Chronicle, Signal
from node.runtime.custody import Custody
from node.runtime.diagnosis import (
    CAREFUL,
    CAREFUL_FIX,
    DEPENDENT,
    DEPENDENT_FIX,
    silent_notices,
)
from node.runtime.examiner import Examiner
from node.runtime.holds import Holds
from node.runtime.identity import Identity
from node.runtime.lookups import Lookups
from node.runtime.neighbours import Neighbours
from node.runtime.peers import unlinked
from node.runtime.people import People
from node.runtime.recovery import Recovery
from node.runtime.salesroom import Salesroom
from node.runtime.survey import Survey
from node.runtime.welcome import Welcome
from node.storage import casts, idempotency, outbox
from node.storage.casts import OwnCast
from node.storage.idempotency import Effect, EffectKind
from node.storage.outbox import OutgoingState
from node.timekeeper import Timekeeper
from node.version import VERSION
from protocol.errors import LocalProtocolError, Reason
from protocol.ids import NodeId, to_text
from protocol.market.cast import CastState
from protocol.market.ranking import Weights
from protocol.market.thread import ThreadState

if TYPE_CHECKING:
    import sqlite3

    from node.runtime.network import Network

_LOG = logging.getLogger(__name__)
_PUBLISH_PATIENCE_S = 5.0
_OUTBOX_SHOWN = 500
Document = dict[str, Any]


class ShopDesk(Protocol):
    """What the handle asks of the vendor's rooms; absent in homes that sell nothing."""

    async def status(self) -> Document:
        """Tell name, stock and what was answered."""
        ...

    async def import_feed(self, data: Path, options: Document) -> Document:
        """Read a feed into the catalogue."""
        ...


@dataclass(slots=True, kw_only=True)
class Rooms:
    """The rooms the handle leads to."""

    desk: Desk
    requests: Requests
    buyer: Buyer
    seller: Seller
    withdrawal: Withdrawal
    network: Network
    shop: ShopDesk


class Handle:
    """One node, as its owner sees it."""

    def __init__(
        self,
        rooms: Rooms,
        *,
        settings: Settings,
        home: Path,
        pid: int,
        signal: Signal,
        notices: Sequence[str],
    ) -> None:
        """Keep the rooms; nothing is started here."""
        self._rooms = rooms
        self._desk = rooms.desk
        self._lookups = Lookups(rooms.desk)
        self._timekeeper = Timekeeper(rooms.desk.clock, rooms.network.clock_median_ms)
        self._settings = settings
        self._home = home
        self._pid = pid
        self._signal = signal
        self.chronicle = Chronicle(rooms.desk.storage, signal)
        """What happened here."""
        self._notices = list(notices)
        self._started_ms = rooms.desk.clock.now().mono_ms
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.access: Access | None = None
        """Who may ask the API; None where a test opens no home."""
        self.custody: Custody | None = None
        """The home's keys and backups; None where a test opens no home."""
        self.recovery: Recovery | None = None
        """What follows a restore; None where a test opens no home."""
        self.identity: Identity | None = None
        """The shop's keys through their generations; None where a test opens no home."""
        self.examiner: Examiner | None = None
        """Looks the node over for `doctor`; None where a test opens no home."""
        self.salesroom: Salesroom | None = None
        """What the keeper of the shop looks at; None where a test opens no home."""
        self.holds: Holds | None = None
        """Acceptances that can still be undone; None where a test runs no tasks."""
        self.survey: Survey | None = None
        """Looks at the node as machines do; None where a test has no network."""
        self.neighbours: Neighbours | None = None
        """Who is near, and invites; None where a test has no network."""
        self.people = People(rooms.desk)
        """Shops that were heard, and those that are blocked."""
        self.welcome = Welcome(rooms.desk.storage, rooms.desk.clock)
        """The first steps."""

    # --- the node itself ----------------------------------------------------------------------

    async def status(self) -> Document:
        """Tell how the node is."""
        network, settings = self._rooms.network, self._settings
        if self.custody is not None:
            await self.custody.look()
        if self.recovery is not None:
            await self.recovery.look()
        counts = await self._desk.storage.read(outbox.load_counts)
        next_at = await self._desk.storage.read(outbox.load_next_try)
        notes = await self._desk.storage.read(outbox.load_note_count)
        own = await self._lookups.all_casts()
        deals = await self._lookups.all_deals()
        profile = self._rooms.seller.profile
        port, roles = network.port, network.roles()
        return {
            "schema": "intentcast.status/1",
            "version": VERSION,
            "net": settings.net,
            "node": to_text("node", network.node_id),
            "home": str(self._home),
            "pid": self._pid,
            "uptime_s": (self._desk.clock.now().mono_ms - self._started_ms) // 1000,
            "peers": len(network.peers()),
            "relay": "relay" in roles,
            "listen": f"{settings.listen_host}:{port}" if port is not None else None,
            "mailbox": "mailbox" in roles,
            "vendor": profile.body.name if profile else None,
            "casts": dict(Counter(row.state.value for row in own)),
            "reach": self._reach(own),
            "deals": dict(Counter(row.state.value for row in deals)),
            "locked": self._desk.keyring.is_locked,
            "outbox": {
                state.value: counts.get(state, 0)
                for state in (OutgoingState.PENDING, OutgoingState.EXPIRED, OutgoingState.REFUSED)
            }
            | {"parked": self._desk.post.parked, "notes": notes, "next_at": views.iso(next_at)},
            "private": network.detours.document(),
            "clock_offset_ms": network.clock_median_ms(),
            "notices": self._notices_now(counts.get(OutgoingState.PENDING, 0), next_at),
        }

    def silent_notices(self) -> list[str]:
        """Say whether it listens where nobody is told."""
        network = self._rooms.network
        return silent_notices(
            listens=network.port is not None,
            addresses=network.own_addresses(),
            is_announced=self._settings.lan == "on",
        )

    def _reach(self, own: list[OwnCast]) -> Document | None:
        """Tell how far the newest open request came, as far as this node can know."""
        is_open = [row for row in own if row.state is CastState.OPEN and row.cast_id is not None]
        newest = max(is_open, key=lambda row: row.created_ms, default=None)
        if newest is None or newest.cast_id is None:
            return None
        return views.reach_view(newest, self._rooms.network.seen_at(newest.cast_id))

    def _check_able(self) -> None:
        """Say why nothing can be signed now, before anything is begun."""
        self._desk.keyring.check()
        self._timekeeper.check()
        if self._desk.pen.halt is not None:
            raise self._desk.pen.halt()

    async def _until_able(self) -> None:
        """Refuse what cannot be signed; after a start, only once our boxes were read."""
        self._check_able()
        await self._desk.arrived()
        self._check_able()

    def _notices_now(self, waiting: int, next_at: int | None) -> list[str]:
        found = [*(self.custody.notices() if self.custody else ()), *self._notices]
        found += self.recovery.notices() if self.recovery else ()
        found += self.neighbours.notices() if self.neighbours else ()
        found += self.silent_notices()
        if not self._rooms.network.peers():
            found.append(views.offline_note(waiting, next_at, len(self._unlinked())))
        if dependent := self._rooms.network.dependence():
            what = DEPENDENT[dependent]
            found.append(f"{what[0].upper()}{what[1:]}. {DEPENDENT_FIX}")
        if views.lacks_way(self._rooms.network.detours.document()):
            found.append(f"{CAREFUL[0].upper()}{CAREFUL[1:]}. {CAREFUL_FIX}")
        if not self._timekeeper.holds:
            found.append("This computer's clock differs from its peers' by over 2 minutes.")
        return found

    async def peers(self) -> Document:
        """List links."""
        network = self._rooms.network
        found = network.peers()
        return {
            "schema": "intentcast.peers/1",
            "peers": [peer.document(is_only=len(found) == 1) for peer in found],
            "unlinked": self._unlinked(),
            "known": len(network.mailboxes()),
            "dependent_on": network.dependence(),
        }

    def _unlinked(self) -> list[Document]:
        network = self._rooms.network

        def is_linked(key: NodeId) -> bool:
            return network.link_to(key) is not None

        return unlinked(network.kept, is_linked, self._desk.clock.now())

    async def add_peer(self, address: str) -> Document:
        """Stay connected to one more address."""
        await self._rooms.network.add_peer(address)
        return await self.peers()

    async def outbox(self) -> Document:
        """List letters on their way, and those that ended without a receipt."""
        found = []
        for state in (OutgoingState.PENDING, OutgoingState.EXPIRED, OutgoingState.REFUSED):
            read = partial(outbox.load_by_state, state=state, limit=_OUTBOX_SHOWN)
            found += await self._desk.storage.read(read)
        return {
            "schema": "intentcast.outbox/1",
            "letters": [
                {
                    "kind": row.kind,
                    "to": to_text("key", row.to_key),
                    "state": row.state.value,
                    "tries": row.tries,
                    "mailboxes": len(row.mailboxes),
                    "put": len(row.put_at),
                    "next_at": views.iso(row.next_at),
                    "expires_at": views.iso(row.expires_at),
                    "reason": row.reason,
                }
                for row in found
            ],
        }

    # --- requests -----------------------------------------------------------------------------

    async def preview_cast(self, draft: Document) -> Document:
        """Tell what would be public and who would see what; nothing is kept."""
        request = await asyncio.to_thread(read_request, draft, self._desk.wall_ms())
        local = read_local(write_local(request))
        public = views.public_view(local.body)
        for private in ("nonce", "reply"):
            public.pop(private, None)
        return {
            "schema": "intentcast.preview/1",
            "public": public,
            "sees": views.who_sees_what(local.body, local),
        }

    async def create_cast(self, draft: Document) -> Document:
        """Keep a request, then sign and send it as soon as a mailbox takes its box.

        Raises:
            RefusedError: E-CAST-DISCARDED when the draft was thrown away while it waited.
        """
        await self._until_able()
        request = await asyncio.to_thread(read_request, draft, self._desk.wall_ms())
        return await self._publish(await self._rooms.requests.draft(request, draft))

    async def _publish(self, nonce: bytes) -> Document:
        """Try for a while to send a draft; give how it stands then."""
        try:
            for _ in range(int(_PUBLISH_PATIENCE_S * 5)):
                if await self._rooms.requests.publish(nonce):
                    break
                await asyncio.sleep(0.2)
        except StorageError as error:
            # The draft is on record: it goes out when the disk takes the rest.
            _LOG.warning("a draft waits for the disk: %s", error)
        row = await self._desk.storage.read(lambda db: casts.load_cast(db, nonce))
        if row is None:
            raise RefusedError(
                "this draft was thrown away while it waited to go out",
                code="E-CAST-DISCARDED",
                fix="Cast it again if it is still wanted: intentcast cast",
            )
        return await self._cast_document(row)

    async def _cast_document(self, row: OwnCast) -> Document:
        return {"schema": "intentcast.cast/1", "cast": await self._cast_view(row)}

    async def _cast_view(self, row: OwnCast) -> Document:
        seen_at = self._rooms.network.seen_at(row.cast_id) if row.cast_id else (0, 0)
        is_cut_off = views.lacks_way(self._rooms.network.detours.document())
        return await self._lookups.cast_view(row, seen_at, is_cut_off=is_cut_off)

    async def casts(self) -> Document:
        """List own casts, newest first."""
        rows = sorted(await self._lookups.all_casts(), key=lambda row: -row.created_ms)
        return {
            "schema": "intentcast.casts/1",
            "casts": [await self._cast_view(row) for row in rows],
        }

    async def cast(self, handle: str) -> Document:
        """Give one cast."""
        return await self._cast_document(await self._lookups.cast_row(handle))

    async def offers(
        self, cast_handle: str, *, weights: Mapping[str, int] | None = None
    ) -> Document:
        """Give a cast's offers, ranked by weights of terms; equal ones where none are given."""
        row = await self._lookups.cast_row(cast_handle)
        return {
            "schema": "intentcast.offers/1",
            "cast": await self._cast_view(row),
            "offers": await self._lookups.offers(row, Weights(**(weights or {}))),
        }

    async def revoke(self, handle: str) -> Document:
        """Take back a cast, or as a vendor an offer."""
        self._check_able()
        kind, object_id, state = await self._rooms.withdrawal.revoke(handle)
        self._signal.ring()
        return _revoked(kind, object_id, state)

    # --- deals --------------------------------------------------------------------------------

    async def accept(
        self,
        offer_handle: str,
        *,
        options: Sequence[int],
        slot: int | None,
        disclose: Mapping[str, str] | None,
        anyway: bool,
    ) -> Document:
        """Sign an acceptance, record it and send it."""
        await self._until_able()
        offer_id = await self._lookups.offer_id(offer_handle)
        await self._check_worth(offer_id, anyway=anyway)
        choice = Choice(
            offer_id=offer_id, options=options, slot=slot, disclose=disclose, anyway=anyway
        )
        row = await self._rooms.buyer.accept(choice)
        return await self._deal_document(row)

    async def weigh_acceptance(
        self,
        offer_handle: str,
        *,
        options: Sequence[int],
        slot: int | None,
        disclose: Mapping[str, str] | None,
        anyway: bool,
    ) -> Document:
        """Say what such an acceptance would mean, or why there can be none; sign nothing."""
        self._check_able()
        offer_id = await self._lookups.offer_id(offer_handle)
        await self._check_worth(offer_id, anyway=anyway)
        choice = Choice(
            offer_id=offer_id, options=options, slot=slot, disclose=disclose, anyway=anyway
        )
        found = await self._rooms.buyer.weigh(choice)
        profile = await self._lookups.load(found.offer.body.profile)
        key = found.offer.header.key
        return views.terms_view(found, views.name_of(profile, key) if profile else None)

    async def _check_worth(self, offer_id: bytes, *, anyway: bool) -> None:
        """Hold an offer against its cast once more, at the moment of the yes."""
        offer = await self._lookups.load(offer_id)
        cast = await self._lookups.load(offer.body.cast) if offer else None
        profile = await self._lookups.load(offer.body.profile) if offer else None
        if offer is None or cast is None:
            return
        verdict = self._lookups.verdict(cast, offer, profile)
        fatal = [problem for problem in verdict.problems if problem.fatal]
        late = offer.body.valid_until <= self._desk.wall_ms()
        if fatal and not late:
            raise RefusedError(
                f"that offer is not valid: {fatal[0].sentence}",
                code="E-OFFER-INVALID",
                fix="Choose another: intentcast offers",
            )
        if verdict.musts_met < len(verdict.musts) and not anyway:
            missed = len(verdict.musts) - verdict.musts_met
            raise RefusedError(
                f"that offer misses {missed} of your {plural(len(verdict.musts), 'must')}",
                code="E-MUST",
                fix="Look at it with --explain; to take it all the same add --anyway",
            )

    async def deals(self) -> Document:
        """List deals, newest first."""
        rows = await self._lookups.all_deals()
        return {
            "schema": "intentcast.deals/1",
            "deals": [await self._lookups.deal_view(row) for row in rows],
        }

    async def deal(self, handle: str) -> Document:
        """Give one deal."""
        return await self._deal_document(await self._lookups.deal_row(handle))

    async def _deal_document(self, row: Any) -> Document:
        return {"schema": "intentcast.deal/1", "deal": await self._lookups.deal_view(row)}

    async def decide_deal(self, handle: str, *, confirm: bool, reason: str) -> Document:
        """Confirm or refuse an acceptance that waits for a person."""
        self._desk.keyring.check()
        await self._desk.arrived()
        check_binding("deal", handle)
        row = await self._lookups.deal_row(handle)
        chosen = _refusal_reason(reason)
        refusal = await self._rooms.seller.decide(row.deal_id, confirm=confirm, reason=chosen)
        if refusal is not None:
            raise RefusedError(
                f"this deal is {row.state.value}; it cannot be decided now",
                code="E-DEAL-STATE",
                fix=f"See it: intentcast deal {handle[:60]}",
            )
        return await self.deal(handle)

    async def agreement(self, handle: str) -> tuple[str, bytes]:
        """Give a deal's bundle and a name for its file.

        Raises:
            RefusedError: E-NO-AGREEMENT before the vendor has confirmed.
        """
        row = await self._lookups.deal_row(handle)
        found = await self._lookups.agreement(row)
        if found is None:
            raise RefusedError(
                f"this deal is {row.state.value}; there is no agreement to keep",
                code="E-NO-AGREEMENT",
                fix=f"See it: intentcast deal {handle[:60]}",
            )
        name = to_text("deal", row.deal_id)[:14].lower()
        return f"{name}.agreement", found.bundle()

    # --- vendor -------------------------------------------------------------------------------

    async def vendor_status(self) -> Document:
        """Tell what this home sells and what it answered."""
        found = await self._rooms.shop.status()
        return found | {"locked": self._desk.keyring.is_locked}

    async def vendor_import(self, data: Path, options: Document) -> Document:
        """Read a feed into the catalogue."""
        return await self._rooms.shop.import_feed(data, options)

    # --- waiting ------------------------------------------------------------------------------

    async def events(self, after: int) -> AsyncIterator[Document]:
        """Give what happened after a cursor, in order, up to a page."""
        page = await self.chronicle.page(after)
        for event in page.events:
            yield event

    async def wait_changed(self, after: int, timeout_s: float) -> int:
        """Wait until the cursor passes `after` or time is up; give the cursor."""
        return await self.chronicle.wait(after, timeout_s)

    async def idempotent(
        self, key: str, body_hash: bytes, make: Callable[[], Awaitable[Document]]
    ) -> Document:
        """Do a thing once for a key; a second call gives the first answer again.

        Raises:
            RefusedError: E-IDEMPOTENCY when the key was used for another request.
        """
        # Held by name: the second of two calls at once waits for the first one's answer.
        turn = self._turns.setdefault(key, asyncio.Lock())
        async with turn:
            return await self._once(key, body_hash, make)

    async def _once(
        self, key: str, body_hash: bytes, make: Callable[[], Awaitable[Document]]
    ) -> Document:
        now = self._desk.wall_ms()
        recalled = await self._desk.storage.write(
            lambda conn: idempotency.recall(conn, key, body_hash, now)
        )
        if isinstance(recalled, idempotency.Conflict):
            raise RefusedError(
                "this Idempotency-Key was used for another request",
                code="E-IDEMPOTENCY",
                fix="Use a fresh key",
            )
        if isinstance(recalled, idempotency.Replay):
            known: Document = json.loads(recalled.answer)
            return known
        if isinstance(recalled, idempotency.Done):
            answer = await self._answer_from(recalled.effect)
        else:
            with on_errand(Errand(key=key, body_hash=body_hash)):
                answer = await make()
            crashpoint("idempotency.after_effect")
        stored = json.dumps(answer).encode()

        def keep(conn: sqlite3.Connection) -> None:
            idempotency.remember(conn, key, body_hash, stored, now)

        try:
            await self._desk.storage.write(keep)
        except StorageError as error:
            # It was done, and what it brought about is on record: a repetition is answered from it.
            _LOG.warning("an answer could not be kept: %s", error)
        return answer

    async def _answer_from(self, effect: Effect) -> Document:
        """Answer a call that was carried out before a crash: from what stands now."""
        match effect.kind:
            case EffectKind.CAST:
                return await self._publish(effect.id)
            case EffectKind.DEAL:
                return await self.deal(to_text("deal", effect.id))
            case EffectKind.DRAFT_DISCARDED:
                return _revoked("draft", effect.id, CastState.REVOKED.value)
            case EffectKind.CAST_REVOKED:
                return _revoked("cast", effect.id, CastState.REVOKED.value)
            case EffectKind.OFFER_REVOKED:
                return _revoked("offer", effect.id, ThreadState.WITHDRAWN.value)


def _revoked(kind: str, object_id: bytes, state: str) -> Document:
    return {
        "schema": "intentcast.revoke/1",
        "id": object_id.hex() if kind == "draft" else to_text(kind, object_id),
        "kind": kind,
        "state": state,
    }


def _refusal_reason(text: str) -> Reason:
    allowed = (Reason.OUT_OF_STOCK, Reason.WITHDRAWN, Reason.POLICY)
    chosen = {reason.value: reason for reason in allowed}.get(text or Reason.POLICY.value)
    if chosen is None:
        raise LocalProtocolError(
            f"'{text[:40]}' is not a reason",
            code="E-REASON",
            fix=f"Use one of: {', '.join(reason.value for reason in allowed)}",
        )
    return chosen
