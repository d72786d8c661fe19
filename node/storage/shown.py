"""What the owner was shown once and need not be shown again, by name; no more is said of it."""

from __future__ import annotations

import sqlite3

import aiosqlite

from node.storage.columns import changed, load_one


def note(conn: sqlite3.Connection, name: str, now_ms: int) -> bool:
    """Remember that it was shown; tell whether that is news.

    Args:
        conn: inside a change.
        name: one of a few that the program knows.
        now_ms: Unix ms.
    """
    sql = "INSERT INTO shown (name, at_ms) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
    return changed(conn, sql, (name, now_ms)) == 1


async def load_is_shown(db: aiosqlite.Connection, name: str) -> bool:
    """Tell whether it was."""
    return await load_one(db, "SELECT 1 FROM shown WHERE name = ?", (name,)) is not None
