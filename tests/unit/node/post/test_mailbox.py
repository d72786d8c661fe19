"""The mailbox service, question by question, over a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.clock import ManualClock
from node.entropy import SystemEntropy
from node.errors import StorageError
from node.post.mailbox import Mailbox, Session
from node.storage import mailbox as rows
from node.storage.database import Storage
from protocol import limits, sealing, signing, work
from protocol.channel.messages import RangesQuery, Refused
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
from protocol.errors import Reason
from protocol.ids import NodeId, SigningKey
from protocol.post import letters
from protocol.post.letters import Contents
from protocol.post.mailbox import BoxRecord, ReadProof, put_digest, sign_box_record

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
NODE = NodeId(b"\x0a" * 32)
SEED = b"\x01" * 32
READER = signing.public_key(SEED)
OTHER_SEED = b"\x02" * 32
OTHER = signing.public_key(OTHER_SEED)
BOX = sealing.box_public_key(SEED)


def solved(digest: bytes, bits: int) -> bytes:
    nonce = work.solve(digest, bits, tries=1 << 24)
    assert nonce is not None
    return nonce


class Desk:
    """A mailbox and one channel to it, with the questions a peer would ask."""

    def __init__(self, storage: Storage, clock: ManualClock, **options) -> None:
        self.storage, self.clock = storage, clock
        self.receipts: list[bytes] = []
        facts: dict[str, Any] = {
            "net": "test",
            "node_id": NODE,
            "clock": clock,
            "entropy": SystemEntropy(),
            "storage": storage,
            "for_all": True,
            "for_own": False,
            "is_own": lambda reader: reader == READER,
            "clock_holds": lambda: True,
            "on_receipt": self.receipts.append,
        }
        self.mailbox = Mailbox(**(facts | options))
        self.session = self.channel(b"\x0b" * 32)

    def channel(self, peer: bytes, name: bytes = b"h" * 64) -> Session:
        return Session(peer_id=NodeId(peer), handshake_hash=name)

    async def ask(self, question, session: Session | None = None):
        return await self.mailbox.answer(session or self.session, question)

    async def open(self, seed=SEED, until=NOW_MS + DAY_MS, net="test"):
        record = BoxRecord(net=net, mailbox=NODE, reader=signing.public_key(seed), until=until)
        nonce = solved(record.work_digest(), 8)
        return await self.ask(BoxOpen(request=1, open=sign_box_record(record, seed), work=nonce))

    async def put(self, letter: bytes, *, bits=8, session=None, reader: bytes = READER):
        digest = put_digest(NODE, reader, letters.letter_hash(letter))
        nonce = solved(digest, bits)
        return await self.ask(Put(request=2, reader=reader, letter=letter, work=nonce), session)

    async def challenge(self, session=None, reader: bytes = READER) -> bytes:
        answer = await self.ask(BoxChallenge(request=3, reader=reader), session)
        assert isinstance(answer, BoxNonce)
        return answer.challenge

    def signature(self, challenge: bytes, session=None, seed=SEED, reader: SigningKey = READER):
        channel = (session or self.session).handshake_hash
        proof = ReadProof(
            net="test", mailbox=NODE, reader=reader, handshake_hash=channel, challenge=challenge
        )
        return proof.sign(seed)

    async def read(self, *, wait_ms=0, session=None, seed=SEED, reader: SigningKey = READER):
        challenge = await self.challenge(session, reader)
        signature = self.signature(challenge, session, seed, reader)
        question = BoxRead(request=4, reader=reader, signature=signature, wait_ms=wait_ms)
        return await self.ask(question, session)

    async def receipt(self, letter: bytes, receipt=b"sealed", session=None, reader=READER):
        name = letters.letter_hash(letter)
        return await self.ask(
            Receipt(request=5, reader=reader, letter_hash=name, receipt=receipt), session
        )

    async def receipt_of(self, letter: bytes, reader=READER) -> list[bytes]:
        name = letters.letter_hash(letter)
        answer = await self.ask(ReceiptQuery(request=6, reader=reader, letter_hashes=[name]))
        assert isinstance(answer, ReceiptAnswer)
        assert all(found == name for found, _ in answer.receipts)
        return [receipt for _, receipt in answer.receipts]


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    found = await Storage.open(tmp_path / "home.db", clock=ManualClock(wall_ms=NOW_MS))
    yield found
    await found.close()


@pytest.fixture
def desk(storage: Storage) -> Desk:
    return Desk(storage, ManualClock(wall_ms=NOW_MS))


def letter(number: int, size: int = 1) -> bytes:
    contents = Contents(envelope=bytes([number % 256]) * size)
    return letters.seal_letter(contents, BOX, number.to_bytes(32, "big"))


def reason(answer) -> Reason:
    assert isinstance(answer, Refused)
    return answer.reason


# --- opening -----------------------------------------------------------------------------------


async def test_a_box_is_opened_and_extended(desk: Desk):
    assert await desk.open() == BoxOpened(request=1, until=NOW_MS + DAY_MS)
    assert await desk.open(until=NOW_MS + 2 * DAY_MS) == BoxOpened(
        request=1, until=NOW_MS + 2 * DAY_MS
    )
    # an old record, shown by anybody, shortens nothing
    assert await desk.open() == BoxOpened(request=1, until=NOW_MS + 2 * DAY_MS)


async def test_a_bad_record_is_refused_in_words_that_forge_no_line(desk: Desk):
    answer = await desk.open(net="x\u202e\n")
    assert answer == Refused(
        request=1, reason=Reason.WRONG_NETWORK, detail="net: of network 'x\\u202e\\n'"
    )


async def test_own_boxes_only_when_so_asked(storage: Storage):
    desk = Desk(storage, ManualClock(wall_ms=NOW_MS), for_all=False, for_own=True)
    assert isinstance(await desk.open(), BoxOpened)
    assert reason(await desk.open(OTHER_SEED)) is Reason.POLICY


async def test_no_role_no_boxes(storage: Storage):
    desk = Desk(storage, ManualClock(wall_ms=NOW_MS), for_all=False, for_own=False)
    assert not desk.mailbox.serves_somebody
    assert reason(await desk.open()) is Reason.POLICY
    assert reason(await desk.put(letter(1))) is Reason.POLICY


async def test_another_question_is_no_business_of_a_mailbox(desk: Desk):
    assert (
        reason(await desk.ask(RangesQuery(request=1, salt=bytes(16), ranges=b"")))
        is Reason.UNEXPECTED
    )


# --- putting -----------------------------------------------------------------------------------


async def test_a_letter_is_kept_before_it_is_confirmed(desk: Desk):
    await desk.open()
    assert await desk.put(letter(1)) == PutDone(
        request=2, letter_hash=letters.letter_hash(letter(1))
    )
    state = await desk.storage.read(lambda db: rows.load_state(db, READER))
    assert state.letters == 1


async def test_putting_twice_is_putting_once(desk: Desk):
    await desk.open()
    first = await desk.put(letter(1))
    assert await desk.put(letter(1)) == first
    assert (await desk.read()).letters == [letter(1)]


async def test_a_box_that_is_not_open_takes_nothing(desk: Desk):
    assert reason(await desk.put(letter(1))) is Reason.NOT_OPEN
    await desk.open()
    desk.clock.advance(DAY_MS)
    assert reason(await desk.put(letter(1))) is Reason.NOT_OPEN


async def test_too_little_work_or_another_length_is_refused(desk: Desk):
    await desk.open()
    digest = put_digest(NODE, READER, letters.letter_hash(letter(1)))
    cheap = next(
        n.to_bytes(8, "big") for n in range(999) if work.bits_of(digest, n.to_bytes(8, "big")) < 8
    )
    question = Put(request=2, reader=READER, letter=letter(1), work=cheap)
    assert reason(await desk.ask(question)) is Reason.BAD_WORK
    assert reason(await desk.put(b"not a letter")) is Reason.BAD_SHAPE


async def test_one_channel_holds_eight_letters_in_a_box(desk: Desk):
    await desk.open()
    for number in range(limits.depositor_letters_max):
        assert isinstance(await desk.put(letter(number)), PutDone)
    assert reason(await desk.put(letter(99))) is Reason.QUOTA
    other = desk.channel(b"\x0c" * 32)
    assert isinstance(await desk.put(letter(99), session=other), PutDone)
    await desk.read()
    await desk.receipt(letter(0))
    assert isinstance(await desk.put(letter(100)), PutDone)


async def test_more_work_gets_a_place_in_a_full_box(desk: Desk):
    await desk.open()
    size = 48_000
    count = 0
    while True:
        peer = desk.channel(count.to_bytes(32, "big"))
        if isinstance(await desk.put(letter(count, size), bits=9, session=peer), Refused):
            break
        count += 1
    assert count == limits.box_bytes_max // len(letter(0, size))
    peer = desk.channel(b"\x0c" * 32)
    assert isinstance(await desk.put(letter(200, size), bits=17, session=peer), PutDone)
    state = await desk.storage.read(lambda db: rows.load_state(db, READER))
    assert state.letters == count


async def test_a_few_large_letters_keep_no_small_one_out(desk: Desk):
    """They fill the box; small ones of less work than theirs take places."""
    await desk.open()
    for number in range(limits.box_bytes_max // len(letter(0, 48_000))):
        peer = desk.channel(number.to_bytes(32, "big"))
        assert isinstance(await desk.put(letter(number, 48_000), bits=12, session=peer), PutDone)
    peer = desk.channel(b"\x0c" * 32)
    small = [letter(200 + number, 10_000) for number in range(8)]
    for one in small:
        assert isinstance(await desk.put(one, bits=11, session=peer), PutDone)
    kept = await desk.storage.write(lambda conn: rows.held(conn, READER))
    assert {letters.letter_hash(one) for one in small} <= {one.hash for one in kept}


async def test_a_mailbox_short_of_room_asks_for_work_and_lets_old_letters_go(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
):
    strangers = Desk(storage, ManualClock(wall_ms=NOW_MS), is_own=lambda _: False)
    await strangers.open(until=NOW_MS + 100 * DAY_MS)
    for number in range(7):
        assert isinstance(await strangers.put(letter(number)), PutDone)
    await strangers.read()
    size = len(letter(1))
    # With 70 % full, somebody may be away for as long as the box is open.
    monkeypatch.setattr(limits, "mailbox_bytes_max", 10 * size)
    strangers.clock.advance(limits.letter_kept_ms)
    await swept(strangers, monkeypatch)
    assert isinstance(await strangers.put(letter(7)), PutDone)
    assert isinstance(await strangers.put(letter(7)), PutDone)
    assert reason(await strangers.put(letter(8))) is Reason.QUOTA
    assert reason(await strangers.receipt(letter(9), receipt=b"r")) is Reason.QUOTA
    session = strangers.channel(b"\x0d" * 32)
    assert isinstance(await strangers.put(letter(8), bits=10, session=session), PutDone)
    await swept(strangers, monkeypatch)
    assert (await strangers.read()).letters == [letter(number) for number in range(1, 9)]


async def swept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the mailbox sweep, and rest before it does so again."""
    resting = asyncio.Event()

    async def rest(_seconds: float) -> None:
        resting.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr("node.post.mailbox.asyncio.sleep", rest)
        sweeping = asyncio.create_task(desk.mailbox.run())
        await resting.wait()
    sweeping.cancel()


async def test_all_boxes_of_strangers_together_have_a_bound(
    desk: Desk, storage: Storage, monkeypatch: pytest.MonkeyPatch
):
    """Beyond it strangers hear `quota`; a letter's receipt, and our own boxes, always have room."""
    strangers = Desk(storage, ManualClock(wall_ms=NOW_MS), is_own=lambda _: False)
    await strangers.open()
    await strangers.open(OTHER_SEED)
    assert isinstance(await strangers.put(letter(1)), PutDone)
    size = len(letter(1))
    monkeypatch.setattr(limits, "mailbox_bytes_max", 2 * size)
    monkeypatch.setattr(limits, "mailbox_short_percent", 101)
    assert isinstance(await strangers.put(letter(2), reader=OTHER), PutDone)
    assert reason(await strangers.put(letter(3))) is Reason.QUOTA
    assert reason(await strangers.put(letter(3), reader=OTHER)) is Reason.QUOTA
    await strangers.read()
    assert isinstance(await strangers.receipt(letter(1)), ReceiptStored)
    assert reason(await strangers.receipt(letter(9), receipt=b"r" * size)) is Reason.QUOTA
    assert reason(await strangers.put(letter(3))) is Reason.QUOTA
    assert isinstance(await desk.put(letter(3)), PutDone)


async def test_a_full_disk_is_said_and_nothing_is_promised(desk: Desk, monkeypatch):
    async def full(*_args, **_more):
        raise StorageError("the disk is full", code="E-DISK-FULL")

    monkeypatch.setattr(desk.storage, "write", full)
    assert reason(await desk.put(letter(1))) is Reason.QUOTA


# --- reading -----------------------------------------------------------------------------------


async def test_the_reader_gets_its_letters_in_order(desk: Desk):
    await desk.open()
    for number in (3, 1, 2):
        await desk.put(letter(number))
    answer = await desk.read()
    assert answer == Letters(request=4, letters=[letter(3), letter(1), letter(2)], more=False)


async def test_a_foreign_reader_is_refused(desk: Desk):
    await desk.open()
    await desk.put(letter(1))
    assert reason(await desk.read(seed=OTHER_SEED)) is Reason.BAD_SIGNATURE
    assert reason(await desk.read(seed=OTHER_SEED, reader=OTHER)) is Reason.NOT_OPEN


async def test_a_challenge_is_good_once_and_on_its_channel_only(desk: Desk):
    await desk.open()
    challenge = await desk.challenge()
    question = BoxRead(request=4, reader=READER, signature=desk.signature(challenge))
    assert isinstance(await desk.ask(question), Letters)
    assert reason(await desk.ask(question)) is Reason.NOT_PARTY
    other = desk.channel(b"\x0c" * 32, b"i" * 64)
    assert reason(await desk.ask(question, other)) is Reason.NOT_PARTY
    # a mailbox in the middle passes on a challenge it got itself
    passed_on = await desk.challenge(other)
    signature = desk.signature(passed_on)
    question = BoxRead(request=4, reader=READER, signature=signature)
    assert reason(await desk.ask(question, other)) is Reason.BAD_SIGNATURE


async def test_each_letter_is_given_once_a_channel_unless_asked_without_waiting(desk: Desk):
    await desk.open()
    await desk.put(letter(1))
    assert (await desk.read(wait_ms=1)).letters == [letter(1)]
    assert (await desk.read(wait_ms=1)).letters == []
    assert (await desk.read(wait_ms=0)).letters == [letter(1)]
    other = desk.channel(b"\x0c" * 32)
    assert (await desk.read(wait_ms=1, session=other)).letters == [letter(1)]
    desk.session.begin_again(READER)
    desk.session.begin_again(OTHER)
    assert (await desk.read(wait_ms=1)).letters == [letter(1)]
    assert OTHER not in desk.session.given


async def test_a_waiting_reader_hears_of_a_letter_at_once(desk: Desk):
    await desk.open()
    reading = asyncio.create_task(desk.read(wait_ms=limits.read_wait_ms_max))
    other = desk.channel(b"\x0c" * 32)
    also = asyncio.create_task(desk.read(wait_ms=limits.read_wait_ms_max, session=other))
    async with asyncio.timeout(5):
        while len(desk.mailbox._waiting.get(READER, ())) < 2:
            await asyncio.sleep(0)
        await desk.put(letter(1))
        assert (await reading).letters == [letter(1)]
        assert (await also).letters == [letter(1)]
    assert desk.mailbox._waiting == {}


async def test_a_long_box_comes_in_pages_that_fit_a_message(desk: Desk):
    await desk.open()
    sent = [letter(number, 20_000) for number in range(5)]
    for one in sent:
        await desk.put(one)
    first = await desk.read()
    assert 0 < len(first.letters) < 5
    assert first.more
    got, page = list(first.letters), first
    while len(got) < 5:
        page = await desk.read(wait_ms=1)
        got += page.letters
    assert got == sent
    assert not page.more
    assert sum(map(len, first.letters)) < limits.message_bytes_max


async def test_sessions_remember_a_bounded_number_of_readers(desk: Desk):
    for number in range(limits.requests_open_max + 5):
        await desk.challenge(reader=number.to_bytes(32, "big"))
    assert len(desk.session.challenges) == limits.requests_open_max
    assert bytes(32) not in desk.session.challenges


# --- receipts ----------------------------------------------------------------------------------


async def test_a_receipt_drops_the_letter_and_waits_for_its_sender(desk: Desk):
    await desk.open()
    await desk.put(letter(1))
    await desk.read()
    assert await desk.receipt_of(letter(1)) == []
    assert await desk.receipt(letter(1)) == ReceiptStored(request=5)
    assert await desk.receipt_of(letter(1)) == [b"sealed"]
    assert (await desk.read()).letters == []
    assert desk.receipts == [letters.letter_hash(letter(1))]
    # a copy that comes later is confirmed and not kept
    assert isinstance(await desk.put(letter(1)), PutDone)
    assert (await desk.read()).letters == []


async def test_only_a_proven_reader_leaves_receipts(desk: Desk):
    await desk.open()
    await desk.put(letter(1))
    assert reason(await desk.receipt(letter(1))) is Reason.NOT_PARTY
    await desk.open(OTHER_SEED)
    await desk.read(seed=OTHER_SEED, reader=OTHER)
    assert reason(await desk.receipt(letter(1))) is Reason.NOT_PARTY
    assert (await desk.read()).letters == [letter(1)]


async def test_no_receipt_lets_a_letter_go_and_it_may_come_again(desk: Desk):
    await desk.open()
    await desk.put(letter(1))
    await desk.read()
    assert isinstance(await desk.receipt(letter(1), b""), ReceiptStored)
    assert (await desk.read()).letters == []
    assert await desk.receipt_of(letter(1)) == []
    assert desk.receipts == []
    await desk.put(letter(1))
    assert (await desk.read()).letters == [letter(1)]


async def test_a_receipt_may_come_before_its_letter(desk: Desk):
    await desk.open()
    await desk.read()
    await desk.receipt(letter(1))
    assert isinstance(await desk.put(letter(1)), PutDone)
    assert (await desk.read()).letters == []
    assert await desk.receipt_of(letter(1)) == [b"sealed"]


async def test_nothing_outlives_its_box(desk: Desk, monkeypatch):
    await desk.open()
    await desk.put(letter(1))
    await desk.put(letter(2))
    await desk.read()
    await desk.receipt(letter(1))
    desk.clock.advance(DAY_MS)
    assert await desk.receipt_of(letter(1)) == []
    assert reason(await desk.read()) is Reason.NOT_OPEN
    assert reason(await desk.receipt(letter(2))) is Reason.NOT_OPEN
    monkeypatch.setattr("node.post.mailbox._SWEEP_S", 0)
    sweeping = asyncio.create_task(desk.mailbox.run())
    async with asyncio.timeout(5):
        while (await desk.storage.read(lambda db: rows.load_state(db, READER))).until is not None:
            await asyncio.sleep(0)
    sweeping.cancel()


async def test_a_sweep_that_fails_is_not_the_last(desk: Desk, monkeypatch):
    calls = []

    async def failing(*_args, **_more):
        calls.append(1)
        raise StorageError("the disk is full")

    monkeypatch.setattr("node.post.mailbox._SWEEP_S", 0)
    monkeypatch.setattr(desk.storage, "write", failing)
    sweeping = asyncio.create_task(desk.mailbox.run())
    async with asyncio.timeout(5):
        while len(calls) < 3:
            await asyncio.sleep(0)
    sweeping.cancel()


async def test_receipts_left_in_other_boxes_do_not_hide_the_real_one(desk: Desk):
    await desk.open()
    await desk.put(letter(1))
    for number in range(limits.receipts_per_message_max):
        seed = bytes([100 + number]) * 32
        reader = signing.public_key(seed)
        await desk.open(seed)
        await desk.read(seed=seed, reader=reader)
        await desk.receipt(letter(1), b"forged", reader=reader)
    await desk.read()
    await desk.receipt(letter(1))
    assert await desk.receipt_of(letter(1)) == [b"sealed"]


async def test_a_reader_is_told_when_another_node_read_its_box(desk: Desk):
    await desk.open()
    here, there = desk.channel(b"1" * 32, b"1" * 64), desk.channel(b"2" * 32, b"2" * 64)
    first = await desk.read(session=here)
    second = await desk.read(session=there)
    third = await desk.read(session=here)
    assert (first.other_read_ms, second.other_read_ms) == (0, desk.clock.now().wall_ms)
    assert third.other_read_ms == desk.clock.now().wall_ms


async def test_readers_without_a_box_here_push_none_out_of_its_memory(desk: Desk, monkeypatch):
    """Any key proves to be itself: whoever makes up many would else blind the owners of boxes."""
    monkeypatch.setattr("node.post.readership._READERS_MAX", 1)
    await desk.open()
    here, there = desk.channel(b"1" * 32, b"1" * 64), desk.channel(b"2" * 32, b"2" * 64)
    await desk.read(session=here)
    assert reason(await desk.read(seed=OTHER_SEED, reader=OTHER)) is Reason.NOT_OPEN
    assert (await desk.read(session=there)).other_read_ms == desk.clock.now().wall_ms
