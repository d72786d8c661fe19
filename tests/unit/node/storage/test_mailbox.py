"""The mailbox we serve: what is kept, counted, given and forgotten, box by box."""

from __future__ import annotations

import sqlite3
from functools import partial

import pytest

from node.storage import bounds, boxes_own, mailbox
from node.storage.boxes_own import OwnBox
from node.storage.database import Storage
from node.storage.sizes import size_of
from protocol import limits
from protocol.ids import LetterHash, NodeId, blake2b_256
from protocol.post.mailbox import BoxState, HeldLetter
from tests.parties import buyer_ana, vendor_bo

ANA, BO = buyer_ana.key, vendor_bo.key
PEER, OTHER_PEER = NodeId(blake2b_256(b"peer")), NodeId(blake2b_256(b"other peer"))


def name_of(letter: bytes) -> LetterHash:
    return LetterHash(blake2b_256(letter))


def put(conn, letter: bytes, *, reader=ANA, depositor=PEER, bits: int = 8, evict=()):
    mailbox.put_letter(
        conn,
        reader=reader,
        letter_hash=name_of(letter),
        letter=letter,
        depositor=depositor,
        bits=bits,
        evict=evict,
        now_ms=5,
    )


def receipt(conn, letter: bytes, sealed: bytes, *, reader=ANA):
    mailbox.leave_receipt(
        conn, reader=reader, letter_hash=name_of(letter), receipt=sealed, now_ms=6
    )


def letters(storage: Storage, **changes):
    facts = {"reader": ANA, "now_ms": 10, "limit": 9, **changes}
    return storage.read(lambda db: mailbox.load_letters(db, **facts))


def receipts(storage: Storage, *names: bytes, now_ms: int = 10, reader: bytes = ANA):
    hashes = [name_of(name) for name in names]
    return storage.read(lambda db: mailbox.load_receipts(db, reader, hashes, now_ms))


@pytest.fixture
def boxes(conn: sqlite3.Connection) -> sqlite3.Connection:
    for reader in (ANA, BO):
        mailbox.open_box(conn, reader, 100, 1)
    return conn


def test_an_unopened_box_is_known_as_such(conn: sqlite3.Connection):
    assert mailbox.state_of(conn, ANA) == BoxState(until=None)
    with pytest.raises(sqlite3.IntegrityError):
        put(conn, b"letter")


def test_the_state_counts_letters_bytes_and_depositors(boxes: sqlite3.Connection):
    put(boxes, b"one")
    put(boxes, b"two!", depositor=OTHER_PEER)
    put(boxes, b"two!", reader=BO)
    state = mailbox.state_of(boxes, ANA, depositor=PEER, letter_hash=name_of(b"one"))
    assert state == BoxState(until=100, letters=2, size=7, by_depositor=1, known=True)
    state = mailbox.state_of(boxes, BO, depositor=OTHER_PEER, letter_hash=name_of(b"one"))
    assert state == BoxState(until=100, letters=1, size=4, by_depositor=0, known=False)
    assert size_of(boxes, "served_letters").rows == 3
    assert size_of(boxes, "served_letters").bytes == 11
    assert mailbox.count_boxes(boxes) == 2


def test_ranks_are_listed_oldest_first_and_eviction_makes_room(boxes: sqlite3.Connection):
    put(boxes, b"one", bits=9)
    put(boxes, b"two!", bits=8)
    assert mailbox.held(boxes, ANA) == [
        HeldLetter(hash=name_of(b"one"), bits=9, size=3),
        HeldLetter(hash=name_of(b"two!"), bits=8, size=4),
    ]
    put(boxes, b"three", bits=12, evict=[name_of(b"two!")])
    assert [each.hash for each in mailbox.held(boxes, ANA)] == [name_of(b"one"), name_of(b"three")]
    assert mailbox.state_of(boxes, ANA).size == 8
    assert not mailbox.drop_letter(boxes, ANA, name_of(b"two!"))
    assert mailbox.drop_letter(boxes, ANA, name_of(b"one"))


def test_a_letter_stands_in_a_box_once(boxes: sqlite3.Connection):
    put(boxes, b"one")
    with pytest.raises(sqlite3.IntegrityError):
        put(boxes, b"one", depositor=OTHER_PEER)


async def test_letters_come_in_order_past_a_cursor(storage: Storage):
    await storage.write(lambda conn: mailbox.open_box(conn, ANA, 100, 1))
    for letter in (b"one", b"two", b"three"):
        await storage.write(partial(put, letter=letter))
    found = await letters(storage)
    assert [each.letter for each in found] == [b"one", b"two", b"three"]
    assert [each.hash for each in found] == [name_of(each.letter) for each in found]
    assert await letters(storage, limit=1) == found[:1]
    assert await letters(storage, after=found[0].seq) == found[1:]
    assert await letters(storage, reader=BO) == []
    assert await letters(storage, now_ms=100) == []
    state = await storage.read(lambda db: mailbox.load_state(db, ANA))
    assert state == BoxState(until=100, letters=3, size=11)
    assert await storage.read(lambda db: mailbox.load_state(db, BO)) == BoxState(until=None)


async def test_a_receipt_takes_the_letters_place(storage: Storage):
    await storage.write(lambda conn: mailbox.open_box(conn, ANA, 100, 1))
    await storage.write(lambda conn: put(conn, b"one"))
    await storage.write(lambda conn: receipt(conn, b"one", b"sealed receipt"))
    assert await letters(storage) == []
    found = await receipts(storage, b"one", b"unknown")
    assert [(each.reader, each.receipt) for each in found] == [(ANA, b"sealed receipt")]
    assert found[0].letter_hash == name_of(b"one")
    assert await receipts(storage, b"one", now_ms=100) == []
    assert await receipts(storage) == []
    known = await storage.write(
        lambda conn: mailbox.state_of(conn, ANA, letter_hash=name_of(b"one")).known
    )
    assert known


async def test_the_first_receipt_stays(storage: Storage):
    await storage.write(lambda conn: mailbox.open_box(conn, ANA, 100, 1))
    for sealed in (b"first", b"second"):
        await storage.write(partial(receipt, letter=b"one", sealed=sealed))
    assert [each.receipt for each in await receipts(storage, b"one")] == [b"first"]


async def test_a_letter_can_be_let_go_without_a_receipt(storage: Storage):
    await storage.write(lambda conn: mailbox.open_box(conn, ANA, 100, 1))
    await storage.write(lambda conn: put(conn, b"one"))
    await storage.write(lambda conn: receipt(conn, b"one", b""))
    assert await letters(storage) == []
    assert await receipts(storage, b"one") == []


async def test_nobody_touches_anothers_letter_by_copying_it(storage: Storage):
    """I11: a box's owner who got hold of another's letter can neither drop nor receipt it."""
    for reader in (ANA, BO):
        await storage.write(partial(mailbox.open_box, reader=reader, until=100, now_ms=1))
    await storage.write(lambda conn: put(conn, b"for ana", reader=BO))
    await storage.write(lambda conn: receipt(conn, b"for ana", b"false", reader=BO))
    await storage.write(lambda conn: put(conn, b"for ana", reader=ANA))
    assert [each.letter for each in await letters(storage)] == [b"for ana"]
    await storage.write(lambda conn: receipt(conn, b"for ana", b"true", reader=ANA))
    for reader, sealed in ((BO, b"false"), (ANA, b"true")):
        found = await receipts(storage, b"for ana", reader=reader)
        assert [(each.reader, each.receipt) for each in found] == [(reader, sealed)]


def test_receipts_of_a_box_are_capped(boxes: sqlite3.Connection, monkeypatch):
    monkeypatch.setattr(bounds, "receipts_per_box_max", 2)
    receipt(boxes, b"bo's", b"x", reader=BO)
    for letter in (b"one", b"two", b"three"):
        receipt(boxes, letter, b"x")
    known = [
        letter
        for letter in (b"one", b"two", b"three")
        if mailbox.state_of(boxes, ANA, letter_hash=name_of(letter)).known
    ]
    assert known == [b"two", b"three"]
    assert mailbox.state_of(boxes, BO, letter_hash=name_of(b"bo's")).known


async def test_many_hashes_are_asked_in_parts(storage: Storage, monkeypatch):
    monkeypatch.setattr(mailbox, "_HASHES_PER_QUESTION", 2)
    await storage.write(lambda conn: mailbox.open_box(conn, ANA, 100, 1))
    names = [bytes([n]) for n in range(5)]
    for name in names:
        await storage.write(partial(receipt, letter=name, sealed=name))
    assert [each.receipt for each in await receipts(storage, *names)] == names


def test_a_box_opened_again_is_extended_or_starts_empty(boxes: sqlite3.Connection):
    put(boxes, b"one")
    mailbox.open_box(boxes, ANA, 200, 50)
    assert mailbox.state_of(boxes, ANA) == BoxState(until=200, letters=1, size=3)
    mailbox.open_box(boxes, ANA, 400, 200)
    assert mailbox.state_of(boxes, ANA) == BoxState(until=400)
    assert size_of(boxes, "served_letters").rows == 0


def test_the_oldest_make_room_and_what_is_ours_stays(boxes: sqlite3.Connection, monkeypatch):
    old_ms = 5 + limits.letter_kept_ms
    boxes_own.save(boxes, OwnBox(reader=BO, ctx=b"c", box=BO, mailboxes=(PEER,), until=100))
    put(boxes, b"ours", reader=BO)
    for letter in (b"one", b"two", b"three"):
        put(boxes, letter)
    receipt(boxes, b"four", b"sealed")
    receipt(boxes, b"ours too", b"sealed", reader=BO)
    assert mailbox.make_room(boxes, 1_000, old_ms - 1) == 0
    assert mailbox.make_room(boxes, 0, old_ms) == 0
    # No more than is needed, the oldest first.
    assert mailbox.make_room(boxes, 4, old_ms) == 2
    assert [each.hash for each in mailbox.held(boxes, ANA)] == [name_of(b"three")]
    # A receipt is as old as it is, not as old as its letter.
    assert mailbox.make_room(boxes, 1_000, old_ms) == 1
    assert mailbox.state_of(boxes, ANA, letter_hash=name_of(b"four")).known
    assert mailbox.make_room(boxes, 1_000, old_ms + 1) == 1
    assert not mailbox.state_of(boxes, ANA, letter_hash=name_of(b"four")).known
    assert mailbox.state_of(boxes, BO, letter_hash=name_of(b"ours too")).known
    assert mailbox.bytes_kept(boxes) == len(b"ours") + len(b"sealed")
    for number in range(5):
        put(boxes, bytes([number]))
    monkeypatch.setattr(bounds, "room_rows_max", 2)
    assert [mailbox.make_room(boxes, 1_000, old_ms) for _ in range(4)] == [2, 2, 1, 0]


def test_a_box_goes_with_everything_in_it(boxes: sqlite3.Connection):
    mailbox.open_box(boxes, BO, 150, 1)
    put(boxes, b"one")
    put(boxes, b"two", reader=BO)
    receipt(boxes, b"zero", b"sealed")
    assert mailbox.sweep(boxes, 99) == []
    assert mailbox.sweep(boxes, 100) == [ANA]
    assert mailbox.state_of(boxes, ANA) == BoxState(until=None)
    assert boxes.execute("SELECT count(*) FROM served_receipts").fetchone()[0] == 0
    assert size_of(boxes, "served_letters").bytes == 3
    assert mailbox.count_boxes(boxes) == 1
