"""From an older file to this program's: numbered SQL, each step whole or not at all.

Enters: the writing connection and the file's path. Leaves: a file at the newest version, and a copy
of what it was before. Never: a change to a file a newer program wrote.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from node.crashpoint import crashpoint
from node.errors import StorageError
from node.storage import bounds
from node.storage.connection import APPLICATION_ID

_NAME = re.compile(r"^(\d{4})_[a-z][a-z0-9_]*\.sql$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step."""

    version: int
    """What `user_version` is after it; counted from 1 without gaps."""
    name: str
    """The file it stands in."""
    sql: str
    """Statements; they begin and end no transaction."""


@cache
def migrations() -> tuple[Migration, ...]:
    """Read all steps that ship with this program, in order.

    Raises:
        StorageError: E-DB-SCHEMA when a number is missing or stands twice: a broken installation.
    """
    found = []
    for file in resources.files("node.storage").joinpath("schema").iterdir():
        if match := _NAME.match(file.name):
            sql = file.read_text(encoding="utf-8")
            found.append(Migration(version=int(match[1]), name=file.name, sql=sql))
    found.sort(key=lambda step: step.version)
    if not found or [step.version for step in found] != list(range(1, len(found) + 1)):
        raise StorageError(
            "the installation's schema files are not complete",
            code="E-DB-SCHEMA",
            fix="Install intentcast again",
        )
    return tuple(found)


def version_of(conn: sqlite3.Connection) -> int:
    """Read the schema version of a file; 0 when it is new."""
    return int(conn.execute("PRAGMA user_version").fetchone()[0])


def migrate(
    conn: sqlite3.Connection, path: Path, steps: tuple[Migration, ...] | None = None
) -> list[Path]:
    """Bring a file to the newest version.

    Args:
        conn: the writing connection, in no transaction.
        path: the file it holds; copies are put beside it.
        steps: the shipped ones unless given.

    Returns:
        Copies that were made: one before each step of a file that held data.

    Raises:
        StorageError: E-DB-NEWER when a newer program wrote the file.
        sqlite3.Error: a step failed; the file is as it was before that step.
    """
    steps = migrations() if steps is None else steps
    current = version_of(conn)
    if current > len(steps):
        raise StorageError(
            f"{path} was written by a newer intentcast "
            f"(its schema is {current}, this program knows {len(steps)})",
            code="E-DB-NEWER",
            fix="Install the newer intentcast again, or restore a backup made with this one",
        )
    copies = []
    was_new = current == 0
    for step in steps[current:]:
        if not was_new:
            copies.append(_keep_copy(conn, path, step.version))
            crashpoint("migrate.after_copy")
        _apply(conn, step)
        crashpoint("migrate.after_commit")
    if copies:
        _forget_old_copies(path)
    return copies


def _apply(conn: sqlite3.Connection, step: Migration) -> None:
    script = (
        f"BEGIN IMMEDIATE;\n{step.sql}\n;"
        f"PRAGMA application_id = {APPLICATION_ID};"
        f"PRAGMA user_version = {step.version};"
    )
    try:
        conn.executescript(script)
        crashpoint("migrate.before_commit")
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise


def copy_path(path: Path, version: int) -> Path:
    """Name the copy kept before the step to `version`."""
    return path.with_name(f"{path.stem}.before-{version:04d}{path.suffix}")


def _keep_copy(conn: sqlite3.Connection, path: Path, version: int) -> Path:
    target = copy_path(path, version)
    copy_database(conn, target)
    return target


def copy_database(
    conn: sqlite3.Connection,
    target: Path,
    leave_out: Callable[[sqlite3.Connection], None] | None = None,
) -> None:
    """Copy the whole file as of one moment; `target` appears complete or not at all.

    Args:
        conn: what is copied.
        target: the new file.
        leave_out: removes rows of the copy before anybody sees it; their bytes are overwritten.

    Raises:
        sqlite3.Error: reading or writing failed.
        OSError: the same, outside SQLite.
    """
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        copy = sqlite3.connect(partial, isolation_level=None)
        try:
            conn.backup(copy)
            if leave_out is not None:
                copy.execute("PRAGMA secure_delete = ON")
                leave_out(copy)
            # A copy is one file: no log has to travel beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
        _sync(partial)
        partial.replace(target)
        _sync(target.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    """Make a file, or the names in a folder, outlive a power cut; folders only where that works."""
    if os.name == "nt" and path.is_dir():
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _forget_old_copies(path: Path) -> None:
    copies = sorted(path.parent.glob(f"{path.stem}.before-[0-9][0-9][0-9][0-9]{path.suffix}"))
    for old in copies[: -bounds.copies_kept]:
        old.unlink(missing_ok=True)
