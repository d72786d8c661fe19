"""Answers given once, so that a request repeated with its `Idempotency-Key` is not done twice.

The answer is kept in the change that did what was asked (invariant I3), for seven days.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TypeAlias

from node.storage import bounds
from node.storage.columns import changed, one


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """Nobody asked this before: do it, then `remember`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """It was done: give the same answer."""

    answer: bytes
    """As given then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The key was used for another request: refuse."""


Recall: TypeAlias = Fresh | Replay | Conflict


def recall(conn: sqlite3.Connection, key: str, body_hash: bytes, now_ms: int) -> Recall:
    """Ask, in the change that is about to do it, whether a request was done before.

    Args:
        conn: inside a change.
        key: the caller's own, scoped by who calls.
        body_hash: BLAKE2b-256 over method, path and body.
        now_ms: wall clock, Unix ms.
    """
    row = one(
        conn,
        "SELECT body_hash, answer FROM idempotency WHERE key = ? AND at > ?",
        (key, now_ms - bounds.idempotency_ms),
    )
    if row is None:
        return Fresh()
    return Replay(answer=row["answer"]) if row["body_hash"] == body_hash else Conflict()


def remember(
    conn: sqlite3.Connection, key: str, body_hash: bytes, answer: bytes, now_ms: int
) -> None:
    """Keep the answer of a fresh request; the oldest beyond the cap go."""
    cursor = conn.execute(
        "INSERT OR REPLACE INTO idempotency (key, body_hash, answer, at) VALUES (?, ?, ?, ?)",
        (key, body_hash, answer, now_ms),
    )
    oldest = int(cursor.lastrowid or 0) - bounds.idempotency_rows_max
    conn.execute("DELETE FROM idempotency WHERE seq <= ?", (oldest,))


def sweep(conn: sqlite3.Connection, now_ms: int) -> int:
    """Forget answers older than seven days; give how many went."""
    return changed(
        conn,
        """
        DELETE FROM idempotency WHERE seq IN (
          SELECT seq FROM idempotency WHERE at <= ? ORDER BY at LIMIT ?
        )
        """,
        (now_ms - bounds.idempotency_ms, bounds.sweep_rows_max),
    )
