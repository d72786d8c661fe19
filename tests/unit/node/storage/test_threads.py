"""Threads: one row per line of talk, each role its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from node.storage import bounds, deals, threads
from node.storage.database import Storage
from node.storage.deals import Deal
from node.storage.threads import Thread
from protocol.ids import blake2b_256
from protocol.market.deal import DealState, Role
from protocol.market.thread import ThreadState
from tests.parties import buyer_ana, vendor_bo

ROOT = blake2b_256(b"root")
THREAD = Thread(
    cast_id=ROOT,
    role=Role.BUYER,
    own_ctx=b"n" * 16,
    other_key=vendor_bo.key,
    state=ThreadState.OFFERED,
    offer_id=blake2b_256(b"offer"),
    profile_id=blake2b_256(b"profile"),
    last_own_id=None,
    last_other_id=blake2b_256(b"offer"),
    other_reply=b"reply",
    updated_ms=5,
)
OURS_TOO = replace(
    THREAD,
    role=Role.VENDOR,
    own_ctx=b"profile",
    other_key=buyer_ana.key,
    offer_id=blake2b_256(b"offer 2"),
    updated_ms=6,
)


def name(thread: Thread):
    return thread.cast_id, thread.role, thread.own_ctx, thread.other_key


async def test_a_thread_comes_back_as_it_was_saved(storage: Storage):
    for each in (THREAD, OURS_TOO):
        await storage.write(partial(threads.save, thread=each))
    assert await storage.read(lambda db: threads.load_thread(db, *name(THREAD))) == THREAD
    assert await storage.read(lambda db: threads.load_of_cast(db, ROOT, Role.BUYER)) == [THREAD]
    assert await storage.read(lambda db: threads.load_thread(db, b"?", *name(THREAD)[1:])) is None
    assert await storage.read(lambda db: threads.load_newest(db, Role.VENDOR, limit=5)) == [
        OURS_TOO
    ]


def test_both_roles_of_one_home_stand_apart(conn: sqlite3.Connection):
    threads.save(conn, THREAD)
    threads.save(conn, OURS_TOO)
    assert threads.thread_of(conn, *name(THREAD)) == THREAD
    assert threads.thread_of(conn, *name(OURS_TOO)) == OURS_TOO
    assert threads.thread_of(conn, ROOT, Role.BUYER, b"x", vendor_bo.key) is None
    assert threads.of_cast(conn, ROOT, Role.VENDOR) == [OURS_TOO]
    assert threads.of_cast(conn, ROOT, Role.BUYER) == [THREAD]
    assert threads.by_offer(conn, THREAD.offer_id or b"", Role.BUYER) == THREAD
    assert threads.by_offer(conn, THREAD.offer_id or b"", Role.VENDOR) is None


def test_saving_again_changes_what_may_change(conn: sqlite3.Connection):
    threads.save(conn, THREAD)
    moved = replace(
        THREAD,
        state=ThreadState.CLOSED,
        offer_id=None,
        profile_id=None,
        last_own_id=blake2b_256(b"closed"),
        other_reply=None,
        updated_ms=9,
    )
    threads.save(conn, moved)
    assert threads.of_cast(conn, ROOT, Role.BUYER) == [moved]


def test_above_the_cap_the_longest_untouched_without_a_deal_go(
    conn: sqlite3.Connection, monkeypatch
):
    others = [replace(THREAD, other_key=bytes([n]) * 32, updated_ms=10 + n) for n in range(4)]
    for thread in others:
        threads.save(conn, thread)
    deals.insert(
        conn,
        Deal(
            deal_id=blake2b_256(b"deal"),
            role=Role.BUYER,
            own_ctx=THREAD.own_ctx,
            cast_id=ROOT,
            offer_id=blake2b_256(b"offer"),
            other_key=others[0].other_key,
            state=DealState.AGREED,
            confirm_by=1,
            created_ms=1,
            updated_ms=1,
        ),
    )
    assert threads.sweep(conn) == 0
    monkeypatch.setattr(bounds, "threads_max", 2)
    assert threads.sweep(conn) == 2
    assert threads.of_cast(conn, ROOT, Role.BUYER) == [others[0], others[3]]


async def test_who_was_told_of_other_mailboxes_is_found(storage: Storage):
    one, two = b"1" * 32, b"2" * 32
    told = replace(THREAD, own_at=(one, two), other_reply_at=9)
    rows = [
        told,
        replace(THREAD, other_key=b"a" * 32, own_at=(two, one)),
        replace(THREAD, other_key=b"b" * 32),
        replace(THREAD, other_key=b"c" * 32, state=ThreadState.CLOSED),
        replace(THREAD, other_key=b"d" * 32, own_ctx=b"other"),
    ]
    for each in rows:
        await storage.write(partial(threads.save, thread=each))
    assert await storage.read(lambda db: threads.load_thread(db, *name(told))) == told

    def untold(limit: int) -> Callable[[sqlite3.Connection], list[bytes]]:
        return lambda conn: [
            each.other_key for each in threads.untold(conn, THREAD.own_ctx, (one, two), limit)
        ]

    assert await storage.write(untold(5)) == [b"a" * 32, b"b" * 32]
    assert await storage.write(untold(1)) == [b"a" * 32]
