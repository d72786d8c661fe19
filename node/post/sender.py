"""The sender: carries every letter of the outbox until its recipient's own receipt, or its end.

Enters: pending rows, links that come up. Leaves: letters at mailboxes, rows that end acked, refused
or expired. Never: a row that ends on one mailbox's word, a letter changed between two tries, or by
a damaged disk, a wait that a restart forgets. Source: docs/protocol/08-post.md, "Retry".
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from node.clock import Clock
from node.crashpoint import crashpoint
from node.entropy import Entropy
from node.errors import KeystoreError, StorageError, TransportError
from node.post.carrier import ASK_MS, Carrier, Keys, Link, Spawner
from node.post.labour import Bench, labour
from node.post.retry import Backoff
from node.storage import audit, outbox, wanted
from node.storage.database import Storage
from node.storage.outbox import Outgoing
from node.storage.wanted import Wanted
from protocol import limits
from protocol.channel.messages import Refused
from protocol.channel.post import Put, PutDone, ReceiptAnswer, ReceiptQuery
from protocol.errors import LocalProtocolError, Reason, RemoteProtocolError
from protocol.ids import NodeId, ObjectId
from protocol.post.mailbox import put_digest
from protocol.post.receipt import check_receipt, open_receipt
from protocol.work import put_surplus_bits

if TYPE_CHECKING:
    # Named in types only: SQL is spoken in `node.storage` alone.
    import sqlite3

_LOG = logging.getLogger(__name__)
PUTS_PER_MAILBOX: Final = 8
"""Letters on their way to one mailbox at a time."""
_STEPS_MAX: Final = 64
"""Letters worked on at a time; guess."""
_TRACKED_MAX: Final = 1_000
"""Pending letters known at start to be hurried when a mailbox comes into reach; guess."""
_PUT_AGAIN_MS: Final = 3 * 60_000
"""A mailbox may have dropped the letter, for another or for want of a parent: it is put again after
this, and after waits that double; a mailbox that holds it still keeps it as it is; guess."""
_PUT_AGAIN_MS_MAX: Final = 30 * 60_000
"""The longest such wait."""
_CLIMB_BITS: Final = 2
"""What a letter brings more after a mailbox had no room for it; guess."""
_LIGHT_BITS_MAX: Final = 16
"""Work done at once, 0.1 s; more waits for its turn at the bench."""
_JUMP_MS: Final = 60_000
"""A wall clock that moves this far against the other one makes everything due."""
_DOWN_MAX: Final = 4_096
"""Mailboxes whose failures are remembered; guess."""
_EXPIRE_MS: Final = 10_000
"""How often rows whose time is over are ended; they are not sent meanwhile."""
_LOOK_S: Final = 10.0
"""The outbox is looked at this often at least: the wall clock may have jumped."""
_MS: Final = 1_000

OnEnded = Callable[[ObjectId, str], None]
"""Told (envelope id, state: acked, refused or expired) after a row's end is committed."""


def is_put(row: Outgoing) -> bool:
    """Tell whether enough mailboxes hold a letter: two, or the one there is."""
    return len(row.put_at) >= min(limits.put_mailboxes_min, len(row.mailboxes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Down:
    """A mailbox that failed; not asked again for every letter."""

    until_ms: int
    """Monotonic time before which it is let be."""
    failures: int
    """In a row."""


@dataclass(slots=True, kw_only=True)
class _Place:
    """What one run knows of a sealed letter at one mailbox."""

    bits: int
    """Work to bring."""
    start: int = 0
    """Where the search for that work goes on: no smaller number does."""
    put_ms: int | None = None
    """Monotonic time of the last put."""
    again_ms: int = 0
    """How long after that it is put again; 0 where the mailbox did not take it last time."""
    refusal: Reason | None = None
    """Why it will never take the letter as things stand, by its last word."""

    @property
    def is_held(self) -> bool:
        """Whether the mailbox held the letter when it was asked last."""
        return self.put_ms is not None and self.again_ms > 0


@dataclass(slots=True, kw_only=True)
class _Progress:
    """What one run knows of a sealed letter; a restart loses it, and asks a few questions more."""

    letter_hash: bytes
    reader: bytes
    places: dict[NodeId, _Place]
    """One for each mailbox of the letter."""
    is_climbing: bool = False
    """Whether some mailbox is to be asked again soon, with more work."""
    is_at_bench: bool = False
    """Whether hard work is done for it."""
    has_ended: bool = False


class Sender:
    """One per node; `run` it."""

    def __init__(
        self,
        *,
        net: str,
        clock: Clock,
        entropy: Entropy,
        tasks: Spawner,
        storage: Storage,
        carrier: Carrier,
        keys: Keys,
        backoff: Backoff,
        on_ended: OnEnded,
        on_gap: Callable[[], None],
        clock_holds: Callable[[], bool],
    ) -> None:
        """Start with nothing on its way.

        Args:
            net: network id.
            clock: both clocks.
            entropy: draws the waits.
            tasks: owns the steps.
            storage: keeps the outbox.
            carrier: the way to the mailboxes.
            keys: open the receipts.
            backoff: waits between tries.
            on_ended: told the fate of each letter after its commit.
            on_gap: told when the clocks have moved apart: a sleep, or a clock that was set.
            clock_holds: whether our clock may end a letter.
        """
        self._on_gap = on_gap
        self._clock_holds = clock_holds
        self._net = net
        self._clock = clock
        self._entropy = entropy
        self._tasks = tasks
        self._storage = storage
        self._carrier = carrier
        self._keys = keys
        self._backoff = backoff
        self._on_ended = on_ended
        self._bench = Bench()
        self._nudged = asyncio.Event()
        self._expire_ms = 0
        self._slots: WeakValueDictionary[NodeId, asyncio.Semaphore] = WeakValueDictionary()
        self._down: OrderedDict[NodeId, _Down] = OrderedDict()
        self._wall_less_mono_ms: int | None = None
        self._working: set[ObjectId] = set()
        self._hurried: set[ObjectId] = set()
        self._progress: dict[ObjectId, _Progress] = {}

    # --- what is due ------------------------------------------------------------------------------

    def nudge(self) -> None:
        """Look at the outbox now."""
        self._nudged.set()

    def unlocked(self) -> None:
        """Receipts can be opened again: ask for those of all letters under way."""
        self._hurried |= set(self._progress)
        self._nudged.set()

    def online(self) -> None:
        """Somebody can be reached again after nobody could: every letter is tried now."""
        self._down.clear()
        self._hurried |= set(self._progress)
        self._nudged.set()

    def link_up(self, node_id: NodeId) -> None:
        """Hurry everything that waits for this mailbox."""
        self._down.pop(node_id, None)
        hurried = {
            envelope_id
            for envelope_id, progress in self._progress.items()
            if node_id in progress.places
        }
        if hurried:
            self._hurried |= hurried
            self._nudged.set()

    def receipt_kept(self, letter_hash: bytes) -> None:
        """Our own mailbox has the receipt of a letter, perhaps of ours."""
        for envelope_id, progress in self._progress.items():
            if progress.letter_hash == letter_hash:
                self._hurried.add(envelope_id)
                self._nudged.set()

    async def run(self) -> None:
        """Carry letters; never ends by itself."""
        while True:
            try:
                await self._look_at_clocks()
                wait_s = await self._start_what_is_due()
            except StorageError as error:
                _LOG.error("the outbox cannot be read: %s", error)
                wait_s = _LOOK_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._nudged.wait()
            except TimeoutError:
                pass
            self._nudged.clear()

    async def _look_at_clocks(self) -> None:
        """After a suspend or a set clock, times on disk mean nothing: try everything now."""
        now = self._clock.now()
        before, self._wall_less_mono_ms = self._wall_less_mono_ms, now.wall_ms - now.mono_ms
        if before is None:
            load = partial(outbox.load_pending, limit=_TRACKED_MAX)
            for row in await self._storage.read(load):
                self._track(row)
        elif abs(self._wall_less_mono_ms - before) >= _JUMP_MS:
            _LOG.info("the clock jumped: every letter is tried now")
            self._down.clear()
            self._on_gap()
            await self._storage.write(lambda conn: outbox.wake(conn, now.wall_ms), promise=False)

    async def _start_what_is_due(self) -> float:
        """Start a step for each due letter; give the seconds until something else is due."""
        await self._end_outlived()
        room = _STEPS_MAX - len(self._working)
        if room <= 0:
            return _LOOK_S
        for row in [*await self._load_hurried(room), *await self._load_due()][:room]:
            if row.envelope_id not in self._working:
                self._working.add(row.envelope_id)
                self._hurried.discard(row.envelope_id)
                self._tasks.spawn(self._step(row), f"letter {row.letter_hash.hex()[:8]}")
        return await self._seconds_to_next()

    async def _load_due(self) -> list[Outgoing]:
        limit = _STEPS_MAX + len(self._working)
        now_ms = self._clock.now().wall_ms
        return await self._storage.read(lambda db: outbox.load_due(db, now_ms, limit=limit))

    async def _load_hurried(self, room: int) -> list[Outgoing]:
        found = []
        for envelope_id in [e for e in self._hurried if e not in self._working][:room]:
            row = await self._storage.read(
                partial(outbox.load_by_envelope, envelope_id=envelope_id)
            )
            if row is None or row.state is not outbox.OutgoingState.PENDING:
                self._forget(envelope_id)
            else:
                found.append(row)
        return found

    async def _seconds_to_next(self) -> float:
        """Sleep until the next row is due, unless a step that ends will nudge anyway."""
        wake_at = await self._storage.read(outbox.load_wake_at)
        if wake_at is None:
            return _LOOK_S
        wait_ms = wake_at - self._clock.now().wall_ms
        # What is due and in work nudges when its step is over.
        low_ms = _MS if wait_ms <= 0 else 1
        return min(_LOOK_S, max(wait_ms, low_ms) / _MS)

    async def _end_outlived(self) -> None:
        """End rows whose time is over; looked at now and then, since it is a change."""
        now = self._clock.now()
        if now.mono_ms < self._expire_ms or not self._clock_holds():
            return
        self._expire_ms = now.mono_ms + _EXPIRE_MS
        now_ms = now.wall_ms

        def end(conn: sqlite3.Connection) -> list[Outgoing]:
            rows = outbox.expire(conn, now_ms)
            for row in rows:
                _note(conn, row, "letter_expired", now_ms)
            return rows

        for row in await self._storage.write(end, promise=False):
            self._ended(row, "expired")

    # --- one letter -------------------------------------------------------------------------------

    def _track(self, row: Outgoing) -> _Progress:
        progress = self._progress.get(row.envelope_id)
        is_same = progress is not None and progress.letter_hash == row.letter_hash
        if progress is None or not is_same or progress.places.keys() != set(row.mailboxes):
            bits = limits.put_bits_min + put_surplus_bits(max(1, len(row.letter)))
            places = {mailbox: _Place(bits=bits) for mailbox in row.mailboxes}
            progress = _Progress(letter_hash=row.letter_hash, reader=row.reader, places=places)
            self._progress[row.envelope_id] = progress
        return progress

    def _forget(self, envelope_id: ObjectId) -> None:
        self._progress.pop(envelope_id, None)
        self._hurried.discard(envelope_id)

    async def _step(self, row: Outgoing) -> None:
        """Visit every mailbox of a letter once, then set the time of the next round."""
        progress = self._track(row)
        progress.is_climbing = False
        try:
            if not outbox.is_whole(row):
                await self._note_damaged(row)
            visits = [self._visit(row, progress, box) for box in row.mailboxes]
            # All of them end before a letter may be worked on again.
            for found in await asyncio.gather(*visits, return_exceptions=True):
                if isinstance(found, BaseException):
                    raise found
            if not progress.has_ended and not await self._is_given_up(row, progress):
                await self._count_try(row, is_climbing=progress.is_climbing)
        except StorageError as error:
            _LOG.error("the outbox cannot be written: %s", error)
            await asyncio.sleep(self._backoff.base_ms / _MS)
        finally:
            self._working.discard(row.envelope_id)
            self._nudged.set()

    async def _is_given_up(self, row: Outgoing, progress: _Progress) -> bool:
        """End a letter that every mailbox of the newest reply has refused for too long.

        One that does not answer may still take it; and until the bound its reader may open the box
        again, or say where it is now.
        """
        refusals = [place.refusal for place in progress.places.values()]
        is_refused = None not in refusals
        was_put = any(place.put_ms is not None for place in progress.places.values())
        is_noted = row.refused_since is not None
        now_ms = self._clock.now().wall_ms
        since = now_ms if row.refused_since is None else row.refused_since
        is_over = is_refused and self._clock_holds() and now_ms - since >= limits.letter_refused_ms
        if not is_over and is_noted == (is_refused or not was_put):
            return False
        reason = "" if refusals[0] is None else refusals[0].value

        def change(conn: sqlite3.Connection) -> bool:
            if not _is_current(conn, row):
                return False
            if not is_over:
                outbox.mark_refusing(conn, row.id, since if is_refused else None)
                return False
            if ended := outbox.mark_refused(conn, row.id, reason, now_ms):
                _note(conn, row, "letter_refused", now_ms)
            return ended

        ended = await self._storage.write(change, promise=is_over)
        if ended:
            progress.has_ended = True
            self._ended(row, "refused")
        return ended

    async def _count_try(self, row: Outgoing, *, is_climbing: bool = False) -> None:
        now_ms = self._clock.now().wall_ms
        # There are few steps to climb, and time is lost to whoever would keep the letter out.
        tries = 1 if is_climbing else row.tries + 1
        wait_ms = self._backoff.wait_ms(tries, self._entropy)

        def count(conn: sqlite3.Connection) -> None:
            # A letter sealed anew meanwhile is due at once: its time stays as it is.
            if _is_current(conn, row):
                outbox.mark_tried(conn, row.id, now_ms + wait_ms, now_ms)

        await self._storage.write(count, promise=False)

    async def _visit(self, row: Outgoing, progress: _Progress, mailbox: NodeId) -> None:
        """Ask a mailbox for the receipt and see to it that it holds the letter."""
        if self._is_down(mailbox):
            return
        slot = self._slots.setdefault(mailbox, asyncio.Semaphore(PUTS_PER_MAILBOX))
        async with slot:
            # Asked again: while this letter waited, others may have found the mailbox down.
            if self._is_down(mailbox):
                return
            try:
                link = await self._carrier.link(mailbox, row.own_ctx)
                if (row.tries or mailbox in row.put_at) and not self._keys.is_locked:
                    await self._ask_receipt(row, progress, link)
                if not progress.has_ended and self._is_put_due(row, progress, mailbox):
                    await self._put(row, progress, mailbox, link)
            except (TransportError, LocalProtocolError) as error:
                _LOG.info("mailbox %s: %s", mailbox.hex()[:8], error)
                self._note_down(mailbox)
            else:
                self._down.pop(mailbox, None)

    def _is_down(self, mailbox: NodeId) -> bool:
        down = self._down.get(mailbox)
        return down is not None and self._clock.now().mono_ms < down.until_ms

    def _note_down(self, mailbox: NodeId) -> None:
        """Let a mailbox be for a while: one that answers slowly or never holds up no other."""
        before = self._down.pop(mailbox, None)
        failures = 1 if before is None else before.failures + 1
        wait_ms = self._backoff.wait_ms(failures, self._entropy)
        until_ms = self._clock.now().mono_ms + wait_ms
        self._down[mailbox] = _Down(until_ms=until_ms, failures=failures)
        if len(self._down) > _DOWN_MAX:
            self._down.popitem(last=False)

    async def _note_damaged(self, row: Outgoing) -> None:
        """Want the letter sealed again: what lies here is not what was sealed, and goes nowhere."""
        _LOG.error("the letter %s is damaged on this disk", row.letter_hash.hex()[:8])
        now_ms = self._clock.now().wall_ms

        def note(conn: sqlite3.Connection) -> None:
            if _is_current(conn, row):
                wanted.want(conn, Wanted(id=row.envelope_id, deal_id=None, found_ms=now_ms))

        await self._storage.write(note, promise=False)

    def _is_put_due(self, row: Outgoing, progress: _Progress, mailbox: NodeId) -> bool:
        if not outbox.is_whole(row):
            return False
        place = progress.places[mailbox]
        return place.put_ms is None or self._clock.now().mono_ms - place.put_ms >= place.again_ms

    async def _put(self, row: Outgoing, progress: _Progress, mailbox: NodeId, link: Link) -> None:
        place = progress.places[mailbox]
        nonce = await self._work(progress, place, put_digest(mailbox, row.reader, row.letter_hash))
        if nonce is None:
            return
        crashpoint("post.before_put")
        answer = await link.request(Put(reader=row.reader, letter=row.letter, work=nonce), ASK_MS)
        match answer:
            case PutDone(letter_hash=held) if held == row.letter_hash:
                place.put_ms = self._clock.now().mono_ms
                place.again_ms = min(max(_PUT_AGAIN_MS, 2 * place.again_ms), _PUT_AGAIN_MS_MAX)
                place.refusal = None
                crashpoint("post.after_put")
                await self._note_put(row, mailbox)
            case Refused(reason=Reason.QUOTA):
                # If it was put before, it went: a letter that is held is put whatever its work.
                place.again_ms = 0
                place.refusal = None
                self._climb(progress, place, mailbox)
            case Refused(reason=Reason.NOT_OPEN | Reason.POLICY as reason):
                place.refusal = reason
            case _:
                _LOG.info("mailbox %s did not take a letter: %s", mailbox.hex()[:8], answer)

    async def _work(self, progress: _Progress, place: _Place, digest: bytes) -> bytes | None:
        """Do the work a place costs; None when that is much and has to wait for its turn."""
        nonce: bytes | None = None
        if place.bits <= _LIGHT_BITS_MAX:
            nonce = await labour(digest, place.bits, start=place.start)
        elif progress.is_at_bench:
            # Another mailbox of the same letter is before this one: that ends with this visit.
            progress.is_climbing = True
        else:
            progress.is_at_bench = True
            try:
                nonce = await self._bench.labour(digest, place.bits, start=place.start)
            finally:
                progress.is_at_bench = False
        if nonce is not None:
            place.start = int.from_bytes(nonce, "big")
        return nonce

    def _climb(self, progress: _Progress, place: _Place, mailbox: NodeId) -> None:
        """Bring more work next time, which ranks higher in a full box."""
        if place.bits >= limits.put_bits_max:
            return
        held = sum(
            other.reader == progress.reader
            and mailbox in other.places
            and other.places[mailbox].is_held
            for other in self._progress.values()
        )
        # Where as many of ours wait as one depositor may have, work changes nothing.
        if held < limits.depositor_letters_max:
            place.bits = min(place.bits + _CLIMB_BITS, limits.put_bits_max)
            progress.is_climbing = True

    async def _note_put(self, row: Outgoing, mailbox: NodeId) -> None:
        if mailbox in row.put_at:
            return
        now_ms = self._clock.now().wall_ms

        def note(conn: sqlite3.Connection) -> None:
            if not _is_current(conn, row):
                return
            before = outbox.outgoing_of(conn, row.id)
            outbox.mark_put(conn, row.id, mailbox, now_ms)
            after = outbox.outgoing_of(conn, row.id)
            if before and after and is_put(after) and not is_put(before):
                _note(conn, row, "letter_put", now_ms)

        # Promises nothing: put again, the mailbox knows it.
        await self._storage.write(note, promise=False)

    # --- receipts ---------------------------------------------------------------------------------

    async def _ask_receipt(self, row: Outgoing, progress: _Progress, link: Link) -> None:
        question = ReceiptQuery(reader=row.reader, letter_hashes=[row.letter_hash])
        answer = await link.request(question, ASK_MS)
        if not isinstance(answer, ReceiptAnswer):
            return
        for letter_hash, sealed in answer.receipts:
            if letter_hash == row.letter_hash and self._holds(row, sealed):
                await self._end_acked(row, progress)
                return

    def _holds(self, row: Outgoing, sealed: bytes) -> bool:
        """Tell whether this is the recipient's own receipt for this very letter."""
        try:
            receipt = open_receipt(sealed, self._keys.box_seed(row.own_ctx), signer=row.to_key)
            check_receipt(
                receipt, net=self._net, envelope_id=row.envelope_id, letter=row.letter_hash
            )
        except (RemoteProtocolError, KeystoreError) as error:
            # Locked in this very moment: the mailbox keeps the receipt and is asked again.
            _LOG.info("a receipt does not hold: %s", error)
            return False
        return True

    async def _end_acked(self, row: Outgoing, progress: _Progress) -> None:
        if progress.has_ended:
            return
        progress.has_ended = True
        now_ms = self._clock.now().wall_ms

        def end(conn: sqlite3.Connection) -> bool:
            # A receipt of the object holds even when the letter was sealed anew meanwhile.
            ended = outbox.mark_acked(conn, row.id, now_ms)
            if ended:
                _note(conn, row, "letter_acked", now_ms)
            crashpoint("post.before_acked_commit")
            return ended

        try:
            ended = await self._storage.write(end)
        except StorageError:
            progress.has_ended = False
            raise
        crashpoint("post.after_acked_commit")
        if ended:
            self._ended(row, "acked")

    def _ended(self, row: Outgoing, state: str) -> None:
        self._forget(row.envelope_id)
        self._on_ended(row.envelope_id, state)


def _is_current(conn: sqlite3.Connection, row: Outgoing) -> bool:
    """Tell whether the row still carries the letter that was worked on."""
    found = outbox.outgoing_of(conn, row.id)
    return found is not None and found.letter_hash == row.letter_hash


def _note(conn: sqlite3.Connection, row: Outgoing, what: str, now_ms: int) -> None:
    """Write history, in the change it is about."""
    ids = [row.envelope_id] if row.thread is None else [row.envelope_id, row.thread]
    audit.append(conn, at=now_ms, what=what, ids=ids, detail={"kind": row.kind})
