"""How values that are not a number, a text or bytes stand in one column, and how rows are fetched.

Lists of keys stand as JSON lists of hex; people's own structures as JSON. A column that cannot be
read back is damage, said as such. Rows come as `sqlite3.Row`, by column name.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import aiosqlite

from node.errors import StorageError
from node.storage import faults

Parameters: TypeAlias = Sequence[Any] | dict[str, Any]


def damaged_row(what: str) -> StorageError:
    """Say that one row is not what was written."""
    return StorageError(
        f"{what} is damaged in this home's database",
        code="E-DB-DAMAGED",
        fix=faults.SCRUB_FIX,
    )


def hex_list(values: Iterable[bytes]) -> str:
    """Write byte strings as one JSON list of hex."""
    return json.dumps([value.hex() for value in values], separators=(",", ":"))


def read_hex_list(text: str) -> tuple[bytes, ...]:
    """Read what `hex_list` wrote.

    Raises:
        StorageError: E-DB-DAMAGED.
    """
    try:
        return tuple(bytes.fromhex(item) for item in json.loads(text))
    except (ValueError, TypeError) as error:
        raise damaged_row("a list of keys") from error


def json_text(value: Any) -> str:
    """Write a structure of plain JSON values.

    Raises:
        TypeError: something in it is not one, such as bytes or a set.
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def read_json(text: str) -> Any:
    """Read what `json_text` wrote.

    Raises:
        StorageError: E-DB-DAMAGED.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise damaged_row("a stored structure") from error


def one(conn: sqlite3.Connection, sql: str, parameters: Parameters = ()) -> sqlite3.Row | None:
    """Fetch the first row, inside a change."""
    row: sqlite3.Row | None = conn.execute(sql, parameters).fetchone()
    return row


def every(conn: sqlite3.Connection, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
    """Fetch all rows, inside a change."""
    return conn.execute(sql, parameters).fetchall()


def changed(conn: sqlite3.Connection, sql: str, parameters: Parameters = ()) -> int:
    """Run a statement; give how many rows it touched."""
    return conn.execute(sql, parameters).rowcount


async def load_every(
    db: aiosqlite.Connection, sql: str, parameters: Parameters = ()
) -> list[sqlite3.Row]:
    """Fetch all rows from a reader, in one hop to its thread."""
    return list(await db.execute_fetchall(sql, parameters))


async def load_one(
    db: aiosqlite.Connection, sql: str, parameters: Parameters = ()
) -> sqlite3.Row | None:
    """Fetch the first row from a reader; the statement gives one at most."""
    rows = await load_every(db, sql, parameters)
    return rows[0] if rows else None
