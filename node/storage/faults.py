"""What went wrong with the file, in words a person can act on.

Enters: an error of SQLite or of the file system, and the file's path. Leaves: a `StorageError`
with a stable code and the next step. No error of SQLite may leave this package as it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from node.errors import StorageError

NAMED_MAX = 5
"""Damaged places named in one sentence."""
SCRUB_FIX = "Run intentcast doctor --scrub: it mends what it can and names the rest"
RESTORE_FIX = (
    "Restore a backup into an empty home: intentcast restore --words --from FILE --home DIR"
)
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
_UNREADABLE = "Could not decode to UTF-8"
"""What Python's SQLite says of a text whose bytes are damaged, without a code."""
FILE_ERRORS: Final = (sqlite3.Error, OSError, UnicodeDecodeError)
"""What reading or writing a file may raise; the last when a damaged name or text turns up in one of
SQLite's own sentences, which Python's module cannot read then."""
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


def storage_error(error: sqlite3.Error | OSError | UnicodeDecodeError, path: Path) -> StorageError:
    """Say it in one sentence; the original stays beneath as its cause, set by `raise ... from`."""
    if isinstance(error, UnicodeDecodeError):
        return damaged(path, "a stored text is none any more")
    code = primary_code(error) if isinstance(error, sqlite3.Error) else sqlite3.SQLITE_IOERR
    if code in _FULL:
        return StorageError(
            "the disk is full; what you asked for was not recorded",
            code="E-DISK-FULL",
            fix=f"Free some space on the disk that holds {path.parent}, then try again",
        )
    if code in _DAMAGED or _UNREADABLE in str(error):
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
        fix=SCRUB_FIX,
    )


def pages_damaged(path: Path, count: int, places: Sequence[str]) -> StorageError:
    """Say which parts of a closed file are not what was written."""
    named = "; ".join(places[:NAMED_MAX])
    more = f"; and {len(places) - NAMED_MAX} more" if len(places) > NAMED_MAX else ""
    pages = "1 page is" if count == 1 else f"{count} pages are"
    return StorageError(
        f"{path} is damaged: {pages} not what was written ({named}{more})",
        code="E-DB-DAMAGED",
        fix=SCRUB_FIX,
    )


def log_damaged(path: Path) -> StorageError:
    """Say that changes on record are gone with the end of the log."""
    return StorageError(
        f"{path}-wal is damaged or gone, and with it the latest changes on record",
        code="E-DB-DAMAGED",
        fix=RESTORE_FIX,
    )


def missing(path: Path) -> StorageError:
    """Say that a home's database is not where it was."""
    return StorageError(
        f"{path} is gone, though this home had one", code="E-DB-MISSING", fix=RESTORE_FIX
    )


def foreign(path: Path, stranger: str) -> StorageError:
    """Say that a file of another home stands in the place of ours."""
    return StorageError(
        f"{path} is not this home's database: it belongs to {stranger}",
        code="E-DB-FOREIGN",
        fix=f"Put back this home's own file; to keep this one on purpose, remove {path.name}-sums",
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
