"""Whose database this is: a number made with the file, and the node that last ran on it.

The number stands in the sums beside the file too, so that another home's file in its place is
known; the name is for the sentence that says so.
"""

from __future__ import annotations

import sqlite3


def sign(conn: sqlite3.Connection, name: str) -> None:
    """Write down which node runs on it now."""
    conn.execute("UPDATE origin SET made_by = ?1 WHERE made_by <> ?1", (name,))
