"""This copy's row, and signs of others."""

from __future__ import annotations

import pytest

from node.storage import bounds, copies
from node.storage.copies import Sighting
from node.storage.database import Storage
from protocol.market.copies import Sign

AT = 1_800_000_000_000
CTX = bytes(16)


def a_sighting(number: int, **sign) -> Sighting:
    facts = Sign(at=AT + number, **sign)
    return Sighting(object_id=bytes([number]) * 32, ctx=CTX, kind="note", seen_ms=AT, sign=facts)


async def test_a_copy_keeps_its_name_over_restarts(storage: Storage):
    first = await storage.write(lambda conn: copies.begin(conn, b"a" * 16, AT))
    again = await storage.write(lambda conn: copies.begin(conn, b"b" * 16, AT + 9))
    assert again == first
    assert (first.created_ms, first.since_ms) == (AT, AT)


async def test_a_chosen_copy_gets_a_name_and_a_time(storage: Storage):
    await storage.write(lambda conn: copies.begin(conn, b"a" * 16, AT))
    found = await storage.write(lambda conn: copies.choose(conn, b"c" * 16, AT + 5))
    assert (found.instance, found.created_ms, found.chosen_ms) == (b"c" * 16, AT, AT + 5)
    assert found.since_ms == AT + 5


async def test_a_sign_is_noted_once_and_read_back_whole(storage: Storage):
    sighting = a_sighting(1, instance=b"b" * 16, since_ms=7, answers=True)

    def txn(conn):
        return copies.note(conn, sighting), copies.note(conn, sighting)

    assert await storage.write(txn) == (True, False)
    assert await storage.read(copies.load_noted) == [sighting]


async def test_the_newest_named_note_of_a_box_is_found(storage: Storage):
    def txn(conn):
        assert copies.newest_note(conn, CTX) is None
        for sighting in (
            a_sighting(1, instance=b"b" * 16, since_ms=1),
            a_sighting(2, instance=b"b" * 16, since_ms=1),
            a_sighting(3),
        ):
            copies.note(conn, sighting)
        return copies.newest_note(conn, CTX), copies.newest_note(conn, b"another")

    assert await storage.write(txn) == (bytes([2]) * 32, None)


async def test_the_oldest_signs_go_at_the_cap(storage: Storage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "copies_max", 2)

    def txn(conn):
        for number in range(1, 5):
            copies.note(conn, a_sighting(number))

    await storage.write(txn)
    assert [each.sign.at - AT for each in await storage.read(copies.load_noted)] == [3, 4]
