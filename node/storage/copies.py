"""This copy of the home, and signs that another copy of the same identity lives.

A restore copies the keys and perhaps the rows, never the instance: each copy has a random name and
the time it began. A sign is an object under a key of ours that this home never wrote; the rows
promise nothing about what it means, which `protocol/market/copies` judges.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import aiosqlite

from node.storage import bounds
from node.storage.columns import changed, load_every, one
from protocol.market.copies import Copy, Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One sign, and where it was met."""

    object_id: bytes
    """The object."""
    ctx: bytes
    """Whose key signed it: a request's nonce, or a vendor context."""
    kind: str
    """What it is."""
    seen_ms: int
    """When this home met it, Unix ms."""
    sign: Sign
    """What it says."""


_SELECT_INSTANCE = """
SELECT instance, created_ms, chosen_ms, NOT EXISTS (SELECT 1 FROM restorations) AS is_first
FROM instance
"""
_SELECT_COPIES = "SELECT * FROM copies ORDER BY seq"


def _copy(row: sqlite3.Row | None) -> Copy | None:
    if row is None:
        return None
    return Copy(
        instance=row["instance"],
        created_ms=row["created_ms"],
        chosen_ms=row["chosen_ms"],
        is_first=bool(row["is_first"]),
    )


def _sighting(row: sqlite3.Row) -> Sighting:
    return Sighting(
        object_id=row["object_id"],
        ctx=row["ctx"],
        kind=row["kind"],
        seen_ms=row["seen_ms"],
        sign=Sign(
            at=row["at"],
            instance=row["instance"],
            since_ms=row["since_ms"],
            answers=bool(row["answers"]),
        ),
    )


def begin(conn: sqlite3.Connection, instance: bytes, now_ms: int) -> Copy:
    """Give this copy's row, making it at the first start and at the first after a restore.

    Args:
        conn: inside a change.
        instance: 16 random bytes, used when there is no row yet.
        now_ms: wall clock, Unix ms.
    """
    conn.execute(
        "INSERT INTO instance (one, instance, created_ms) VALUES (1, ?, ?) ON CONFLICT DO NOTHING",
        (instance, now_ms),
    )
    found = _copy(one(conn, _SELECT_INSTANCE))
    assert found is not None  # noqa: S101 - written above where it was missing
    return found


def choose(conn: sqlite3.Connection, instance: bytes, now_ms: int) -> Copy:
    """Keep the owner's word that this copy goes on; signs up to now are answered by it.

    It gets another name, so that a folder copied by hand is told apart from its twin.

    Args:
        conn: inside a change, after `begin`.
        instance: 16 random bytes.
        now_ms: wall clock, Unix ms.
    """
    conn.execute("UPDATE instance SET instance = ?, chosen_ms = ?", (instance, now_ms))
    return begin(conn, instance, now_ms)


def note(conn: sqlite3.Connection, sighting: Sighting) -> bool:
    """Remember a sign; tell whether it is new. The oldest beyond the cap go."""
    added = changed(
        conn,
        """
        INSERT INTO copies (object_id, ctx, kind, at, seen_ms, instance, since_ms, answers)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
        """,
        (
            sighting.object_id,
            sighting.ctx,
            sighting.kind,
            sighting.sign.at,
            sighting.seen_ms,
            sighting.sign.instance,
            sighting.sign.since_ms,
            int(sighting.sign.answers),
        ),
    )
    conn.execute(
        "DELETE FROM copies WHERE seq <= (SELECT max(seq) FROM copies) - ?", (bounds.copies_max,)
    )
    return added == 1


def newest_note(conn: sqlite3.Connection, ctx: bytes) -> bytes | None:
    """Give the id of the newest note another copy left in a box of ours."""
    sql = "SELECT object_id FROM copies WHERE ctx = ? AND instance IS NOT NULL ORDER BY seq DESC"
    row = one(conn, sql, (ctx,))
    return None if row is None else bytes(row["object_id"])


async def load_noted(db: aiosqlite.Connection) -> list[Sighting]:
    """List the signs, the oldest first."""
    return [_sighting(row) for row in await load_every(db, _SELECT_COPIES)]
