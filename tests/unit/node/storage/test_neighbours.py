"""What the owner decided about nodes."""

from __future__ import annotations

import sqlite3
from functools import partial

import pytest

from node.storage import neighbours
from node.storage.database import Storage
from node.storage.neighbours import Neighbour, NeighbourSource, NeighbourStanding
from protocol import limits
from protocol.ids import NodeId, blake2b_256

KEPT, REFUSED, GUEST = NeighbourStanding


def neighbour(
    name: object, standing: NeighbourStanding = KEPT, address: str | None = None, at: int = 5
) -> Neighbour:
    return Neighbour(
        key=NodeId(blake2b_256(str(name).encode())),
        standing=standing,
        how=NeighbourSource.NEARBY,
        address=address,
        since_ms=at,
        seen_ms=at,
    )


async def test_decisions_come_back_in_their_order(storage: Storage):
    found = [
        neighbour("b", REFUSED, at=6),
        neighbour("a", address="10.0.0.1:1"),
        neighbour("c", GUEST, at=7),
    ]
    for each in found:
        assert await storage.write(partial(neighbours.save, neighbour=each))
    assert await storage.read(neighbours.load_all) == [found[1], found[0], found[2]]


def test_a_later_decision_replaces_an_earlier_one(conn: sqlite3.Connection):
    assert neighbours.save(conn, neighbour("a", KEPT, "10.0.0.1:1", at=9))
    assert neighbours.save(conn, neighbour("a", REFUSED, None, at=7))
    row = neighbours.neighbour_of(conn, neighbour("a").key)
    assert row is not None
    assert (row.standing, row.address, row.since_ms, row.seen_ms) == (REFUSED, "10.0.0.1:1", 7, 9)


def test_a_place_is_noted_of_those_that_are_known(conn: sqlite3.Connection):
    row = neighbour("a")
    assert not neighbours.note_place(conn, row.key, "10.0.0.1:1", 9)
    neighbours.save(conn, row)
    assert neighbours.note_place(conn, row.key, "10.0.0.1:1", 9)
    found = neighbours.neighbour_of(conn, row.key)
    assert found is not None
    assert (found.address, found.seen_ms) == ("10.0.0.1:1", 9)


def test_forgetting(conn: sqlite3.Connection):
    row = neighbour("a")
    neighbours.save(conn, row)
    assert neighbours.remove(conn, row.key)
    assert not neighbours.remove(conn, row.key)
    assert neighbours.neighbour_of(conn, row.key) is None


def test_only_so_many_are_kept(conn: sqlite3.Connection):
    for number in range(limits.neighbours_kept_max):
        assert neighbours.save(conn, neighbour(number))
    assert not neighbours.save(conn, neighbour("more"))
    # Deciding anew about one of them needs no room.
    assert neighbours.save(conn, neighbour(0, address="10.0.0.1:1"))
    assert neighbours.save(conn, neighbour(1, REFUSED))
    assert neighbours.save(conn, neighbour("more"))


@pytest.mark.parametrize("standing", [REFUSED, GUEST])
def test_those_not_seen_for_longest_make_room(
    conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, standing: NeighbourStanding
):
    monkeypatch.setattr(limits, "neighbours_noted_max", 3)
    neighbours.save(conn, neighbour("kept", at=1))
    for number in range(6):
        neighbours.save(conn, neighbour(number, standing, at=10 + number))
    keys = {row["key"] for row in conn.execute("SELECT key FROM neighbours")}
    assert keys == {neighbour(name).key for name in ("kept", 3, 4, 5)}


def test_a_key_has_its_length(conn: sqlite3.Connection):
    with pytest.raises(sqlite3.IntegrityError):
        conn.execute(
            "INSERT INTO neighbours (key, standing, how, since_ms, seen_ms)"
            " VALUES (x'00', 'kept', 'nearby', 1, 1)"
        )
