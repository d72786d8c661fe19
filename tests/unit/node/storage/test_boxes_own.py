"""Our own boxes at other nodes."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from node.errors import StorageError
from node.storage import bounds, boxes_own
from node.storage.boxes_own import OwnBox
from node.storage.database import Storage
from protocol.ids import NodeId, blake2b_256
from tests.parties import buyer_ana, vendor_bo

ONE, TWO = NodeId(blake2b_256(b"mailbox one")), NodeId(blake2b_256(b"mailbox two"))
BOX = OwnBox(
    reader=buyer_ana.key,
    ctx=b"n" * 16,
    box=buyer_ana.box,
    mailboxes=(ONE, TWO),
    until=100,
    opened_at=(TWO,),
)
OTHER = replace(BOX, reader=vendor_bo.key, until=200)


async def test_a_box_comes_back_as_it_was_saved(storage: Storage):
    await storage.write(lambda conn: boxes_own.save(conn, BOX))
    await storage.write(lambda conn: boxes_own.save(conn, OTHER))
    assert await storage.write(lambda conn: boxes_own.box_of(conn, BOX.reader)) == BOX
    assert await storage.write(lambda conn: boxes_own.box_of(conn, b"?" * 32)) is None
    found = await storage.write(lambda conn: boxes_own.of_context(conn, BOX.ctx))
    assert found == [BOX, OTHER]
    assert await storage.read(lambda db: boxes_own.load_open(db, 99)) == [BOX, OTHER]
    assert await storage.read(lambda db: boxes_own.load_open(db, 100)) == [OTHER]


def test_saving_again_extends_it(conn: sqlite3.Connection):
    boxes_own.save(conn, BOX)
    longer = replace(BOX, until=300, mailboxes=(TWO,), opened_at=(), closed=True)
    boxes_own.save(conn, longer)
    assert boxes_own.box_of(conn, BOX.reader) == longer
    assert boxes_own.box_of(conn, b"?" * 32) is None
    assert boxes_own.of_context(conn, BOX.ctx) == [longer]


def test_mailboxes_that_agree_are_noted_once(conn: sqlite3.Connection):
    boxes_own.save(conn, BOX)
    for mailbox in (ONE, TWO, ONE):
        assert boxes_own.mark_opened(conn, BOX.reader, mailbox)
    assert boxes_own.box_of(conn, BOX.reader) == replace(BOX, opened_at=(TWO, ONE))
    assert not boxes_own.mark_opened(conn, b"?" * 32, ONE)


def test_boxes_are_closed_by_hand_and_by_time(conn: sqlite3.Connection):
    boxes_own.save(conn, BOX)
    boxes_own.save(conn, OTHER)
    assert boxes_own.close(conn, OTHER.reader)
    assert not boxes_own.close(conn, OTHER.reader)
    assert boxes_own.close_outlived(conn, 99) == []
    assert boxes_own.close_outlived(conn, 500) == [BOX.reader]
    assert boxes_own.close_outlived(conn, 500) == []
    assert boxes_own.box_of(conn, BOX.reader) == replace(BOX, closed=True)


def test_at_the_cap_closed_boxes_make_room(conn: sqlite3.Connection, monkeypatch):
    monkeypatch.setattr(bounds, "boxes_own_max", 2)
    boxes_own.save(conn, BOX)
    boxes_own.save(conn, OTHER)
    third = replace(BOX, reader=blake2b_256(b"third"))
    with pytest.raises(StorageError) as refused:
        boxes_own.save(conn, third)
    assert refused.value.code == "E-DB-QUOTA"
    boxes_own.save(conn, replace(OTHER, closed=True))
    boxes_own.save(conn, third)
    assert boxes_own.of_context(conn, BOX.ctx) == [BOX, third]


def test_a_box_remembers_where_it_was(conn: sqlite3.Connection):
    moved = replace(BOX, mailboxes=(TWO,), former=(ONE,))
    boxes_own.save(conn, BOX)
    boxes_own.save(conn, moved)
    assert boxes_own.box_of(conn, BOX.reader) == moved
    assert moved.places == (TWO, ONE)


def test_what_was_closed_before_its_time_opens_again(conn: sqlite3.Connection):
    for box in (BOX, OTHER):
        boxes_own.save(conn, box)
    assert len(boxes_own.close_outlived(conn, 1_000)) == 2
    assert boxes_own.reopen(conn, 150) == 1
    found = boxes_own.box_of(conn, OTHER.reader)
    assert found is not None
    assert not found.closed
