"""The mailbox this node serves: answers questions about boxes, by the rules of `protocol/post`.

Enters: questions of one channel, with that channel's `Session`. Leaves: one answer each; what an
answer promises is committed before it leaves. Never here: what a letter says; a different rule for
questions of our own.

Every letter is given once per channel, in order of arrival; a reading that does not wait
(`wait_ms` 0) begins again with the oldest.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from node.clock import Clock
from node.crashpoint import crashpoint
from node.entropy import Entropy
from node.errors import StorageError
from node.post.readership import Readership
from node.storage import mailbox as rows
from node.storage.database import Storage
from node.storage.mailbox import ServedLetter
from protocol import limits
from protocol.channel.messages import Answer, Ask, Refused
from protocol.channel.post import (
    BoxChallenge,
    BoxNonce,
    BoxOpen,
    BoxOpened,
    BoxRead,
    Letters,
    Put,
    PutDone,
    Receipt,
    ReceiptAnswer,
    ReceiptQuery,
    ReceiptStored,
)
from protocol.errors import Reason, RemoteProtocolError
from protocol.ids import LetterHash, NodeId
from protocol.post import mailbox as rules
from protocol.post.letters import check_size, letter_hash
from protocol.post.mailbox import (
    BoxGranted,
    BoxState,
    LetterTaken,
    OpenOutcome,
    PostRefused,
    PutOutcome,
    ReadProof,
    ReceiptOutcome,
    ReceiptTaken,
)

if TYPE_CHECKING:
    # Named in types only: SQL is spoken in `node.storage` alone.
    import sqlite3

_LOG = logging.getLogger(__name__)
_CHALLENGE_BYTES: Final = 32
_READERS_MAX: Final = limits.requests_open_max
"""Boxes one channel reads, and challenges it holds."""
_LETTERS_BYTES_MAX: Final = limits.message_bytes_max - 64
"""Room for letters in one answer, their message's other fields aside."""
_LETTER_HEAD_BYTES: Final = 3
_SWEEP_S: Final = 600.0
"""How often boxes whose time is over are emptied, and room is made where it is short."""
_MS: Final = 1_000

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Session:
    """What a mailbox knows of one channel, as long as it lives."""

    peer_id: NodeId
    """The asker's proved transport key."""
    handshake_hash: bytes
    """Names the channel."""
    challenges: OrderedDict[bytes, bytes] = field(default_factory=OrderedDict)
    """Reader -> challenge not yet used."""
    given: OrderedDict[bytes, int] = field(default_factory=OrderedDict)
    """Reader proved on this channel -> the last letter given to it."""

    def begin_again(self, reader: bytes) -> None:
        """Give a box from its oldest letter: an answer did not leave."""
        if reader in self.given:
            self.given[reader] = 0


class Mailbox:
    """The service; one per node."""

    def __init__(
        self,
        *,
        net: str,
        node_id: NodeId,
        clock: Clock,
        entropy: Entropy,
        storage: Storage,
        for_all: bool,
        for_own: bool,
        is_own: Callable[[bytes], bool],
        on_receipt: Callable[[LetterHash], None],
        clock_holds: Callable[[], bool],
    ) -> None:
        """Start without sessions.

        Args:
            net: network id.
            node_id: our own transport key.
            clock: both clocks.
            entropy: draws challenges.
            storage: keeps boxes, letters and receipts.
            for_all: keep boxes for anybody.
            for_own: keep boxes for our own readers.
            is_own: whether a reader is one of ours.
            on_receipt: told the hash of each letter whose receipt was kept.
            clock_holds: whether our clock may end a box.
        """
        self.node_id = node_id
        self.serves_somebody = for_all or for_own
        self._net = net
        self._clock = clock
        self._entropy = entropy
        self._storage = storage
        self._for_all = for_all
        self._is_own = is_own
        self._on_receipt = on_receipt
        self._clock_holds = clock_holds
        self._readership = Readership()
        self._waiting: dict[bytes, set[asyncio.Event]] = {}

    async def run(self) -> None:
        """Empty boxes whose time is over and make room, now and then; never ends by itself."""
        while True:
            try:
                if self._clock_holds():
                    await self._storage.write(self._sweep, promise=False)
                    while gone := await self._storage.write(self._make_room, promise=False):
                        _LOG.info("room is short: %d old letters and receipts went", gone)
            except StorageError as error:
                _LOG.error("boxes cannot be swept: %s", error)
            await asyncio.sleep(_SWEEP_S)

    def _sweep(self, conn: sqlite3.Connection) -> None:
        rows.sweep(conn, self._clock.now().wall_ms)

    def _make_room(self, conn: sqlite3.Connection) -> int:
        """Let old letters go while the mailbox is short of room; give how many went."""
        kept_max = limits.mailbox_bytes_max * limits.mailbox_short_percent // 100
        excess = rows.bytes_kept(conn) - kept_max
        return rows.make_room(conn, excess, self._clock.now().wall_ms) if excess > 0 else 0

    async def answer(self, session: Session, ask: Ask) -> Answer:
        """Answer one question; never raises for what a peer asked.

        What a question changes in its session happens before the first wait, so that questions of
        one channel, started in order, find each other's proofs.
        """
        try:
            if not self.serves_somebody:
                answer: Answer = _no(ask, Reason.POLICY, "this node serves no boxes")
            else:
                answer = await self._answer(session, ask)
        except RemoteProtocolError as error:
            answer = _no(ask, error.reason, error.sentence)
        except StorageError as error:
            _LOG.error("the mailbox cannot record: %s", error)
            answer = _no(ask, Reason.QUOTA, "the mailbox cannot record anything now")
        return answer

    async def _answer(self, session: Session, ask: Ask) -> Answer:
        match ask:
            case BoxOpen():
                answer = await self._open(ask)
            case BoxChallenge():
                answer = self._challenge(session, ask)
            case BoxRead():
                answer = await self._read(session, ask)
            case Put():
                answer = await self._put(session, ask)
            case Receipt():
                answer = await self._receipt(session, ask)
            case ReceiptQuery():
                answer = await self._query(ask)
            case _:
                answer = _no(ask, Reason.UNEXPECTED, "not a question to a mailbox")
        return answer

    # --- opening ----------------------------------------------------------------------------------

    async def _open(self, ask: BoxOpen) -> Answer:
        record = rules.read_box_record(ask.open, ask.work, net=self._net, mailbox=self.node_id)
        is_welcome = self._for_all or self._is_own(record.reader)
        now_ms = self._clock.now().wall_ms

        def change(conn: sqlite3.Connection) -> OpenOutcome:
            outcome = rules.decide_open(
                record,
                rows.state_of(conn, record.reader),
                boxes=rows.count_boxes(conn),
                welcome=is_welcome,
                now_ms=now_ms,
            )
            if isinstance(outcome, BoxGranted):
                rows.open_box(conn, record.reader, outcome.until, now_ms)
            return outcome

        outcome = await self._storage.write(change)
        crashpoint("post.after_open_commit")
        if isinstance(outcome, PostRefused):
            return _no(ask, outcome.reason, outcome.detail)
        return BoxOpened(request=ask.request, until=outcome.until)

    # --- reading ----------------------------------------------------------------------------------

    def _challenge(self, session: Session, ask: BoxChallenge) -> Answer:
        challenge = self._entropy.bytes(_CHALLENGE_BYTES)
        _remember(session.challenges, ask.reader, challenge)
        return BoxNonce(request=ask.request, challenge=challenge)

    async def _read(self, session: Session, ask: BoxRead) -> Answer:
        challenge = session.challenges.pop(ask.reader, None)
        if challenge is None:
            return _no(ask, Reason.NOT_PARTY, "ask for a challenge first; each is good once")
        ReadProof(
            net=self._net,
            mailbox=self.node_id,
            reader=ask.reader,
            handshake_hash=session.handshake_hash,
            challenge=challenge,
        ).verify(ask.signature)
        after = session.given.get(ask.reader, 0) if ask.wait_ms else 0
        _remember(session.given, ask.reader, after)
        state = await self._storage.read(lambda db: rows.load_state(db, ask.reader))
        wall_ms = self._clock.now().wall_ms
        refused = rules.decide_read(state, now_ms=wall_ms)
        if refused is not None:
            return _no(ask, refused.reason, refused.detail)
        # Any key proves to be itself: only readers of boxes kept here are worth remembering.
        other_ms = self._readership.note(ask.reader, session.peer_id, wall_ms)
        found, more = await self._page_or_wait(ask, after)
        if found:
            _remember(session.given, ask.reader, found[-1].seq)
        return Letters(
            request=ask.request,
            letters=[letter.letter for letter in found],
            more=more,
            other_read_ms=other_ms,
        )

    async def _page_or_wait(self, ask: BoxRead, after: int) -> tuple[list[ServedLetter], bool]:
        """Give letters at once, or the first that come within `wait_ms`."""
        arrived = asyncio.Event()
        # Listened for before looking, so that nothing falls between.
        waiting = self._waiting.setdefault(ask.reader, set())
        waiting.add(arrived)
        try:
            found, more = await self._page(ask.reader, after)
            if found or not ask.wait_ms:
                return found, more
            try:
                async with asyncio.timeout(ask.wait_ms / _MS):
                    await arrived.wait()
            except TimeoutError:
                pass
            return await self._page(ask.reader, after)
        finally:
            waiting.discard(arrived)
            if not waiting:
                self._waiting.pop(ask.reader, None)

    async def _page(self, reader: bytes, after: int) -> tuple[list[ServedLetter], bool]:
        now_ms = self._clock.now().wall_ms
        limit = limits.letters_per_message_max + 1
        found = await self._storage.read(
            lambda db: rows.load_letters(db, reader, now_ms, after=after, limit=limit)
        )
        page: list[ServedLetter] = []
        room = _LETTERS_BYTES_MAX
        for letter in found[: limits.letters_per_message_max]:
            room -= len(letter.letter) + _LETTER_HEAD_BYTES
            if room < 0:
                break
            page.append(letter)
        return page, len(page) < len(found)

    # --- putting ----------------------------------------------------------------------------------

    async def _put(self, session: Session, ask: Put) -> Answer:
        check_size(ask.letter)
        name = letter_hash(ask.letter)
        bits = rules.check_put_work(rules.put_digest(self.node_id, ask.reader, name), ask.work)
        outcome = await self._storage.write(
            lambda conn: self._put_change(conn, session.peer_id, ask, name, bits)
        )
        crashpoint("post.after_put_commit")
        if isinstance(outcome, PostRefused):
            return _no(ask, outcome.reason, outcome.detail)
        if isinstance(outcome, LetterTaken):
            for arrived in self._waiting.get(ask.reader, ()):
                arrived.set()
        return PutDone(request=ask.request, letter_hash=name)

    def _put_change(
        self, conn: sqlite3.Connection, depositor: NodeId, ask: Put, name: LetterHash, bits: int
    ) -> PutOutcome:
        now_ms = self._clock.now().wall_ms
        state = self._state(conn, ask.reader, depositor=depositor, letter_hash=name)
        size = len(ask.letter)
        held = [] if state.has_room(size) else rows.held(conn, ask.reader)
        outcome = rules.decide_put(state, size=size, bits=bits, held=held, now_ms=now_ms)
        if isinstance(outcome, LetterTaken):
            rows.put_letter(
                conn,
                reader=ask.reader,
                letter_hash=name,
                letter=ask.letter,
                depositor=depositor,
                bits=bits,
                evict=outcome.evict,
                now_ms=now_ms,
            )
            crashpoint("post.before_put_commit")
        return outcome

    def _state(
        self,
        conn: sqlite3.Connection,
        reader: bytes,
        *,
        letter_hash: bytes,
        depositor: NodeId | None = None,
    ) -> BoxState:
        """Give what is known of a box; the room there is for strangers binds no box of ours."""
        state = rows.state_of(conn, reader, depositor=depositor, letter_hash=letter_hash)
        if self._is_own(reader):
            return state
        return replace(state, room=limits.mailbox_bytes_max - rows.bytes_kept(conn))

    # --- receipts ---------------------------------------------------------------------------------

    async def _receipt(self, session: Session, ask: Receipt) -> Answer:
        is_proven = ask.reader in session.given
        now_ms = self._clock.now().wall_ms

        def change(conn: sqlite3.Connection) -> ReceiptOutcome:
            outcome = rules.decide_receipt(
                self._state(conn, ask.reader, letter_hash=ask.letter_hash),
                proven=is_proven,
                receipt=ask.receipt,
                now_ms=now_ms,
            )
            if isinstance(outcome, ReceiptTaken):
                rows.leave_receipt(
                    conn,
                    reader=ask.reader,
                    letter_hash=ask.letter_hash,
                    receipt=ask.receipt,
                    now_ms=now_ms,
                )
                crashpoint("post.before_receipt_commit")
            return outcome

        outcome = await self._storage.write(change)
        crashpoint("post.after_receipt_commit")
        if isinstance(outcome, PostRefused):
            return _no(ask, outcome.reason, outcome.detail)
        if outcome.keep:
            self._on_receipt(LetterHash(ask.letter_hash))
        return ReceiptStored(request=ask.request)

    async def _query(self, ask: ReceiptQuery) -> Answer:
        now_ms = self._clock.now().wall_ms
        found = await self._storage.read(
            lambda db: rows.load_receipts(db, ask.reader, ask.letter_hashes, now_ms)
        )
        receipts = [(bytes(receipt.letter_hash), receipt.receipt) for receipt in found]
        return ReceiptAnswer(
            request=ask.request, receipts=receipts[: limits.receipts_per_message_max]
        )


def _remember(kept: OrderedDict[bytes, T], reader: bytes, value: T) -> None:
    """Keep a fact of a reader; the one touched longest ago makes room."""
    kept[reader] = value
    kept.move_to_end(reader)
    if len(kept) > _READERS_MAX:
        kept.popitem(last=False)


def _no(ask: Ask, reason: Reason, detail: str) -> Refused:
    """Refuse in words that cannot forge a line of the asker's log."""
    said = "".join(c for c in detail if c.isprintable())[: limits.detail_chars_max]
    return Refused(request=ask.request, reason=reason, detail=said)
