"""What went wrong with the file, in words a person can act on.

Enters: an error of SQLite or of the file system, and the file's path. Leaves: a `StorageError`
with a stable code and the next step. No error of SQLite may leave this package as it is.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from node.errors import StorageError

_PRIMARY_CODE_MASK = 0xFF
"""SQLite puts the kind of an error into the lowest byte of its extended code."""

_FULL = frozenset({sqlite3.SQLITE_FULL})
_UNWRITABLE = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
    }
)
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})


def primary_code(error: sqlite3.Error) -> int:
    """Give SQLite's primary result code, or 0 when the error never came from the file."""
    return int(getattr(error, "sqlite_errorcode", 0)) & _PRIMARY_CODE_MASK


def loses_group(error: BaseException) -> bool:
    """Tell whether an error says that the file cannot take writes: then a whole group is undone.

    A broken rule of a row (a UNIQUE guard, a value out of its range) undoes its own change alone.
    """
    if not isinstance(error, sqlite3.Error):
        return False
    return primary_code(error) in _FULL | _UNWRITABLE | _DAMAGED | _BUSY


def storage_error(error: sqlite3.Error | OSError, path: Path) -> StorageError:
    """Say it in one sentence; the original stays beneath as its cause, set by `raise ... from`."""
    code = primary_code(error) if isinstance(error, sqlite3.Error) else sqlite3.SQLITE_IOERR
    if code in _FULL:
        return StorageError(
            "the disk is full; what you asked for was not recorded",
            code="E-DISK-FULL",
            fix=f"Free some space on the disk that holds {path.parent}, then try again",
        )
    if code in _DAMAGED:
        return damaged(path, str(error))
    if code in _UNWRITABLE:
        return StorageError(
            f"{path} cannot be written or read ({error})",
            code="E-DB-WRITE",
            fix="Check the disk and the permissions of the home, then try again",
        )
    if code in _BUSY:
        return StorageError(
            f"another program holds {path} locked",
            code="E-DB-BUSY",
            fix="Close the program that has it open, then try again",
        )
    return StorageError(f"the database refused a change ({error})")


def damaged(path: Path, what: str) -> StorageError:
    """Say that the file, or something in it, is not what was written."""
    return StorageError(
        f"{path} is damaged or not an intentcast database ({what})",
        code="E-DB-DAMAGED",
        fix="Stop the node, keep a copy of the home, and put back an earlier copy of this file",
    )


def closed() -> StorageError:
    """Say that the database is no longer open."""
    return StorageError(
        "the database is closed", code="E-DB-CLOSED", fix="Start the node again: intentcast up"
    )


def quota(what: str, most: int) -> StorageError:
    """Say that a table is at its cap."""
    return StorageError(
        f"this home keeps at most {most} {what}",
        code="E-DB-QUOTA",
        fix="Wait until some have ended, or use a second home",
    )
