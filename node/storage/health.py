"""A look at a home's database from outside: is it whole, is it ours, is it of this program's time?

Enters: the path of a file nobody writes now, or a reading connection of a running node. Leaves:
plain facts; nothing is changed, moved or mended. SQLite's quick check sees a broken tree but not a
changed value; for that, `scrub`, and the sums of pages where there are any.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiosqlite

from node.storage import faults
from node.storage.columns import load_every
from node.storage.connection import APPLICATION_ID, SQLITE_VERSION_MIN
from node.storage.examination import examine
from node.storage.exchange import is_begun
from node.storage.journal import journal_path
from node.storage.migrations import migrations

_FAULTS_SHOWN: Final = 5
_SOUND_FROM: Final = (3, 51, 3)
_SOUND_BRANCHES: Final = ((3, 50, 7), (3, 44, 6))
"""Older branches that took the same correction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What was seen of a database."""

    file_bytes: int
    """The file."""
    log_bytes: int
    """Its write-ahead log."""
    schema: int
    """Version of its schema."""
    newest: int
    """The version this program knows."""
    is_ours: bool
    """Whether it is an intentcast database at all."""
    said: tuple[str, ...] = ()
    """What SQLite's quick check says, at most five sentences; nothing is good."""
    trouble: str = ""
    """What the sums of its pages say: `pages`, `missing`, `lost`, `foreign`; or `mending`: a new
    file is about to take its place."""
    pages: int = 0
    """Damaged pages by those sums."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The SQLite this Python comes with."""

    version: str
    """As it says."""
    is_new_enough: bool
    """Whether it knows what the schema uses."""
    can_lose_commits: bool
    """Whether it has the fault by which two connections that commit and checkpoint at once may
    lose what was committed (up to 3.51.2); one connection alone is safe."""


def engine(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> Engine:
    """Tell which SQLite there is."""
    corrected = any(branch[:2] == version[:2] and version >= branch for branch in _SOUND_BRANCHES)
    return Engine(
        version=".".join(map(str, version[:3])),
        is_new_enough=version >= SQLITE_VERSION_MIN,
        can_lose_commits=version < _SOUND_FROM and not corrected,
    )


def look(path: Path) -> Health | None:
    """Look at a closed database; None when there is none, and none is missing.

    Raises:
        StorageError: E-DB-DAMAGED, it cannot be read through; E-DB-WRITE, it cannot be opened.
    """
    if is_begun(path):
        # In the middle of it there may be no file at all, and nothing is lost.
        return _missing("mending")
    try:
        found = examine(path)
        trouble = found.trouble.value if found.trouble else ""
        if not path.exists():
            return _missing(trouble) if trouble else None
        with closing(sqlite3.connect(_uri(path), uri=True, isolation_level=None)) as conn:
            said = [str(row[0]) for row in conn.execute(f"PRAGMA quick_check({_FAULTS_SHOWN})")]
            application = int(conn.execute("PRAGMA application_id").fetchone()[0])
            schema = int(conn.execute("PRAGMA user_version").fetchone()[0])
    except faults.FILE_ERRORS as error:
        raise faults.storage_error(error, path) from error
    return _health(
        path, application, schema, said, trouble=trouble, pages=len(found.pages) if trouble else 0
    )


async def look_while_open(db: aiosqlite.Connection, path: Path) -> Health:
    """Look at the database of a running node, through one of its readers."""
    said = [str(row[0]) for row in await load_every(db, f"PRAGMA quick_check({_FAULTS_SHOWN})")]
    application = (await load_every(db, "PRAGMA application_id"))[0][0]
    schema = (await load_every(db, "PRAGMA user_version"))[0][0]
    return await asyncio.to_thread(_health, path, int(application), int(schema), said)


def _uri(path: Path) -> str:
    """Name a closed file so that reading it leaves nothing beside it."""
    log = journal_path(path)
    has_log = log.exists() and log.stat().st_size > 0
    # Without a log nothing has to be put together, and SQLite need not make files to share.
    return f"{path.absolute().as_uri()}?mode=ro{'' if has_log else '&immutable=1'}"


def _missing(trouble: str) -> Health:
    newest = len(migrations())
    return Health(file_bytes=0, log_bytes=0, schema=0, newest=newest, is_ours=True, trouble=trouble)


def _health(
    path: Path, application: int, schema: int, said: list[str], *, trouble: str = "", pages: int = 0
) -> Health:
    log = journal_path(path)
    return Health(
        file_bytes=path.stat().st_size,
        log_bytes=log.stat().st_size if log.exists() else 0,
        schema=schema,
        newest=len(migrations()),
        is_ours=application == APPLICATION_ID or schema == 0,
        said=tuple(line for line in said if line != "ok"),
        trouble=trouble,
        pages=pages,
    )
