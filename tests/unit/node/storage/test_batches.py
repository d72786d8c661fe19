"""What passes is stored many at a time, and as one after the other."""

from __future__ import annotations

import sqlite3

from node.storage import batches, objects
from node.storage.objects import Inserted, Known, Revoked
from tests.parties import NOW_MS, buyer_ana, make_cast
from tests.unit.node.storage.test_objects import insert, make_revoke


def test_many_are_stored_as_one_after_the_other(conn: sqlite3.Connection):
    casts = [make_cast(title=f"Cast {number}") for number in range(40)]
    assert batches.insert(conn, casts, now_ms=NOW_MS) == [Inserted()] * 40
    assert [objects.raw_of(conn, cast.id) for cast in casts] == [cast.raw for cast in casts]
    row = objects.row_of(conn, casts[3].id)
    assert row is not None
    assert (row.key, row.stored_ms, row.own) == (buyer_ana.key, NOW_MS, False)


def test_what_is_not_simply_new_among_many_is_told(conn: sqlite3.Connection):
    casts = [make_cast(title=f"Cast {number}") for number in range(34)]
    insert(conn, casts[2])
    revoke = make_revoke(casts[20])
    insert(conn, revoke)
    outcomes = batches.insert(conn, casts, now_ms=NOW_MS)
    assert outcomes[2] == Known()
    assert outcomes[20] == Revoked(by=revoke.id)
    assert outcomes.count(Inserted()) == 32
    assert objects.raw_of(conn, casts[20].id) is None
    assert all(objects.raw_of(conn, cast.id) for cast in (*casts[:20], *casts[21:]))


def test_one_that_stands_twice_among_many_is_new_once(conn: sqlite3.Connection):
    casts = [make_cast(title=f"Cast {number}") for number in range(15)]
    outcomes = batches.insert(conn, [*casts, casts[0]], now_ms=NOW_MS)
    assert outcomes == [Inserted()] * 15 + [Known()]
