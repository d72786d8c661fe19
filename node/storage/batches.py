"""Objects that pass this node: public ones of others, stored many at a time.

Enters: runs of verified objects, inside a change. Leaves: what became of each. Never here: an
object of this home, and an answer other than `objects.insert` would give.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from node.storage import objects
from node.storage.columns import one
from protocol.objects.envelope import Verified
from protocol.objects.revoke import Revoke

_TOGETHER = 16
"""Rows of one statement: each lets go of the interpreter's lock and has to wait for it again."""
_PASSING_PLACES = "(?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)"
# What is nobody's in particular stands in the open, and in its own place.
_INSERT_TOGETHER = f"""
INSERT INTO objects (id, signed_hash, kind, key, thread, at, exp, revokes, own,
                     stored_ms, checksum, raw)
VALUES {", ".join([_PASSING_PLACES] * _TOGETHER)}
ON CONFLICT DO NOTHING
"""  # noqa: S608 - places, no values
_SELECT_ANY = "".join(
    f"SELECT 1 FROM objects WHERE {column} IN ({', '.join('?' * _TOGETHER)}) {then}"  # noqa: S608
    for column, then in (
        ("id", "UNION ALL "),
        ("signed_hash", "UNION ALL "),
        ("revokes", "LIMIT 1"),
    )
)


def insert(
    conn: sqlite3.Connection, run: Sequence[Verified[Any]], *, now_ms: int
) -> list[objects.InsertOutcome]:
    """Store objects as `objects.insert` would, one after the other, with less work for each.

    Args:
        conn: inside a change.
        run: through the gate of `protocol.objects.envelope`.
        now_ms: wall clock, Unix ms.
    """
    outcomes: list[objects.InsertOutcome] = []
    for start in range(0, len(run), _TOGETHER):
        some = run[start : start + _TOGETHER]
        if len(some) == _TOGETHER and _inserted_together(conn, some, now_ms):
            outcomes += [objects.Inserted()] * len(some)
        else:
            outcomes += [objects.insert(conn, each, own=False, now_ms=now_ms) for each in some]
    return outcomes


def _inserted_together(
    conn: sqlite3.Connection, some: Sequence[Verified[Any]], now_ms: int
) -> bool:
    """Store objects by one statement, or none of them where one is not simply new."""
    ids = {each.id for each in some}
    digests = {each.digest for each in some}
    if not len(ids) == len(digests) == len(some):
        return False
    asked = [bytearray(name) for names in (ids, digests, ids) for name in names]
    if one(conn, _SELECT_ANY, asked):
        return False
    values: list[Any] = []
    for verified in some:
        values += _passing_row(verified, now_ms)
    conn.execute(_INSERT_TOGETHER, values)
    return True


def _passing_row(verified: Verified[Any], now_ms: int) -> tuple[Any, ...]:
    """Give the values of a public object of others.

    As bytearrays, since Python's sqlite3 looks for an adapter of every bytes it is handed, and of
    every None: measured, a sixth of what writing an object took.
    """
    header, body = verified.header, verified.body
    return (
        bytearray(verified.id),
        bytearray(verified.digest),
        header.kind.value,
        bytearray(header.key),
        header.thread,
        header.at,
        header.exp,
        body.target if isinstance(body, Revoke) else None,
        now_ms,
        bytearray(objects.checksum(verified.id, verified.raw)),
        bytearray(verified.raw),
    )
