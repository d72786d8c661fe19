"""Whose database this is: a number made with the file, and the node that last ran on it.

The number stands in the sums beside the file too, so that another home's file in its place is
known; the name is for the sentence that says so.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from node.storage.columns import every


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a database comes from."""

    id: bytes
    """16 random bytes, made with the file; copies have the same."""
    made_by: str
    """The node that last ran on it, text form; empty before the first."""


def origin_of(conn: sqlite3.Connection) -> Origin:
    """Say where the database comes from."""
    row = every(conn, "SELECT id, made_by FROM origin")[0]
    return Origin(id=row["id"], made_by=row["made_by"])


def sign(conn: sqlite3.Connection, name: str) -> None:
    """Write down which node runs on it now."""
    conn.execute("UPDATE origin SET made_by = ?1 WHERE made_by <> ?1", (name,))
