"""Whose database it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from node.storage import origin
from node.storage.connection import open_writer
from node.storage.migrations import migrate


def test_every_database_has_a_number_of_its_own(conn: sqlite3.Connection, tmp_path: Path):
    other = open_writer(tmp_path / "other.db")
    migrate(other, tmp_path / "other.db")
    ours, theirs = origin.origin_of(conn), origin.origin_of(other)
    other.close()
    assert len(ours.id) == 16
    assert ours.id != theirs.id
    assert ours.made_by == ""


def test_the_node_that_runs_on_it_signs(conn: sqlite3.Connection):
    before = origin.origin_of(conn)
    origin.sign(conn, "node-1")
    origin.sign(conn, "node-2")
    assert origin.origin_of(conn) == origin.Origin(id=before.id, made_by="node-2")
    changes = conn.total_changes
    origin.sign(conn, "node-2")
    assert conn.total_changes == changes
