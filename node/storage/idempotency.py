"""Answers given once, so that a request repeated with its `Idempotency-Key` is not done twice.

What a request brought about is kept in the change that did it (invariant I3), for seven days; the
answer follows in a change of its own. Between the two a crash may fall: then the answer is made
again from what stands.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from node.storage import bounds
from node.storage.columns import changed, damaged_row, one

_HASH_BYTES = 32
_UNANSWERED = b""
"""Stands where the answer will; no answer is empty."""


class EffectKind(StrEnum):
    """What a request brought about."""

    CAST = "cast"
    """A request was kept; its nonce."""
    DEAL = "deal"
    """A deal was begun or decided; its id."""
    DRAFT_DISCARDED = "draft_discarded"
    """A draft was thrown away; its nonce."""
    CAST_REVOKED = "cast_revoked"
    """A cast was taken back; its id."""
    OFFER_REVOKED = "offer_revoked"
    """An offer was taken back; its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing brought about."""

    kind: EffectKind
    """What."""
    id: bytes
    """To what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """Nobody asked this before: do it and `settle` in one change, then `remember`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """It was done: give the same answer."""

    answer: bytes
    """As given then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It was done, but its answer was never kept: make it from what stands, then `remember`."""

    effect: Effect
    """What was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The key was used for another request: refuse."""


Recall: TypeAlias = Fresh | Replay | Done | Conflict


def recall(conn: sqlite3.Connection, key: str, body_hash: bytes, now_ms: int) -> Recall:
    """Ask, in the change that is about to do it, whether a request was done before.

    Args:
        conn: inside a change.
        key: the caller's own, scoped by who calls.
        body_hash: BLAKE2b-256 over method, path and body.
        now_ms: wall clock, Unix ms.

    Raises:
        StorageError: E-DB-DAMAGED when the row says neither answer nor effect.
    """
    row = one(
        conn,
        "SELECT body_hash, answer, effect FROM idempotency WHERE key = ? AND at > ?",
        (key, now_ms - bounds.idempotency_ms),
    )
    if row is None:
        return Fresh()
    if row["body_hash"] != body_hash:
        return Conflict()
    if row["answer"] != _UNANSWERED:
        return Replay(answer=row["answer"])
    return Done(effect=_read_effect(row["effect"]))


def _read_effect(text: str) -> Effect:
    kind, _, name = text.partition(":")
    try:
        effect = Effect(kind=EffectKind(kind), id=bytes.fromhex(name))
    except ValueError as error:
        raise damaged_row("the record of a repeated request") from error
    if not effect.id:
        raise damaged_row("the record of a repeated request")
    return effect


def settle(
    conn: sqlite3.Connection, key: str, body_hash: bytes, effect: Effect, now_ms: int
) -> None:
    """Keep what a fresh request brought about, inside the change that does it."""
    _keep(conn, (key, body_hash, _UNANSWERED, f"{effect.kind.value}:{effect.id.hex()}", now_ms))


def remember(
    conn: sqlite3.Connection, key: str, body_hash: bytes, answer: bytes, now_ms: int
) -> None:
    """Keep the answer of a request."""
    _keep(conn, (key, body_hash, answer, "", now_ms))


def _keep(conn: sqlite3.Connection, row: tuple[str, bytes, bytes, str, int]) -> None:
    """Write a row in place of an older one of its key; the oldest beyond the cap go.

    Raises:
        ValueError: what a request said is given in place of its hash, and would lie open here.
    """
    if len(row[1]) != _HASH_BYTES:
        raise ValueError("no hash of a request")
    cursor = conn.execute(
        """
        INSERT OR REPLACE INTO idempotency (key, body_hash, answer, effect, at)
        VALUES (?, ?, ?, ?, ?)
        """,
        row,
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
