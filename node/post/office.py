"""The post office: one citizen's post, as the rooms above it see it.

Enters: letters of our own inside the market's transactions, boxes to open and to watch, messages of
peers to our mailbox. Leaves: letters for `on_letter`, receipts, the fate of what was sent. Never
here: what a letter is worth; a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from node.clock import Clock
from node.entropy import Entropy
from node.errors import KeystoreError, StorageError, TransportError
from node.keystore import is_profile
from node.numerals import plural
from node.post.attendance import Attendance, Linked
from node.post.carrier import Approach, Carrier, Channel, Keys, Network, Running, Spawner
from node.post.desk import Desk, OnLetter
from node.post.letters import OutgoingLetter
from node.post.mailbox import Mailbox
from node.post.opener import Opened, Opener
from node.post.reader import BoxReader
from node.post.receipts import Receipts
from node.post.retry import Backoff
from node.post.sender import OnEnded, Sender
from node.post.window import Window
from node.storage import boxes_own, objects, outbox
from node.storage.boxes_own import OwnBox
from node.storage.database import Storage
from node.storage.outbox import Outgoing, OutgoingState
from protocol import limits
from protocol.channel.messages import Message
from protocol.ids import LetterHash, NodeId, ObjectId
from protocol.now import DAY_MS
from protocol.objects.reply import Reply
from protocol.post import letters
from protocol.post.letters import Contents
from protocol.post.letters import Opened as OpenedValues

if TYPE_CHECKING:
    # Named in types only: SQL is spoken in `node.storage` alone.
    import sqlite3

_LOG = logging.getLogger(__name__)
_SEED_BYTES: Final = 32
_LATECOMERS_S: Final = 2.0
"""How long the remaining mailboxes are waited for when enough have opened the box; guess."""
_UPKEEP_S: Final = 600.0
"""How often boxes are looked after."""
_ATTENDANCE_MS: Final = 10_000
"""How often the time mailboxes have failed is counted; guess."""
_COUNT_KEPT_MS: Final = 60_000
"""How often that count is written down: a restart loses no more; guess."""
_MS: Final = 1_000
_PROFILE_BOX_MS: Final = 60 * DAY_MS
"""How far ahead the box of a long-lived identity is kept open."""

NeededUntil = Callable[[OwnBox], int]
"""Gives the Unix ms to which a box is needed; a time already covered asks for nothing."""


class Post:
    """One per node: `start` it, and `stop` it before the storage closes."""

    def __init__(
        self,
        *,
        net: str,
        clock: Clock,
        entropy: Entropy,
        tasks: Spawner,
        storage: Storage,
        network: Network,
        keyring: Keys,
        serve: bool,
        own_only: bool,
        receipt_jitter_ms: int,
        on_letter: OnLetter,
        backoff: Backoff | None = None,
        read_wait_ms: int = limits.read_wait_ms_max,
        on_ended: OnEnded | None = None,
        needed_until: NeededUntil | None = None,
        linked: Linked | None = None,
        lost_ms: int = limits.mailbox_lost_ms,
        clock_holds: Callable[[], bool] | None = None,
        on_gap: Callable[[], None] | None = None,
        approach: Approach | None = None,
    ) -> None:
        """Put the rooms together.

        Args:
            net: network id.
            clock: both clocks.
            entropy: seals, challenges and jitter.
            tasks: owns the background tasks.
            storage: the home's database.
            network: reaches other nodes.
            keyring: seeds of our boxes and readers.
            serve: keep boxes for anybody (role mailbox).
            own_only: keep boxes for our own readers alone.
            receipt_jitter_ms: longest wait before a receipt leaves.
            on_letter: records a letter; never called twice at once.
            backoff: waits between tries; the defaults of the design when None.
            read_wait_ms: longest wait a mailbox is asked for, 1..`limits.read_wait_ms_max`.
            on_ended: told the fate of each letter after its commit: `acked`, `refused`, `expired`.
            needed_until: how long a box is needed; None keeps those of the profile alone open.
            linked: keys of all peers linked now; when None, no mailbox is ever called lost.
            lost_ms: how long a mailbox of ours may fail, while others are linked, before it is.
            clock_holds: whether our clock may end anything; when None, it always may.
            on_gap: told when the clocks have moved apart: a sleep, or a clock that was set.
            approach: the way to mailboxes for our requests; as for everything else when None.
        """
        self._net = net
        self._clock, self._entropy = clock, entropy
        self._tasks, self._storage = tasks, storage
        self._keys = keyring
        self._backoff = backoff or Backoff()
        self._needed_until = needed_until or self._profile_until
        self._own_readers: set[bytes] = set()
        self._running: list[Running] = []
        self._looked_for = asyncio.Event()
        self._clock_holds = clock_holds or _always
        self._on_gap = on_gap or _nothing
        self._lost_ms = lost_ms
        self._attendance = Attendance(clock=clock, linked=linked or tuple, lost_ms=lost_ms)
        self.mailbox = self._make_mailbox(
            network.node_id, for_all=serve and not own_only, for_own=own_only
        )
        self._window = Window(mailbox=self.mailbox, tasks=tasks)
        self._carrier = self._make_carrier(network, approach)
        self._opener = Opener(net=net, carrier=self._carrier, keys=keyring, storage=storage)
        self._sender = self._make_sender(on_ended or _nobody)
        self._desk = self._make_desk(on_letter, receipt_jitter_ms)
        self._reader = self._make_reader(read_wait_ms)

    def _make_mailbox(self, node_id: NodeId, *, for_all: bool, for_own: bool) -> Mailbox:
        return Mailbox(
            net=self._net,
            node_id=node_id,
            clock=self._clock,
            entropy=self._entropy,
            storage=self._storage,
            for_all=for_all,
            for_own=for_own,
            is_own=self._own_readers.__contains__,
            on_receipt=self._receipt_kept,
            clock_holds=self._clock_holds,
        )

    def _make_carrier(self, network: Network, approach: Approach | None) -> Carrier:
        channel = self._entropy.bytes(_SEED_BYTES)
        return Carrier(network, self.mailbox, channel, approach=approach)

    def _make_sender(self, on_ended: OnEnded) -> Sender:
        return Sender(
            net=self._net,
            clock=self._clock,
            entropy=self._entropy,
            tasks=self._tasks,
            storage=self._storage,
            carrier=self._carrier,
            keys=self._keys,
            backoff=self._backoff,
            on_ended=on_ended,
            on_gap=self._clocks_parted,
            clock_holds=self._clock_holds,
        )

    def _make_desk(self, on_letter: OnLetter, receipt_jitter_ms: int) -> Desk:
        receipts = Receipts(
            carrier=self._carrier,
            entropy=self._entropy,
            tasks=self._tasks,
            jitter_ms=receipt_jitter_ms,
            backoff=self._backoff,
        )
        return Desk(
            net=self._net,
            clock=self._clock,
            entropy=self._entropy,
            keys=self._keys,
            receipts=receipts,
            on_letter=on_letter,
        )

    def _make_reader(self, read_wait_ms: int) -> BoxReader:
        return BoxReader(
            net=self._net,
            clock=self._clock,
            entropy=self._entropy,
            tasks=self._tasks,
            carrier=self._carrier,
            keys=self._keys,
            opener=self._opener,
            desk=self._desk,
            backoff=self._backoff,
            read_wait_ms=read_wait_ms,
            attendance=self._attendance,
            clock_holds=self._clock_holds,
        )

    @property
    def read_since(self) -> dict[tuple[bytes, bytes], int]:
        """(reader, mailbox) -> Unix ms before which every letter there was dealt with."""
        return self._reader.read_since

    @property
    def other_read_ms(self) -> int:
        """Unix ms at which a mailbox says another node read a box of ours; 0 for never; a hint."""
        return self._reader.other_read_ms

    @property
    def failing_since(self) -> dict[tuple[bytes, bytes], int]:
        """(reader, mailbox) -> Unix ms since which a watched box cannot be read there."""
        return self._reader.failing_since

    @property
    def boxes(self) -> list[OwnBox]:
        """The boxes of ours that are read."""
        return self._reader.boxes

    def lost(self, reader: bytes) -> frozenset[NodeId]:
        """Give the mailboxes of a box that have failed it for so long that it should leave them."""
        return self._attendance.lost(reader)

    def failing(self) -> frozenset[NodeId]:
        """Give the mailboxes that fail some box of ours just now."""
        return self._attendance.failing()

    @property
    def parked(self) -> int:
        """Letters that wait for what they follow."""
        return self._desk.parked

    async def start(self) -> None:
        """Begin to send, to read our open boxes and to look after them."""
        await self._storage.read(self._attendance.load)
        await self._watch_open()
        self._running = [
            self._tasks.spawn(self._take_attendance(), "post takes attendance"),
            self._tasks.spawn(self._sender.run(), "post sends"),
            self._tasks.spawn(self._desk.run(), "post looks at parked letters"),
            self._tasks.spawn(self._upkeep(), "post looks after boxes"),
        ]
        if self.mailbox.serves_somebody:
            self._running.append(self._tasks.spawn(self.mailbox.run(), "mailbox"))

    async def _watch_open(self) -> None:
        """Read every box whose time is not over."""
        now_ms = self._clock.now().wall_ms
        for box in await self._storage.read(lambda db: boxes_own.load_open(db, now_ms)):
            await self.watch(box)

    async def stop(self) -> None:
        """Stop sending and reading; what was recorded waits for the next start."""
        self._reader.stop()
        for task in self._running:
            task.cancel()
        self._running.clear()
        await asyncio.sleep(0)

    # --- boxes of ours ----------------------------------------------------------------------------

    async def open_box(
        self, ctx: bytes, mailboxes: Sequence[NodeId], until: int, need: int = 1
    ) -> list[NodeId]:
        """Open a context's box at mailboxes, all at once, or extend it there.

        A box that is watched is read to the later time from then on, and its row says so.

        Args:
            ctx: our identity context.
            mailboxes: whom to ask.
            until: Unix ms.
            need: how many have to agree.

        Returns:
            Those that agreed, in the order given; slow ones are not waited for once `need` have.

        Raises:
            TransportError: E-MAILBOX-NONE, fewer than `need` agreed.
        """
        reader = self._opener.reader_key(ctx)
        self._own_readers.add(reader)
        agreed = await self._ask_all(ctx, mailboxes, until, need)
        if len(agreed) < need:
            raise TransportError(
                f"{len(agreed)} of {plural(len(mailboxes), 'mailbox', 'mailboxes')} opened a box, "
                f"{need} needed",
                code="E-MAILBOX-NONE",
                fix="Connect to more nodes with the role mailbox, then try again",
            )
        await self._prolong(reader, until)
        return [box for box in mailboxes if box in agreed]

    async def _prolong(self, reader: bytes, until: int) -> None:
        """Remember that a box we watch is open for longer now."""
        box = self._reader.box_of(reader)
        if box is None or until <= box.until:
            return
        prolonged = replace(box, until=until)
        await self._storage.write(lambda conn: boxes_own.save(conn, prolonged))
        self._reader.watch(prolonged)

    async def _ask_all(
        self, ctx: bytes, mailboxes: Sequence[NodeId], until: int, need: int
    ) -> set[NodeId]:
        """Gather who says yes; when enough have, give the others a moment and let them be."""
        answers: asyncio.Queue[tuple[NodeId, bool]] = asyncio.Queue()
        asking = [
            self._tasks.spawn(
                self._ask_one(ctx, mailbox, until, answers), f"box at {mailbox.hex()[:8]}"
            )
            for mailbox in mailboxes
        ]
        agreed: set[NodeId] = set()
        try:
            for _ in mailboxes:
                async with asyncio.timeout(_LATECOMERS_S if len(agreed) >= need else None):
                    mailbox, is_open = await answers.get()
                agreed |= {mailbox} if is_open else set()
        except TimeoutError:
            _LOG.info("%d of %d mailboxes opened a box in time", len(agreed), len(mailboxes))
        finally:
            for task in asking:
                task.cancel()
        return agreed

    async def _ask_one(
        self,
        ctx: bytes,
        mailbox: NodeId,
        until: int,
        answers: asyncio.Queue[tuple[NodeId, bool]],
    ) -> None:
        is_open = False
        try:
            is_open = isinstance(await self._opener.open(ctx, mailbox, until), Opened)
        except (TransportError, StorageError, KeystoreError) as error:
            _LOG.info("no box at %s: %s", mailbox.hex()[:8], error)
        finally:
            answers.put_nowait((mailbox, is_open))

    async def watch(self, box: OwnBox) -> None:
        """Read a box at all its mailboxes until it closes; returns at once.

        Called again with a changed box, the change takes effect.
        """
        self._own_readers.add(box.reader)
        self._reader.watch(box)

    def unwatch(self, reader: bytes) -> None:
        """Read a box no more; its row is closed by whoever decided so."""
        self._reader.unwatch(reader)

    def reread(self) -> None:
        """Look again at parked letters: something they may follow has come."""
        self._desk.reread()

    def unlocked(self) -> None:
        """The keys are back: boxes are read, extended and receipts opened from now on."""
        self._looked_for.set()
        self._desk.reread()
        self._sender.unlocked()

    async def _upkeep(self) -> None:
        while True:
            self._looked_for.clear()
            try:
                await self._storage.write(self._sweep, promise=False)
                for box in [] if self._keys.is_locked else self._reader.boxes:
                    await self._extend(box)
            except (StorageError, KeystoreError) as error:
                _LOG.error("boxes cannot be looked after: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_UPKEEP_S):
                    await self._looked_for.wait()

    def _sweep(self, conn: sqlite3.Connection) -> None:
        if not self._clock_holds():
            return
        now_ms = self._clock.now().wall_ms
        boxes_own.close_outlived(conn, now_ms)
        outbox.sweep(conn, now_ms)

    async def _take_attendance(self) -> None:
        """Count how long mailboxes fail, and keep the count now and then."""
        period_ms = max(1, min(_ATTENDANCE_MS, self._lost_ms // 4))
        kept_ms, was_failing = self._clock.now().mono_ms, True
        while True:
            await self._keys.until_unlocked()
            is_failing = self._attendance.count()
            now_ms = self._clock.now().mono_ms
            if (is_failing or was_failing) and now_ms - kept_ms >= min(
                _COUNT_KEPT_MS, period_ms * 6
            ):
                kept_ms, was_failing = now_ms, is_failing
                try:
                    await self._storage.write(self._attendance.save, promise=False)
                except StorageError as error:
                    _LOG.error("how mailboxes fail cannot be kept: %s", error)
            await asyncio.sleep(period_ms / _MS)

    def _clocks_parted(self) -> None:
        """After a sleep or a clock that was set: look at everything again."""
        self._tasks.spawn(self._catch_up(), "post catches up")
        self._on_gap()

    async def _catch_up(self) -> None:
        try:
            # Boxes a clock that ran ahead closed too early are open again when it is put right.
            await self._storage.write(self._reopen, promise=False)
            await self._watch_open()
        except StorageError as error:
            _LOG.error("boxes cannot be looked up after a gap: %s", error)
        self._reader.begin_again()
        self._desk.reread()

    def _reopen(self, conn: sqlite3.Connection) -> None:
        if self._clock_holds():
            boxes_own.reopen(conn, self._clock.now().wall_ms)

    async def _extend(self, box: OwnBox) -> None:
        """Open a box for longer when it would close soon and is needed after that."""
        if box.until - self._clock.now().wall_ms >= limits.box_renew_ms:
            return
        until = self._needed_until(box)
        if until <= box.until:
            return
        try:
            await self.open_box(box.ctx, box.mailboxes, until)
        except TransportError as error:
            _LOG.warning("a box could not be extended: %s", error)

    def _profile_until(self, box: OwnBox) -> int:
        is_lasting = is_profile(box.ctx)
        return self._clock.now().wall_ms + _PROFILE_BOX_MS if is_lasting else box.until

    # --- letters of ours --------------------------------------------------------------------------

    def queue(self, conn: sqlite3.Connection, outgoing: OutgoingLetter) -> None:
        """Seal a letter and put it into the outbox, inside the change that makes it due.

        Call `nudge` after the commit. A second letter for one envelope changes nothing.

        Raises:
            LocalProtocolError: E-LETTER it is too large; E-KEY the recipient's box is unusable.
            StorageError: E-DB-QUOTA too many letters are on their way.
        """
        now_ms = self._clock.now().wall_ms
        contents = Contents(envelope=outgoing.envelope, opened=outgoing.opened)
        letter = letters.seal_letter(contents, outgoing.reply.box, self._entropy.bytes(_SEED_BYTES))
        row = Outgoing(
            envelope_id=outgoing.envelope_id,
            kind=outgoing.kind,
            own_ctx=outgoing.ctx,
            to_key=outgoing.to_key,
            thread=outgoing.thread,
            letter=letter,
            letter_hash=letters.letter_hash(letter),
            reader=outgoing.reply.reader,
            mailboxes=tuple(NodeId(key) for key in outgoing.reply.at),
            priority=outgoing.priority,
            next_at=now_ms,
            expires_at=outgoing.expires_at,
            updated_ms=now_ms,
        )
        outbox.add(conn, row)

    def reseal(
        self,
        conn: sqlite3.Connection,
        ctx: bytes,
        to_key: bytes,
        thread: bytes,
        new_reply: Reply,
        *,
        opened_of: Callable[[ObjectId], OpenedValues | None],
    ) -> int:
        """Seal a party's pending letters again for its new box, inside the change that moved it.

        Args:
            conn: the change.
            ctx: our identity context.
            to_key: the party that moved.
            thread: root cast.
            new_reply: its new way back.
            opened_of: the values an object discloses beside it, by the object's id: they are
                sealed to the old box and cannot be read back.

        Returns:
            How many letters. Call `nudge` after the commit.

        Raises:
            LocalProtocolError: E-KEY the new box is unusable.
        """
        now_ms = self._clock.now().wall_ms
        count = 0
        for row in outbox.of_thread(conn, thread):
            is_theirs = row.to_key == to_key and row.own_ctx == ctx
            envelope = objects.raw_of(conn, row.envelope_id) if is_theirs else None
            if envelope is None or row.state is not OutgoingState.PENDING:
                continue
            contents = Contents(envelope=envelope, opened=opened_of(row.envelope_id))
            letter = letters.seal_letter(contents, new_reply.box, self._entropy.bytes(_SEED_BYTES))
            count += outbox.reseal(
                conn,
                row.id,
                letter=letter,
                letter_hash=letters.letter_hash(letter),
                reader=new_reply.reader,
                mailboxes=[NodeId(key) for key in new_reply.at],
                now_ms=now_ms,
            )
        return count

    def nudge(self) -> None:
        """Send what is due now; call after the commit."""
        self._sender.nudge()

    # --- from the network -------------------------------------------------------------------------

    def handle_message(self, connection: Channel, message: Message) -> None:
        """Answer a peer's question to our mailbox; any other message is let be."""
        self._window.handle(connection, message)

    def is_reader(self, connection: Channel) -> bool:
        """Tell whether the other end of a link has proved to read a box here."""
        return self._window.is_reader(connection)

    def link_up(self, node_id: NodeId) -> None:
        """A link to a node has come up: what waited for it goes on at once."""
        self._sender.link_up(node_id)
        self._reader.link_up(node_id)

    def online(self) -> None:
        """Somebody can be reached again after nobody could: try everything now."""
        self._sender.online()
        self._reader.online()

    def _receipt_kept(self, letter_hash: LetterHash) -> None:
        self._sender.receipt_kept(letter_hash)


def _nobody(_envelope_id: ObjectId, _state: str) -> None:
    """Nobody wants to know."""


def _nothing() -> None:
    """Nobody wants to know of a gap either."""


def _always() -> bool:
    """A clock nobody compares."""
    return True
