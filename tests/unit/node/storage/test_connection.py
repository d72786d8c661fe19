"""The pragmas each kind of connection has, and files that are not ours."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from node.errors import StorageError
from node.storage import connection
from node.storage.connection import open_reader, open_writer


def value(conn: sqlite3.Connection, pragma: str):
    return conn.execute(f"PRAGMA {pragma}").fetchone()[0]


def test_the_writer_keeps_its_promises(conn: sqlite3.Connection, path: Path):
    assert value(conn, "journal_mode") == "wal"
    assert value(conn, "synchronous") == 2
    assert value(conn, "foreign_keys") == 1
    assert value(conn, "trusted_schema") == 0
    assert value(conn, "wal_autocheckpoint") == 0  # the guard brings pages home after their sums
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_reader_neither_writes_nor_checkpoints(conn: sqlite3.Connection, path: Path):
    db = await open_reader(path)
    rows = list(await db.execute_fetchall("PRAGMA wal_autocheckpoint"))
    assert rows[0][0] == 0
    with pytest.raises(sqlite3.OperationalError):
        await db.execute("INSERT INTO audit (at, what, ids, detail) VALUES (1, 'x', '', '')")
    await db.close()


async def test_a_reader_makes_no_file(path: Path):
    with pytest.raises(sqlite3.OperationalError):
        _ = await open_reader(path)
    assert not path.exists()
    # aiosqlite lets a thread that could not open anything end by itself, after our loop otherwise.
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 10)


async def test_a_reader_of_rubbish_is_closed_again(path: Path, monkeypatch):
    conn = open_writer(path)
    conn.close()
    monkeypatch.setattr(connection, "_READER_PRAGMAS", ("SELECT * FROM nowhere",))
    with pytest.raises(sqlite3.OperationalError):
        _ = await open_reader(path)


def test_rubbish_is_refused_unchanged(path: Path):
    content = b"not a database at all" * 100
    path.write_bytes(content)
    with pytest.raises(sqlite3.DatabaseError):
        open_writer(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("size", [1, 16, 511])
def test_the_stump_of_a_file_is_refused_unchanged(path: Path, size: int):
    open_writer(path).close()
    content = path.read_bytes()[:size]
    path.write_bytes(content)
    with pytest.raises(StorageError) as refused:
        open_writer(path)
    assert refused.value.code == "E-DB-DAMAGED"
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_unchanged(path: Path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (n)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StorageError) as refused:
        open_writer(path)
    assert refused.value.code == "E-DB-DAMAGED"
    assert path.read_bytes() == before


def test_another_programs_mark_is_refused(path: Path):
    other = sqlite3.connect(path)
    other.execute("PRAGMA application_id = 7")
    other.close()
    with pytest.raises(StorageError):
        open_writer(path)


def test_an_old_sqlite_is_refused(path: Path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(StorageError) as refused:
        open_writer(path)
    assert refused.value.code == "E-DB-SQLITE"
    assert not path.exists()


def test_a_path_with_odd_characters_is_that_file(tmp_path: Path):
    odd = tmp_path / "a home? #1 %20.db"
    open_writer(odd).close()
    assert odd.exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == [odd.name]
