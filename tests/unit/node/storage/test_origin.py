"""Whose database it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from node.errors import ConfigError
from node.storage import objects, origin
from node.storage.connection import open_writer
from node.storage.migrations import migrate
from tests.parties import NET, NOW_MS, make_cast


def origin_of(conn: sqlite3.Connection) -> tuple[bytes, str]:
    """Give the number of a database, and who last ran on it."""
    [(number, made_by)] = conn.execute("SELECT id, made_by FROM origin").fetchall()
    return number, made_by


def net_of(conn: sqlite3.Connection) -> str:
    """Give the network of a database; empty before the first."""
    [(net,)] = conn.execute("SELECT net FROM origin").fetchall()
    return str(net)


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


def test_a_home_stays_with_its_first_network(conn: sqlite3.Connection):
    origin.settle_net(conn, "tutorial")
    assert net_of(conn) == "tutorial"
    changes = conn.total_changes
    origin.settle_net(conn, "tutorial")
    assert conn.total_changes == changes
    with pytest.raises(ConfigError, match="is of network 'tutorial', not 'main'") as refused:
        origin.settle_net(conn, "main")
    assert refused.value.code == "E-HOME-NET"
    assert refused.value.fix is not None
    assert "intentcast up --net tutorial" in refused.value.fix
    assert net_of(conn) == "tutorial"


def test_a_home_that_does_not_know_is_of_the_network_of_its_newest_object(
    conn: sqlite3.Connection,
):
    objects.insert(conn, make_cast(), own=False, now_ms=NOW_MS)
    with pytest.raises(ConfigError, match=f"'{NET}'"):
        origin.settle_net(conn, "main")
    origin.settle_net(conn, NET)
    assert net_of(conn) == NET


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x90", b"\x91\x01", b"\x91\xc4\x01\x01"])
def test_damaged_objects_say_nothing_of_it(conn: sqlite3.Connection, raw: bytes):
    objects.insert(conn, make_cast(), own=False, now_ms=NOW_MS)
    conn.execute("UPDATE objects SET raw = ?", (raw,))
    origin.settle_net(conn, "main")
    assert net_of(conn) == "main"


def test_a_closed_home_says_it_too(path: Path, conn: sqlite3.Connection):
    origin.check_net(path, "main")
    origin.settle_net(conn, "tutorial")
    conn.commit()
    conn.close()
    origin.check_net(path, "tutorial")
    with pytest.raises(ConfigError) as refused:
        origin.check_net(path, "main")
    assert refused.value.code == "E-HOME-NET"
    origin.check_net(path.with_name("none.db"), "main")
