"""One letter at a time, once, and never lost for want of room or of what it follows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from node.clock import ManualClock
from node.entropy import SystemEntropy
from node.errors import KeystoreError, StorageError
from node.post import desk as desks
from node.post.desk import Desk, Taken
from node.post.letters import Known, Parked, Recorded
from node.storage.boxes_own import OwnBox
from protocol import limits, sealing, signing
from protocol.errors import ObjectError, Reason
from protocol.ids import BoxKey, NodeId, ObjectId, SigningKey
from protocol.post import letters
from protocol.post.letters import Contents
from protocol.post.receipt import open_receipt

SEED = b"\x01" * 32
AUTHOR_SEED = b"\x02" * 32
AUTHOR_BOX = sealing.box_public_key(AUTHOR_SEED)
ONE, TWO = NodeId(b"1" * 32), NodeId(b"2" * 32)
BOX = OwnBox(
    reader=SigningKey(b"r" * 32),
    ctx=b"ctx",
    box=BoxKey(sealing.box_public_key(SEED)),
    mailboxes=(ONE, TWO),
    until=1,
)
ID = ObjectId(b"e" * 32)
RECORDED = Recorded(signer_seed=SEED, author_box=AUTHOR_BOX, envelope_id=ID)


class Room:
    """A desk whose market answers what it is told, and whose receipts are a list."""

    def __init__(self) -> None:
        self.left: list[tuple[bytes, bytes, bytes, list[bytes]]] = []
        self.outcome: Any = RECORDED
        self.handed_over: list[bytes] = []
        self.inside = 0
        self.keys_here = asyncio.Event()
        self.keys_here.set()
        self.clock = ManualClock(wall_ms=1_000)
        self.desk = Desk(
            net="test",
            clock=self.clock,
            entropy=SystemEntropy(),
            keys=self,
            receipts=self,  # type: ignore[arg-type]
            on_letter=self.on_letter,
        )

    is_locked = False

    async def until_unlocked(self) -> None:
        await self.keys_here.wait()

    def box_seed(self, ctx: bytes) -> bytes:
        if not self.keys_here.is_set():
            raise KeystoreError("the keys are locked", code="E-KEYS-LOCKED")
        return SEED if ctx == BOX.ctx else AUTHOR_SEED

    def reader_seed(self, ctx: bytes) -> bytes:
        return SEED

    def leave(self, box: OwnBox, letter: bytes, receipt: bytes, mailboxes: Any) -> None:
        self.left.append((box.reader, letter, receipt, list(mailboxes)))

    async def on_letter(self, box: OwnBox, letter: Any) -> Any:
        self.inside += 1
        assert self.inside == 1
        await asyncio.sleep(0)
        self.inside -= 1
        self.handed_over.append(letter.envelope)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def take(self, number: int = 1, mailbox: NodeId = ONE) -> Taken:
        return await self.desk.take(BOX, mailbox, sealed(number))


def sealed(number: int) -> bytes:
    contents = Contents(envelope=number.to_bytes(4, "big"))
    return letters.seal_letter(contents, BOX.box, number.to_bytes(32, "big"))


def name(number: int) -> bytes:
    return letters.letter_hash(sealed(number))


@pytest.fixture
async def room():
    return Room()


async def test_a_record_is_receipted_at_every_mailbox_by_the_recipients_key(room: Room):
    assert await room.take() is Taken.NEW
    reader, letter, raw, mailboxes = room.left[0]
    assert (reader, letter, mailboxes) == (BOX.reader, name(1), [ONE, TWO])
    receipt = open_receipt(raw, AUTHOR_SEED, signer=signing.public_key(SEED))
    assert (receipt.net, receipt.envelope_id, receipt.letter_hash) == ("test", ID, name(1))
    assert receipt.at == 1_000


async def test_what_is_known_is_receipted_too(room: Room):
    room.outcome = Known(signer_seed=SEED, author_box=AUTHOR_BOX, envelope_id=ID)
    await room.take()
    assert room.left[0][2]


async def test_a_copy_gets_the_same_receipt_where_it_was_read(room: Room):
    await room.take()
    assert await room.take(mailbox=TWO) is Taken.SEEN
    assert room.handed_over == [b"\0\0\0\1"]
    assert room.left[1] == (BOX.reader, name(1), room.left[0][2], [TWO])


async def test_what_was_dropped_is_no_better_when_it_is_shown_again(room: Room):
    room.outcome = ObjectError(Reason.BAD_SHAPE)
    assert [await room.take() for _ in range(3)] == [Taken.DROPPED] * 3
    assert len(room.handed_over) == 1
    assert [receipt for _, _, receipt, _ in room.left] == [b""] * 3


async def test_letters_are_handed_over_one_at_a_time(room: Room):
    await asyncio.gather(*(room.take(number) for number in range(5)))
    assert len(room.handed_over) == 5


async def test_a_peers_fault_drops_the_letter_and_ours_keeps_it(room: Room):
    room.outcome = ObjectError(Reason.BAD_SHAPE)
    assert await room.take(1) is Taken.DROPPED
    assert room.left[0][2:] == (b"", [ONE])
    room.outcome = StorageError("the disk is full")
    assert await room.take(2) is Taken.PARKED
    assert len(room.left) == 1
    assert room.desk.parked == 1


async def test_an_author_nobody_can_seal_to_gets_no_receipt(room: Room):
    room.outcome = Recorded(signer_seed=SEED, author_box=bytes(32), envelope_id=ID)
    await room.take()
    assert room.left[0][2] == b""


async def test_a_letter_for_another_box_is_dropped_unseen(room: Room):
    wrong = letters.seal_letter(Contents(envelope=b"e"), AUTHOR_BOX, SEED)
    assert await room.desk.take(BOX, ONE, wrong) is Taken.DROPPED
    assert room.handed_over == []
    # at the mailbox that had it, and not at the others' expense
    assert room.left == [(BOX.reader, letters.letter_hash(wrong), b"", [ONE])]


async def test_a_copy_in_another_box_of_ours_spoils_nothing(room: Room):
    """A mailbox sees sealed letters; it may put one where it does not open."""
    other = replace(BOX, reader=SigningKey(b"o" * 32), ctx=b"other")
    assert await room.desk.take(other, ONE, sealed(1)) is Taken.DROPPED
    assert await room.take(1) is Taken.NEW
    assert room.handed_over == [b"\0\0\0\1"]
    assert room.left[1][:2] == (BOX.reader, name(1))
    assert room.left[1][2]


async def test_a_fault_of_the_market_keeps_the_letter_and_the_reading_going(room: Room):
    room.outcome = KeyError("a bug")
    assert await room.take() is Taken.PARKED
    assert room.desk.parked == 1


async def test_parked_letters_are_handed_over_again_when_asked(room: Room):
    room.outcome = Parked()
    assert await room.take() is Taken.PARKED
    assert await room.take(mailbox=TWO) is Taken.SEEN
    assert (room.left, room.desk.parked) == ([], 1)
    room.outcome = RECORDED
    running = asyncio.create_task(room.desk.run())
    room.desk.reread()
    async with asyncio.timeout(5):
        while room.desk.parked:
            await asyncio.sleep(0)
    running.cancel()
    assert len(room.handed_over) == 2
    assert room.left[0][2]


async def test_a_note_of_our_own_is_left_alone_and_not_counted(room: Room):
    room.outcome = Parked(is_ours=True)
    assert await room.take() is Taken.PARKED
    assert await room.take(mailbox=TWO) is Taken.SEEN
    assert (room.left, room.desk.parked) == ([], 0)


async def test_parked_letters_are_looked_at_every_second(room: Room, monkeypatch):
    monkeypatch.setattr(desks, "_REREAD_S", 0.001)
    room.outcome = Parked()
    await room.take()
    running = asyncio.create_task(room.desk.run())
    async with asyncio.timeout(5):
        while len(room.handed_over) < 4:
            await asyncio.sleep(0.001)
    running.cancel()
    assert room.desk.parked == 1


async def test_a_letter_parked_too_long_is_let_go_and_not_held_against_it(room: Room):
    room.outcome = Parked()
    await room.take()
    room.clock.advance(limits.parked_ms_max - 1)
    await room.desk._look_again()
    assert room.desk.parked == 1
    room.clock.advance(1)
    await room.desk._look_again()
    assert room.desk.parked == 0
    assert room.left == [(BOX.reader, name(1), b"", [ONE, TWO])]
    room.outcome = RECORDED
    assert await room.take() is Taken.NEW
    assert room.left[1][2]


async def test_parking_has_a_bound_and_says_so(room: Room, monkeypatch):
    monkeypatch.setattr("protocol.limits.parked_letters_max", 2)
    room.outcome = Parked()
    assert [await room.take(number) for number in range(3)] == [
        Taken.PARKED,
        Taken.PARKED,
        Taken.NO_ROOM,
    ]
    monkeypatch.setattr("protocol.limits.parked_letters_max", 9)
    monkeypatch.setattr("protocol.limits.parked_per_thread_max", 2)
    assert await room.take(3) is Taken.NO_ROOM
    other = replace(BOX, reader=SigningKey(b"o" * 32))
    assert await room.desk.take(other, ONE, sealed(3)) is Taken.PARKED
    # what needs no parking is taken all the same
    room.outcome = RECORDED
    assert await room.take(9) is Taken.NEW


async def test_a_box_read_no_more_is_forgotten_even_in_the_middle(room: Room):
    room.outcome = Parked()
    for number in range(3):
        await room.take(number)
    room.desk.forget(b"another box")
    assert room.desk.parked == 3
    looking = asyncio.create_task(room.desk._look_again())
    await asyncio.sleep(0)
    room.desk.forget(BOX.reader)
    await looking
    assert room.desk.parked == 0
    assert len(room.handed_over) == 4


async def test_answers_are_remembered_within_a_bound(room: Room, monkeypatch):
    monkeypatch.setattr(desks, "_ANSWERED_MAX", 2)
    for number in range(3):
        await room.take(number)
    await room.take(0)
    await room.take(2)
    assert room.handed_over == [n.to_bytes(4, "big") for n in (0, 1, 2, 0)]
