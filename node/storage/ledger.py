"""The ledger of disclosure: who has learnt which field of this home's person, and when.

Written in the change that lets the field leave (invariant I8); names of fields, never their values.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import aiosqlite

from node.storage import bounds, faults
from node.storage.columns import changed, every, load_every


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """One field known to one party."""

    at: int
    """Unix ms it was first let go."""
    cast_id: bytes
    """Root cast."""
    other_key: bytes
    """Who learnt it, a signing key."""
    tier: int
    """1 detail, 2 by command, 3 on agreement."""
    field: str
    """Its name."""


_SELECT_ALL = "SELECT * FROM disclosed ORDER BY seq DESC LIMIT ?"
_SELECT_CAST = "SELECT * FROM disclosed WHERE cast_id = ? ORDER BY seq"


def _disclosed(row: sqlite3.Row) -> Disclosed:
    return Disclosed(
        at=row["at"],
        cast_id=row["cast_id"],
        other_key=row["other_key"],
        tier=row["tier"],
        field=row["field"],
    )


def record(conn: sqlite3.Connection, line: Disclosed) -> bool:
    """Write a line; False when this party knew the field already, since when is kept.

    Raises:
        StorageError: E-DB-QUOTA at `bounds.disclosed_rows_max`.
    """
    # Nothing is ever removed, so the highest number is the count.
    highest = every(conn, "SELECT max(seq) AS n FROM disclosed")[0]["n"] or 0
    if highest >= bounds.disclosed_rows_max:
        raise faults.quota("lines of disclosure", bounds.disclosed_rows_max)
    added = changed(
        conn,
        """
        INSERT INTO disclosed (at, cast_id, other_key, tier, field) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """,
        (line.at, line.cast_id, line.other_key, line.tier, line.field),
    )
    return added == 1


async def load_of_cast(db: aiosqlite.Connection, cast_id: bytes) -> list[Disclosed]:
    """List what each party has learnt through one cast, in order."""
    return [_disclosed(row) for row in await load_every(db, _SELECT_CAST, (cast_id,))]


async def load_all(db: aiosqlite.Connection, *, limit: int) -> list[Disclosed]:
    """List the newest lines, the newest first."""
    return [_disclosed(row) for row in await load_every(db, _SELECT_ALL, (limit,))]
