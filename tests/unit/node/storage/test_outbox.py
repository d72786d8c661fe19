"""The outbox: due in order, ended once, never forgotten while pending."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from node.errors import StorageError
from node.storage import bounds, outbox
from node.storage.database import Storage
from node.storage.outbox import NOTE, Outgoing, OutgoingState, Priority
from node.storage.sizes import size_of
from protocol.ids import LetterHash, NodeId, ObjectId, blake2b_256
from tests.parties import buyer_ana, vendor_bo

ONE, TWO = NodeId(blake2b_256(b"mailbox one")), NodeId(blake2b_256(b"mailbox two"))


def letter(name: str, **changes) -> Outgoing:
    sealed = name.encode() * 8
    facts = {
        "envelope_id": ObjectId(blake2b_256(name.encode())),
        "kind": "offer",
        "own_ctx": b"profile",
        "to_key": buyer_ana.key,
        "thread": blake2b_256(b"root"),
        "letter": sealed,
        "letter_hash": LetterHash(blake2b_256(sealed)),
        "reader": vendor_bo.key,
        "mailboxes": (ONE, TWO),
        "priority": Priority.OFFER,
        "next_at": 10,
        "expires_at": 1_000,
        "updated_ms": 5,
    }
    return Outgoing(**{**facts, **changes})


async def test_a_letter_comes_back_as_it_was_queued(storage: Storage):
    row_id = await storage.write(lambda conn: outbox.add(conn, letter("a")))
    wanted = letter("a", id=row_id)
    assert await storage.read(lambda db: outbox.load_by_envelope(db, wanted.envelope_id)) == wanted
    assert await storage.read(lambda db: outbox.load_due(db, 10)) == [wanted]
    assert await storage.read(lambda db: outbox.load_pending(db, limit=5)) == [wanted]
    pending = await storage.read(
        lambda db: outbox.load_by_state(db, OutgoingState.PENDING, limit=5)
    )
    assert pending == [wanted]
    counts = await storage.read(outbox.load_counts)
    assert counts == {"pending": 1, "acked": 0, "refused": 0, "expired": 0}
    assert await storage.read(lambda db: outbox.load_by_envelope(db, b"?" * 32)) is None


def test_inside_a_change_it_is_found_by_every_name(conn: sqlite3.Connection):
    row_id = outbox.add(conn, letter("a"))
    wanted = letter("a", id=row_id)
    assert outbox.outgoing_of(conn, row_id) == wanted
    assert outbox.by_envelope(conn, wanted.envelope_id) == wanted
    assert outbox.of_thread(conn, wanted.thread or b"") == [wanted]
    assert outbox.of_thread(conn, b"?" * 32) == []
    assert outbox.outgoing_of(conn, row_id + 1) is None
    assert outbox.by_envelope(conn, b"?" * 32) is None


def test_one_envelope_is_queued_once(conn: sqlite3.Connection):
    row_id = outbox.add(conn, letter("a"))
    outbox.mark_acked(conn, row_id, 9)
    assert outbox.add(conn, letter("a", letter=b"sealed anew")) == row_id
    row = outbox.outgoing_of(conn, row_id)
    assert row is not None
    assert row.state is OutgoingState.ACKED
    assert size_of(conn, "outbox").rows == 1


def test_due_letters_come_by_importance_then_age(conn: sqlite3.Connection):
    names = {
        "offer": Priority.OFFER,
        "confirmed": Priority.CONFIRMED,
        "agreed": Priority.AGREED,
        "acceptance": Priority.ACCEPTANCE,
    }
    for name, priority in names.items():
        outbox.add(conn, letter(name, kind=name, priority=priority))
    outbox.add(conn, letter("older", kind="older", next_at=9))
    outbox.add(conn, letter("later", next_at=11))
    outbox.add(conn, letter("over", expires_at=10))
    kinds = [row.kind for row in outbox.due(conn, 10)]
    assert kinds == ["agreed", "acceptance", "confirmed", "older", "offer"]
    assert [row.kind for row in outbox.due(conn, 10, limit=1)] == ["agreed"]


async def test_tries_are_counted_and_the_next_is_kept(storage: Storage):
    assert await storage.read(outbox.load_wake_at) is None
    row_id = await storage.write(lambda conn: outbox.add(conn, letter("a")))
    assert await storage.read(outbox.load_wake_at) == 10
    assert await storage.write(lambda conn: outbox.mark_tried(conn, row_id, 500, 12))
    row = await storage.write(lambda conn: outbox.outgoing_of(conn, row_id))
    assert row == letter("a", id=row_id, tries=1, next_at=500, updated_ms=12)
    assert await storage.write(lambda conn: outbox.due(conn, 499)) == []
    assert await storage.read(outbox.load_wake_at) == 500
    await storage.write(lambda conn: outbox.mark_tried(conn, row_id, 5_000, 12))
    assert await storage.read(outbox.load_wake_at) == 1_000
    assert await storage.write(lambda conn: outbox.wake(conn, 20)) == 1
    assert await storage.write(lambda conn: outbox.wake(conn, 20)) == 0
    assert len(await storage.write(lambda conn: outbox.due(conn, 20))) == 1


def test_mailboxes_that_hold_it_are_noted_once(conn: sqlite3.Connection):
    row_id = outbox.add(conn, letter("a"))
    for mailbox in (TWO, ONE, TWO):
        assert outbox.mark_put(conn, row_id, mailbox, 20)
    row = outbox.outgoing_of(conn, row_id)
    assert row == letter("a", id=row_id, put_at=(TWO, ONE), updated_ms=20)


def test_an_ended_letter_never_changes_again(conn: sqlite3.Connection):
    ends = {
        OutgoingState.ACKED: lambda row_id: outbox.mark_acked(conn, row_id, 20),
        OutgoingState.REFUSED: lambda row_id: outbox.mark_refused(conn, row_id, "policy", 20),
        OutgoingState.EXPIRED: lambda _row_id: bool(outbox.expire(conn, 1_000)),
    }
    for state, end in ends.items():
        row_id = outbox.add(conn, letter(state.value))
        assert end(row_id)
        ended = outbox.outgoing_of(conn, row_id)
        assert ended is not None
        assert ended.state is state
        assert ended.reason == ("policy" if state is OutgoingState.REFUSED else "")
        assert not outbox.mark_put(conn, row_id, ONE, 30)
        assert not outbox.mark_tried(conn, row_id, 40, 30)
        assert not outbox.mark_refused(conn, row_id, "quota", 30)
        assert not outbox.mark_acked(conn, row_id, 30)
        assert not outbox.reseal(
            conn,
            row_id,
            letter=b"new",
            letter_hash=LetterHash(b"h" * 32),
            reader=b"r" * 32,
            mailboxes=[ONE],
            now_ms=30,
        )
        assert outbox.outgoing_of(conn, row_id) == ended
    assert outbox.expire(conn, 10**9) == []
    assert outbox.due(conn, 999) == []


def test_expiry_gives_what_it_ended(conn: sqlite3.Connection, monkeypatch):
    monkeypatch.setattr(bounds, "sweep_rows_max", 1)
    late = outbox.add(conn, letter("late", expires_at=60))
    soon = outbox.add(conn, letter("soon", expires_at=50))
    assert outbox.expire(conn, 49) == []
    ended = outbox.expire(conn, 60)
    assert [row.id for row in ended] == [soon]
    assert ended[0].state is OutgoingState.EXPIRED
    assert [row.id for row in outbox.expire(conn, 60)] == [late]


def test_a_moved_box_gets_a_new_letter_of_the_same_envelope(conn: sqlite3.Connection):
    row_id = outbox.add(conn, letter("a"))
    outbox.mark_put(conn, row_id, ONE, 20)
    sealed = b"sealed to the new box"
    new_hash = LetterHash(blake2b_256(sealed))
    assert outbox.reseal(
        conn,
        row_id,
        letter=sealed,
        letter_hash=new_hash,
        reader=b"r" * 32,
        mailboxes=[TWO],
        now_ms=30,
    )
    row = outbox.outgoing_of(conn, row_id)
    wanted = letter("a", id=row_id, letter=sealed, letter_hash=new_hash, reader=b"r" * 32)
    assert row == replace(wanted, mailboxes=(TWO,), next_at=30, updated_ms=30)
    assert size_of(conn, "outbox").bytes == len(sealed)


def test_at_the_cap_ended_letters_make_room_and_pending_ones_never(
    conn: sqlite3.Connection, monkeypatch
):
    monkeypatch.setattr(bounds, "outbox_rows_max", 3)
    first, second, third = (outbox.add(conn, letter(name)) for name in "abc")
    with pytest.raises(StorageError) as refused:
        outbox.add(conn, letter("d"))
    assert refused.value.code == "E-DB-QUOTA"
    assert outbox.add(conn, letter("a")) == first
    outbox.mark_acked(conn, second, 30)
    outbox.mark_acked(conn, first, 40)
    fourth = outbox.add(conn, letter("d"))
    kept = [row_id for row_id in (first, second, third, fourth) if outbox.outgoing_of(conn, row_id)]
    assert kept == [first, third, fourth]


def test_ended_letters_are_forgotten_after_their_time(conn: sqlite3.Connection):
    ended = outbox.add(conn, letter("a"))
    outbox.add(conn, letter("b"))
    outbox.mark_acked(conn, ended, 20)
    assert outbox.sweep(conn, 20 + bounds.outbox_kept_ms - 1) == 0
    assert outbox.sweep(conn, 20 + bounds.outbox_kept_ms) == 1
    assert outbox.sweep(conn, 10**15) == 0
    assert size_of(conn, "outbox").rows == 1


def test_due_uses_its_index(conn: sqlite3.Connection):
    plan = conn.execute("EXPLAIN QUERY PLAN " + outbox._SELECT_DUE, (0, 0)).fetchall()
    assert any("USING INDEX outbox_" in row["detail"] for row in plan)


async def test_notes_to_other_copies_are_counted_apart(storage: Storage):
    note = letter("note", kind=NOTE, next_at=1)
    await storage.write(lambda conn: outbox.add(conn, note))
    assert (await storage.read(outbox.load_counts))[OutgoingState.PENDING] == 0
    assert await storage.read(outbox.load_note_count) == 1
    assert await storage.read(outbox.load_next_try) is None
    # The sender tries them all the same.
    assert await storage.read(outbox.load_wake_at) == 1
