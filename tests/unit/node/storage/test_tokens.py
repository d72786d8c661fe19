"""Tokens and sessions: kept by the hash of their secret, capped, left out of every copy."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.storage import bounds, restorations, tokens
from node.storage.database import Storage
from node.storage.tokens import Kind, TokenRow
from protocol.ids import blake2b_256
from tests.parties import NOW_MS


def row(number: int, kind: Kind = "token", until_ms: int = NOW_MS + 1_000) -> TokenRow:
    return TokenRow(
        handle=f"{kind}-{number}",
        kind=kind,
        name=f"number {number}",
        scopes=("read", "draft"),
        secret_hash=blake2b_256(f"{kind} {number}".encode()),
        made_ms=NOW_MS,
        until_ms=until_ms,
    )


async def test_what_is_kept_comes_back(storage: Storage):
    rows = [row(1), row(2, "session")]
    for each in rows:
        assert await storage.write(partial(tokens.add, token=each, now_ms=NOW_MS))
    await storage.write(lambda conn: tokens.note_use(conn, "token-1", 20_000))
    found = await storage.read(tokens.load_all)
    assert found == [replace(rows[0], used_day=20_000), rows[1]]


def test_one_ends_once(conn: sqlite3.Connection):
    tokens.add(conn, row(1), NOW_MS)
    assert tokens.remove(conn, "token-1")
    assert not tokens.remove(conn, "token-1")
    assert tokens.all_tokens(conn) == []


def test_so_many_tokens_and_the_newest_sessions(
    conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bounds, "tokens_max", 2)
    monkeypatch.setattr(bounds, "sessions_max", 2)
    assert [tokens.add(conn, row(number), NOW_MS) for number in range(3)] == [True, True, False]
    assert all(tokens.add(conn, row(number, "session"), NOW_MS) for number in range(4))
    left = [each.handle for each in tokens.all_tokens(conn)]
    assert left == ["token-0", "token-1", "session-2", "session-3"]


def test_those_past_their_time_make_room(conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "tokens_max", 1)
    assert tokens.add(conn, row(1, until_ms=NOW_MS + 10), NOW_MS)
    assert not tokens.add(conn, row(2), NOW_MS + 9)
    assert tokens.add(conn, row(2), NOW_MS + 10)
    assert [each.handle for each in tokens.all_tokens(conn)] == ["token-2"]


def test_a_secret_belongs_to_one(conn: sqlite3.Connection):
    tokens.add(conn, row(1), NOW_MS)
    with pytest.raises(sqlite3.IntegrityError):
        tokens.add(conn, replace(row(1), handle="token-9"), NOW_MS)


async def test_a_copy_holds_nobody(storage: Storage, tmp_path: Path):
    kept = row(1)
    await storage.write(lambda conn: tokens.add(conn, kept, NOW_MS))
    target = tmp_path / "copy.db"
    await storage.copy_to(target)
    raw = target.read_bytes()
    assert kept.secret_hash not in raw
    assert b"number 1" not in raw
    again = await Storage.open(target, clock=ManualClock(wall_ms=NOW_MS))
    assert await again.read(tokens.load_all) == []
    await again.close()
    assert len(await storage.read(tokens.load_all)) == 1


def test_a_restored_home_knows_nobody(conn: sqlite3.Connection):
    tokens.add(conn, row(1), NOW_MS)
    restorations.record(conn, how="backup", backup_ms=1, now_ms=NOW_MS)
    assert tokens.all_tokens(conn) == []
