"""Statements found by their key, and our own generations."""

from __future__ import annotations

from typing import Any

from node.storage import bounds, objects, successions, threads
from node.storage.database import Storage
from node.storage.successions import GenerationRow
from node.storage.threads import Thread
from protocol.market.deal import Role
from protocol.market.thread import ThreadState
from tests.parties import NOW_MS, Party, make_profile
from tests.successions import make_revocation, make_rotation

OLD, NEW = Party("vendor_bo"), Party("vendor_bo at 1")


def keep(conn, *verified):
    for each in verified:
        objects.insert(conn, each, own=False, now_ms=NOW_MS)


async def test_statements_come_in_the_order_they_were_recorded(storage: Storage):
    rotation, revocation = make_rotation(OLD, NEW), make_revocation(OLD)

    def txn(conn):
        keep(conn, revocation, make_profile(by=OLD), rotation, make_revocation(NEW))
        return successions.raws(conn, OLD.key)

    assert await storage.write(txn) == [revocation.raw, rotation.raw]


async def test_a_key_that_rotates_for_ever_is_read_so_far_and_its_end_is_always(storage: Storage):
    many: list[Any] = [make_rotation(OLD, Party(f"next {each}")) for each in range(18)]
    revocation = make_revocation(OLD)

    def txn(conn):
        keep(conn, *many, revocation)
        return successions.raws(conn, OLD.key)

    read = await storage.write(txn)
    assert read == [
        *(each.raw for each in many[: bounds.rotations_per_key_max]),
        revocation.raw,
    ]


async def test_a_key_is_revoked_by_its_own_revocation_alone(storage: Storage):
    def txn(conn):
        keep(conn, make_rotation(OLD, NEW), make_revocation(NEW))
        return successions.is_revoked(conn, OLD.key), successions.is_revoked(conn, NEW.key)

    assert await storage.write(txn) == (False, True)


async def test_contacts_are_whoever_we_have_a_thread_with(storage: Storage):
    thread = Thread(
        cast_id=bytes(32),
        role=Role.BUYER,
        own_ctx=bytes(16),
        other_key=OLD.key,
        state=ThreadState.OFFERED,
        updated_ms=NOW_MS,
    )

    def txn(conn):
        keep(conn, make_rotation(OLD, NEW), make_revocation(NEW))
        assert successions.contacts_with_statements(conn, limit=9) == []
        threads.save(conn, thread)
        assert successions.is_contact(conn, OLD.key)
        assert not successions.is_contact(conn, NEW.key)
        return successions.contacts_with_statements(conn, limit=9)

    assert await storage.write(txn) == [OLD.key]


async def test_generations_are_kept_once_and_in_order(storage: Storage):
    second = GenerationRow(generation=2, key=b"2" * 32, rotation_id=b"b" * 32, at=NOW_MS)
    first = GenerationRow(generation=1, key=b"1" * 32, rotation_id=b"a" * 32, at=NOW_MS)
    other = GenerationRow(generation=1, key=b"x" * 32, rotation_id=b"y" * 32, at=NOW_MS)

    def txn(conn):
        for row in (second, first, other):
            successions.add_generation(conn, row)

    await storage.write(txn)
    assert await storage.read(successions.load_generations) == [first, second]
