"""Addresses of other nodes."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from functools import partial

from node.storage import nodes
from node.storage.columns import one as one_row
from node.storage.database import Storage
from node.storage.nodes import NodeRow, Reached, RecordSource
from protocol import limits
from protocol.ids import NodeId, blake2b_256


def node(name: str, seen_ms: int = 5, source: RecordSource = RecordSource.HEARSAY) -> NodeRow:
    key = NodeId(blake2b_256(name.encode()))
    return NodeRow(key=key, record=name.encode(), at=3, seen_ms=seen_ms, source=source)


def node_of(conn: sqlite3.Connection, key: bytes) -> NodeRow | None:
    row = one_row(conn, "SELECT * FROM nodes WHERE key = ?", (key,))
    return None if row is None else nodes._node(row)


async def test_a_record_comes_back_as_it_was_saved(storage: Storage):
    one, two = node("one"), node("two", 6, RecordSource.FIRST_HAND)
    for each in (one, two):
        assert await storage.write(partial(nodes.save, node=each))
    assert await storage.read(nodes.load_newest) == [two, one]
    assert await storage.read(lambda db: nodes.load_newest(db, limit=1)) == [two]


def test_only_a_newer_record_takes_an_older_ones_place(conn: sqlite3.Connection):
    one = node("one", 50)
    assert nodes.save(conn, one)
    assert not nodes.save(conn, replace(one, at=2, record=b"older"))
    assert node_of(conn, one.key) == one
    newer = replace(one, at=4, record=b"newer", seen_ms=40, source=RecordSource.FIRST_HAND)
    assert nodes.save(conn, newer)
    assert node_of(conn, one.key) == replace(newer, seen_ms=50)
    assert node_of(conn, b"?" * 32) is None


def test_hearsay_never_takes_the_place_of_what_was_proved(conn: sqlite3.Connection):
    lie = replace(node("one"), at=99, record=b"lie")
    proved = replace(node("one", source=RecordSource.FIRST_HAND), record=b"proved")
    assert nodes.save(conn, lie)
    assert nodes.save(conn, proved), "however young the lie says it is"
    assert not nodes.save(conn, lie)
    assert node_of(conn, lie.key) == proved
    assert not nodes.save(conn, replace(proved, at=proved.at - 1))


def test_at_the_cap_the_longest_unseen_goes(conn: sqlite3.Connection, monkeypatch):
    monkeypatch.setattr(limits, "known_nodes_max", 2)
    old, mid, new = node("old", 2), node("mid", 3), node("new", 4)
    for each in (mid, old):
        nodes.save(conn, each)
    nodes.save(conn, replace(mid, at=9))
    assert node_of(conn, old.key) == old
    nodes.save(conn, new)
    assert node_of(conn, old.key) is None
    assert node_of(conn, mid.key) == replace(mid, at=9)


def test_nodes_not_seen_for_long_are_forgotten(conn: sqlite3.Connection):
    old, new = node("old", 2), node("new", 9)
    for each in (old, new):
        nodes.save(conn, each)
    assert nodes.forget(conn, 9) == 1
    assert node_of(conn, old.key) is None
    assert node_of(conn, new.key) == new


def test_what_was_reached_is_noted_and_goes_after_what_was_not(
    conn: sqlite3.Connection, monkeypatch
):
    monkeypatch.setattr(limits, "known_nodes_max", 2)
    one, two, three = node("one", 1), node("two", 2), node("three", 3)
    reached = Reached(at_ms=2, address="one.example:1", group="8.8.0.0/16")
    nodes.save(conn, replace(one, told_by="9.9.0.0/16"))
    assert nodes.mark_reached(conn, one.key, reached)
    assert not nodes.mark_reached(conn, b"?" * 32, reached)
    nodes.save(conn, two)
    nodes.save(conn, three)
    assert node_of(conn, two.key) is None
    kept = node_of(conn, one.key)
    assert kept == replace(one, told_by="9.9.0.0/16", reached=reached, seen_ms=2)
    nodes.save(conn, replace(one, at=9, told_by="else"))
    kept = node_of(conn, one.key)
    assert kept
    assert (kept.told_by, kept.reached) == ("9.9.0.0/16", reached), "who told of it first"


async def test_whom_to_dial_first_is_noted_in_place_of_the_last(storage: Storage):
    one, two = node("one"), node("two")
    for each in (one, two):
        await storage.write(partial(nodes.save, node=each))
    await storage.write(partial(nodes.set_anchors, keys=[one.key, b"?" * 32]))
    await storage.write(partial(nodes.set_anchors, keys=[two.key]))
    rows = await storage.read(nodes.load_newest)
    assert [row.key for row in rows if row.is_anchor] == [two.key]
