"""What happened here, line by line: written in the change that made it happen (invariant I2).

The line's number is the cursor of every stream of events. Personal values never stand here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiosqlite

from node.storage import bounds
from node.storage.columns import (
    every,
    hex_list,
    json_text,
    load_every,
    load_one,
    read_hex_list,
    read_json,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One thing that happened."""

    seq: int
    """Its number; grows, never used twice."""
    at: int
    """Unix ms."""
    what: str
    """A word such as `offer_received`."""
    ids: tuple[bytes, ...]
    """What it happened to, the most telling first."""
    detail: dict[str, Any]
    """Plain JSON."""


_SELECT_AFTER = "SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
_SELECT_NEWEST = "SELECT * FROM audit ORDER BY seq DESC LIMIT ?"


def _line(row: sqlite3.Row) -> AuditLine:
    return AuditLine(
        seq=row["seq"],
        at=row["at"],
        what=row["what"],
        ids=read_hex_list(row["ids"]),
        detail=read_json(row["detail"]),
    )


def append(
    conn: sqlite3.Connection,
    *,
    at: int,
    what: str,
    ids: Iterable[bytes] = (),
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Write a line; the oldest beyond `bounds.audit_rows_max` go.

    Returns:
        Its number.

    Raises:
        TypeError: `detail` holds something that is not plain JSON.
    """
    cursor = conn.execute(
        "INSERT INTO audit (at, what, ids, detail) VALUES (?, ?, ?, ?)",
        (at, what, hex_list(ids), json_text(dict(detail or {}))),
    )
    seq = int(cursor.lastrowid or 0)
    # Numbers have no gaps but those of changes undone, so the number alone says what is too old.
    conn.execute("DELETE FROM audit WHERE seq <= ?", (seq - bounds.audit_rows_max,))
    return seq


def after(conn: sqlite3.Connection, cursor: int, *, limit: int) -> list[AuditLine]:
    """List lines past a cursor, inside a change."""
    return [_line(row) for row in every(conn, _SELECT_AFTER, (cursor, limit))]


def newest(conn: sqlite3.Connection) -> int:
    """Give the number of the newest line, inside a change; 0 when there is none."""
    return int(every(conn, "SELECT ifnull(max(seq), 0) AS seq FROM audit")[0]["seq"])


async def load_after(db: aiosqlite.Connection, cursor: int, *, limit: int) -> list[AuditLine]:
    """List lines past a cursor, the oldest first."""
    return [_line(row) for row in await load_every(db, _SELECT_AFTER, (cursor, limit))]


async def load_newest(db: aiosqlite.Connection, *, limit: int) -> list[AuditLine]:
    """List the newest lines, the newest first."""
    return [_line(row) for row in await load_every(db, _SELECT_NEWEST, (limit,))]


async def load_span(db: aiosqlite.Connection) -> tuple[int, int]:
    """Give the numbers of the oldest and newest line, or (0, 0): which cursors can be served."""
    row = await load_one(db, "SELECT min(seq) AS low, max(seq) AS high FROM audit")
    if row is None or row["low"] is None:
        return 0, 0
    return row["low"], row["high"]
