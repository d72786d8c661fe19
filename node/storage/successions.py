"""Statements about keys, as recorded here, and the generations of this home's own identity.

The statements themselves are public objects and lie with all others; here they are found by the key
they speak of, in the order in which they were recorded, which is what decides between them.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import aiosqlite

from node.storage import bounds, objects
from node.storage.columns import every, load_every, one


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRow:
    """One generation of the vendor identity after the first."""

    generation: int
    """From 1."""
    key: bytes
    """Its public signing key."""
    rotation_id: bytes
    """The statement that began it."""
    at: int
    """When that was signed, Unix ms."""


_SELECT_STATEMENTS = """
SELECT id, seq FROM (
  SELECT id, seq FROM objects
  WHERE key = ?1 AND kind IN ('rotation', 'revocation') AND kind = 'rotation'
  ORDER BY seq LIMIT ?2
)
UNION ALL SELECT id, seq FROM (
  SELECT id, seq FROM objects
  WHERE key = ?1 AND kind IN ('rotation', 'revocation') AND kind = 'revocation'
  ORDER BY seq LIMIT 1
)
ORDER BY seq
"""
_SELECT_REVOKED = """
SELECT 1 FROM objects WHERE key = ? AND kind IN ('rotation', 'revocation') AND kind = 'revocation'
"""
_SELECT_OF_CONTACTS = """
SELECT DISTINCT o.key FROM objects AS o WHERE o.kind IN ('rotation', 'revocation')
AND EXISTS (SELECT 1 FROM threads AS t WHERE t.other_key = o.key) LIMIT ?
"""
_SELECT_GENERATIONS = "SELECT * FROM generations ORDER BY generation"


def _generation(row: sqlite3.Row) -> GenerationRow:
    return GenerationRow(
        generation=row["generation"],
        key=row["key"],
        rotation_id=row["rotation_id"],
        at=row["at"],
    )


def counted(conn: sqlite3.Connection, key: bytes) -> list[bytes]:
    """Name the statements of a key that count, the one recorded first first.

    Its first rotations up to a cap, and its first revocation, which ends it however many rotations
    came before: a key that rotates for ever costs whoever follows it no more.
    """
    found = every(conn, _SELECT_STATEMENTS, (key, bounds.rotations_per_key_max))
    return [row["id"] for row in found]


def raws(conn: sqlite3.Connection, key: bytes) -> list[bytes]:
    """Give the envelopes of a key's statements that count, the one recorded first first.

    Raises:
        StorageError: E-DB-DAMAGED.
    """
    ids = counted(conn, key)
    return [raw for each in ids if (raw := objects.raw_of(conn, each)) is not None]


def is_revoked(conn: sqlite3.Connection, key: bytes) -> bool:
    """Tell whether a key's revocation is recorded: nothing of it counts that comes now."""
    return one(conn, _SELECT_REVOKED, (key,)) is not None


def is_contact(conn: sqlite3.Connection, key: bytes) -> bool:
    """Tell whether a thread of ours is with this key."""
    return one(conn, "SELECT 1 FROM threads WHERE other_key = ? LIMIT 1", (key,)) is not None


def contacts_with_statements(conn: sqlite3.Connection, *, limit: int) -> list[bytes]:
    """List keys of our threads that said something of themselves."""
    return [row["key"] for row in every(conn, _SELECT_OF_CONTACTS, (limit,))]


def add_generation(conn: sqlite3.Connection, row: GenerationRow) -> None:
    """Remember the next generation; one that is here stays as it is."""
    conn.execute(
        """
        INSERT INTO generations (generation, key, rotation_id, at) VALUES (?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """,
        (row.generation, row.key, row.rotation_id, row.at),
    )


async def load_generations(db: aiosqlite.Connection) -> list[GenerationRow]:
    """List our generations after the first."""
    return [_generation(row) for row in await load_every(db, _SELECT_GENERATIONS)]
