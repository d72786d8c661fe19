"""Tokens of invites: used once, by one node."""

from __future__ import annotations

import sqlite3
from functools import partial

import pytest

from node.storage import invites
from node.storage.database import Storage
from node.storage.invites import TokenState
from protocol import limits
from protocol.ids import NodeId, blake2b_256

HASH = blake2b_256(b"token")
ANA, BO = NodeId(blake2b_256(b"ana")), NodeId(blake2b_256(b"bo"))
UNTIL = 1_000_000


def test_the_first_uses_it_up(conn: sqlite3.Connection):
    assert invites.add(conn, HASH, until=UNTIL, now_ms=1)
    assert invites.use(conn, HASH, key=ANA, now_ms=2) is TokenState.GOOD
    assert invites.use(conn, HASH, key=BO, now_ms=3) is TokenState.USED
    # The answer may have been lost: the same node may say it again, even late.
    assert invites.use(conn, HASH, key=ANA, now_ms=10 * UNTIL) is TokenState.GOOD
    row = conn.execute("SELECT used_by, used_ms FROM invites").fetchone()
    assert (row["used_by"], row["used_ms"]) == (ANA, 2)


def test_what_is_over_or_unknown_changes_nothing(conn: sqlite3.Connection):
    invites.add(conn, HASH, until=UNTIL, now_ms=1)
    late = UNTIL + limits.expiry_tolerance_ms
    assert invites.use(conn, HASH, key=ANA, now_ms=late + 1) is TokenState.OVER
    assert invites.use(conn, blake2b_256(b"?"), key=ANA, now_ms=2) is TokenState.UNKNOWN
    assert conn.execute("SELECT used_by FROM invites").fetchone()["used_by"] is None
    assert invites.use(conn, HASH, key=ANA, now_ms=late) is TokenState.GOOD


async def test_looking_changes_nothing(storage: Storage):
    await storage.write(lambda conn: invites.add(conn, HASH, until=UNTIL, now_ms=1))
    for key in (ANA, BO):
        state = await storage.read(partial(invites.load_state, token_hash=HASH, key=key, now_ms=2))
        assert state is TokenState.GOOD
    none = await storage.read(lambda db: invites.load_state(db, ANA, key=ANA, now_ms=2))
    assert none is TokenState.UNKNOWN


def test_only_so_many_wait_and_old_ones_are_forgotten(
    conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "invites_open_max", 2)
    hashes = [blake2b_256(bytes([number])) for number in range(4)]
    assert invites.add(conn, hashes[0], until=UNTIL, now_ms=1)
    assert invites.add(conn, hashes[1], until=UNTIL, now_ms=1)
    assert not invites.add(conn, hashes[2], until=UNTIL, now_ms=1)
    # One that was used waits no more.
    invites.use(conn, hashes[0], key=ANA, now_ms=2)
    assert invites.add(conn, hashes[2], until=UNTIL, now_ms=3)
    much_later = UNTIL + limits.invite_ttl_ms_max + 1
    assert invites.add(conn, hashes[3], until=much_later + 1, now_ms=much_later)
    assert [row["token_hash"] for row in conn.execute("SELECT * FROM invites")] == [hashes[3]]
