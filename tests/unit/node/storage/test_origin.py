"""Whose database it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from node.storage import origin
from node.storage.connection import open_writer
from node.storage.migrations import migrate


def origin_of(conn: sqlite3.Connection) -> tuple[bytes, str]:
    """Give the number of a database, and who last ran on it."""
    [(number, made_by)] = conn.execute("SELECT id, made_by FROM origin").fetchall()
    return number, made_by


def test_every_database_has_a_number_of_its_own(conn: sqlite3.Connection, tmp_path: Path):
    other = open_writer(tmp_path / "other.db")
    migrate(other, tmp_path / "other.db")
    ours, theirs = origin_of(conn), origin_of(other)
    other.close()
    assert len(ours[0]) == 16
    assert ours[0] != theirs[0]
    assert ours[1] == ""


def test_the_node_that_runs_on_it_signs(conn: sqlite3.Connection):
    before = origin_of(conn)
    origin.sign(conn, "node-1")
    origin.sign(conn, "node-2")
    assert origin_of(conn) == (before[0], "node-2")
    changes = conn.total_changes
    origin.sign(conn, "node-2")
    assert conn.total_changes == changes
