"""Objects we need that were found damaged or missing, and how often the other party was asked.

A row of `wanted` stands until a good copy has come. A row of
`askings` counts the questions about one deal or thread, so that nobody is worn out by them.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

import aiosqlite

from node.storage.columns import every, load_every, one


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One damaged object."""

    id: bytes
    """Its id."""
    deal_id: bytes | None
    """A deal it is part of, or without one the root cast of its thread: the other party holds it
    too. None: nobody but whoever carries it."""
    found_ms: int
    """When the damage was found."""
    seq: int = field(default=0, compare=False)
    """Its number, given by the table; order of finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What was asked about one deal."""

    deal_id: bytes
    """Id of the acceptance."""
    asked_ms: int = 0
    """When we last asked."""
    asks: int = 0
    """How often."""


_SELECT_ALL = "SELECT * FROM wanted WHERE seq > ? ORDER BY seq LIMIT ?"


def _wanted(row: sqlite3.Row) -> Wanted:
    return Wanted(id=row["id"], deal_id=row["deal_id"], found_ms=row["found_ms"], seq=row["seq"])


def want(conn: sqlite3.Connection, wanted: Wanted) -> None:
    """Note a damaged object; one noted before stays, and learns who holds it if it did not know."""
    conn.execute(
        """
        INSERT INTO wanted (id, deal_id, found_ms) VALUES (?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET deal_id = coalesce(deal_id, excluded.deal_id)
        """,
        (wanted.id, wanted.deal_id, wanted.found_ms),
    )


def settle(conn: sqlite3.Connection, object_id: bytes) -> None:
    """Note that a good copy is here."""
    conn.execute("DELETE FROM wanted WHERE id = ?", (object_id,))


def is_wanted(conn: sqlite3.Connection, object_id: bytes) -> bool:
    """Tell whether an object was here and is waited for."""
    return one(conn, "SELECT 1 FROM wanted WHERE id = ?", (object_id,)) is not None


def of_deal(conn: sqlite3.Connection, deal_id: bytes) -> list[Wanted]:
    """List what is damaged of a deal."""
    rows = every(conn, "SELECT * FROM wanted WHERE deal_id = ? ORDER BY seq", (deal_id,))
    return [_wanted(row) for row in rows]


def all_of(conn: sqlite3.Connection, *, limit: int) -> list[Wanted]:
    """List what is damaged, the first found first."""
    return [_wanted(row) for row in every(conn, _SELECT_ALL, (0, limit))]


async def load_all(db: aiosqlite.Connection, *, limit: int, after: int = 0) -> list[Wanted]:
    """List what is damaged, past a number alone, the first found first."""
    return [_wanted(row) for row in await load_every(db, _SELECT_ALL, (after, limit))]


def asking_of(conn: sqlite3.Connection, deal_id: bytes) -> Asking:
    """Say what was asked about a deal; nothing yet when there is no row."""
    row = one(conn, "SELECT * FROM askings WHERE deal_id = ?", (deal_id,))
    if row is None:
        return Asking(deal_id=deal_id)
    return Asking(deal_id=deal_id, asked_ms=row["asked_ms"], asks=row["asks"])


def save_asking(conn: sqlite3.Connection, asking: Asking) -> None:
    """Keep it, new or changed."""
    conn.execute(
        """
        INSERT INTO askings (deal_id, asked_ms, asks) VALUES (?, ?, ?)
        ON CONFLICT (deal_id) DO UPDATE SET asked_ms = excluded.asked_ms, asks = excluded.asks
        """,
        (asking.deal_id, asking.asked_ms, asking.asks),
    )
