"""What was refused is known by name, within caps nobody else can use up."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from node.storage import bounds, dropped, threads
from node.storage.dropped import Dropped
from node.storage.threads import Thread
from protocol.ids import blake2b_256
from protocol.market.deal import Role
from protocol.market.thread import ThreadState
from tests.parties import buyer_ana, vendor_bo

CTX = b"n" * 16
ROOT = blake2b_256(b"root")


def refused(number: int, key: bytes = vendor_bo.key, thread: bytes = ROOT) -> Dropped:
    return Dropped(
        ctx=CTX,
        other_key=key,
        thread=thread,
        object_id=blake2b_256(number.to_bytes(4, "big")),
        stands_for=blake2b_256(b"offer"),
        reason="duplicate",
        at=number,
    )


def known(conn: sqlite3.Connection, each: Dropped) -> bool:
    found = dropped.dropped_of(conn, each.ctx, each.other_key, each.object_id)
    assert found in (None, each)
    return found is not None


def test_a_name_comes_back_with_what_it_stands_for(conn: sqlite3.Connection):
    one = refused(1)
    for _ in range(2):
        dropped.remember(conn, one, is_stranger=False)
    assert known(conn, one)
    assert not known(conn, refused(2))
    # Another party's word for the same id means nothing.
    assert dropped.dropped_of(conn, CTX, buyer_ana.key, one.object_id) is None
    assert dropped.dropped_of(conn, b"other", vendor_bo.key, one.object_id) is None


def test_a_party_makes_room_for_itself_alone(
    conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bounds, "dropped_per_party_max", 2)
    other = refused(9, key=buyer_ana.key)
    dropped.remember(conn, other, is_stranger=False)
    for number in range(3):
        dropped.remember(conn, refused(number), is_stranger=False)
    assert [known(conn, refused(number)) for number in range(3)] == [False, True, True]
    assert known(conn, other)


def test_strangers_share_their_room_and_take_nobody_elses(
    conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bounds, "dropped_of_strangers_max", 2)
    threads.save(
        conn,
        Thread(
            cast_id=ROOT,
            role=Role.BUYER,
            own_ctx=CTX,
            other_key=vendor_bo.key,
            state=ThreadState.OFFERED,
            updated_ms=1,
        ),
    )
    friend = refused(9)
    dropped.remember(conn, friend, is_stranger=False)
    strangers = [refused(n, key=blake2b_256(bytes([n]))) for n in range(4)]
    for each in strangers:
        dropped.remember(conn, each, is_stranger=True)
    assert [known(conn, each) for each in strangers] == [False, False, True, True]
    assert known(conn, friend)


def test_all_together_have_a_cap(conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "dropped_rows_max", 3)
    rows = [replace(refused(n), ctx=bytes([n]) * 16) for n in range(5)]
    for each in rows:
        dropped.remember(conn, each, is_stranger=False)
    assert [known(conn, each) for each in rows] == [False, False, True, True, True]
