"""How long mailboxes of our own boxes have failed: what tells a broken one from a short absence.

Time is counted by the post while the node runs and is linked to others, so neither a suspended
machine nor a jumping clock adds to it, and a restart takes nothing away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

import aiosqlite

from node.storage import bounds
from node.storage.columns import load_every
from protocol.ids import NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxTrouble:
    """One mailbox that fails one box."""

    reader: bytes
    """The box."""
    mailbox: NodeId
    """The mailbox's transport key."""
    failed_ms: int
    """Time counted so far, ms."""
    refused: bool
    """Whether it answers and will not keep the box, rather than not answer."""


def save(conn: sqlite3.Connection, troubles: Collection[BoxTrouble]) -> None:
    """Keep the whole list in place of what was kept; beyond the cap the shortest go."""
    longest = sorted(troubles, key=lambda trouble: -trouble.failed_ms)[: bounds.box_troubles_max]
    conn.execute("DELETE FROM box_troubles")
    conn.executemany(
        "INSERT INTO box_troubles (reader, mailbox, failed_ms, refused) VALUES (?, ?, ?, ?)",
        [(each.reader, each.mailbox, each.failed_ms, int(each.refused)) for each in longest],
    )


async def load(db: aiosqlite.Connection) -> list[BoxTrouble]:
    """Read the list."""
    return [
        BoxTrouble(
            reader=row["reader"],
            mailbox=NodeId(row["mailbox"]),
            failed_ms=row["failed_ms"],
            refused=bool(row["refused"]),
        )
        for row in await load_every(db, "SELECT * FROM box_troubles")
    ]
