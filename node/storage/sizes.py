"""How full the capped tables are, as their triggers count."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal, TypeAlias

import aiosqlite

from node.storage.columns import every, load_every

Counted: TypeAlias = Literal["outbox", "served_boxes", "served_letters", "served_receipts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much one table holds."""

    rows: int
    """Rows."""
    bytes: int
    """Bytes of the envelopes or letters in it."""


_SELECT = "SELECT name, rows, bytes FROM sizes"


def size_of(conn: sqlite3.Connection, table: Counted) -> Size:
    """Ask for one table, inside a change."""
    row = every(conn, "SELECT rows, bytes FROM sizes WHERE name = ?", (table,))[0]
    return Size(rows=row["rows"], bytes=row["bytes"])


async def load_sizes(db: aiosqlite.Connection) -> dict[str, Size]:
    """Ask for all, for `status` and metrics."""
    rows = await load_every(db, _SELECT)
    return {row["name"]: Size(rows=row["rows"], bytes=row["bytes"]) for row in rows}
