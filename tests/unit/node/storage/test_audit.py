"""The history: in order, numbered, capped."""

from __future__ import annotations

import sqlite3

import pytest

from node.storage import audit, bounds
from node.storage.audit import AuditLine
from node.storage.database import Storage
from protocol.ids import blake2b_256

ID = blake2b_256(b"offer")


async def test_lines_come_in_order_past_a_cursor(storage: Storage):
    assert await storage.read(audit.load_span) == (0, 0)
    first = await storage.write(
        lambda conn: audit.append(conn, at=5, what="offer", ids=[ID], detail={"total": 3})
    )
    second = await storage.write(lambda conn: audit.append(conn, at=4, what="closed"))
    wanted = [
        AuditLine(seq=first, at=5, what="offer", ids=(ID,), detail={"total": 3}),
        AuditLine(seq=second, at=4, what="closed", ids=(), detail={}),
    ]
    assert await storage.read(lambda db: audit.load_after(db, 0, limit=9)) == wanted
    assert await storage.read(lambda db: audit.load_after(db, first, limit=9)) == wanted[1:]
    assert await storage.read(lambda db: audit.load_after(db, 0, limit=1)) == wanted[:1]
    assert await storage.read(lambda db: audit.load_newest(db, limit=9)) == wanted[::-1]
    assert await storage.write(lambda conn: audit.after(conn, first, limit=9)) == wanted[1:]
    assert await storage.read(audit.load_span) == (first, second)


def test_the_oldest_lines_go(conn: sqlite3.Connection, monkeypatch):
    monkeypatch.setattr(bounds, "audit_rows_max", 3)
    numbers = [audit.append(conn, at=n, what="x") for n in range(5)]
    assert [line.seq for line in audit.after(conn, 0, limit=9)] == numbers[-3:]


def test_a_number_is_never_used_twice(conn: sqlite3.Connection):
    first = audit.append(conn, at=1, what="x")
    conn.execute("DELETE FROM audit")
    assert audit.append(conn, at=1, what="x") == first + 1


def test_details_are_plain(conn: sqlite3.Connection):
    with pytest.raises(TypeError):
        audit.append(conn, at=1, what="x", detail={"key": b"bytes"})
    with pytest.raises(ValueError, match="JSON"):
        audit.append(conn, at=1, what="x", detail={"score": float("nan")})


async def test_the_newest_number(storage: Storage):
    assert await storage.write(audit.newest) == 0
    await storage.write(lambda conn: audit.append(conn, at=1, what="x"))
    assert await storage.write(audit.newest) == 1
