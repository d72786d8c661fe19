"""Restores of this home, and the identities that promise nothing until they are reopened.

A restored home knows less than the life before it: what it once accepted may be missing here. The
table `held` names the identity contexts (a request's nonce, or the vendor's) in that state; whoever
is about to promise something asks `is_held` in the very change that would promise it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

import aiosqlite

from node.errors import RefusedError
from node.keystore import PROFILE_CONTEXT
from node.storage import bounds, tokens
from node.storage.columns import changed, every, load_every, load_one, one

How = Literal["words", "backup"]

_PENDING = ("draft", "open", "deciding", "awarded")
"""States of requests about which a later life may know more than this copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """One restore."""

    how: How
    """From the 24 words alone, or with a backup."""
    backup_ms: int | None
    """When the backup was made, Unix ms; None without one."""
    restored_ms: int
    """When this home was restored, Unix ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One identity that waits for its owner's word."""

    ctx: bytes
    """A request's nonce, or the vendor's context."""
    since_ms: int
    """The restore, or when it was found; Unix ms."""


_SELECT_NEWEST = "SELECT * FROM restorations ORDER BY seq DESC LIMIT 1"
_SELECT_IS_HELD = "SELECT 1 FROM held WHERE ctx = ?"
_SELECT_HELD = "SELECT ctx, since_ms FROM held ORDER BY seq"


def _restoration(row: sqlite3.Row | None) -> Restoration | None:
    if row is None:
        return None
    return Restoration(how=row["how"], backup_ms=row["backup_ms"], restored_ms=row["restored_ms"])


def record(conn: sqlite3.Connection, *, how: How, backup_ms: int | None, now_ms: int) -> None:
    """Note that this database was just restored, and hold everything a later life may have moved.

    The row of the instance goes: the restored home is another copy, and gets its own at its first
    start. So does whoever might ask: programs and browsers knew another node.

    Args:
        conn: inside a change, or the only connection of a database nobody else has open.
        how: from words alone, or with a backup.
        backup_ms: when the backup was made, Unix ms; None without one.
        now_ms: wall clock, Unix ms.
    """
    conn.execute(
        "INSERT INTO restorations (how, backup_ms, restored_ms) VALUES (?, ?, ?)",
        (how, backup_ms, now_ms),
    )
    conn.execute(
        "DELETE FROM restorations WHERE seq <= (SELECT max(seq) FROM restorations) - ?",
        (bounds.restorations_max,),
    )
    conn.execute("DELETE FROM instance")
    tokens.forget_all(conn)
    hold(conn, PROFILE_CONTEXT, now_ms)
    marks = ",".join("?" * len(_PENDING))
    sql = f"SELECT nonce FROM casts WHERE state IN ({marks})"  # noqa: S608 - marks only
    for nonce, *_ in conn.execute(sql, _PENDING).fetchall():
        hold(conn, nonce, now_ms)


def held_error() -> RefusedError:
    """Say that nothing may be promised before its owner reopened it."""
    return RefusedError(
        "this was restored, and what was promised since may not be known here",
        code="E-REOPEN",
        fix="Ask the others and go on:  intentcast reopen",
    )


def newest(conn: sqlite3.Connection) -> Restoration | None:
    """Give the newest restore of this home, or None."""
    return _restoration(one(conn, _SELECT_NEWEST))


def hold(conn: sqlite3.Connection, ctx: bytes, now_ms: int) -> None:
    """Let an identity promise nothing until it is reopened."""
    conn.execute(
        """
        INSERT INTO held (ctx, since_ms) VALUES (?, ?)
        ON CONFLICT (ctx) DO UPDATE SET since_ms = excluded.since_ms
        """,
        (ctx, now_ms),
    )


def is_held(conn: sqlite3.Connection, ctx: bytes) -> bool:
    """Tell whether an identity may promise nothing yet."""
    return one(conn, _SELECT_IS_HELD, (ctx,)) is not None


def release(conn: sqlite3.Connection, ctx: bytes) -> bool:
    """Let an identity promise again; tell whether it was held."""
    return changed(conn, "DELETE FROM held WHERE ctx = ?", (ctx,)) == 1


def all_held(conn: sqlite3.Connection) -> list[Held]:
    """List what is held, the oldest first."""
    return [Held(ctx=row["ctx"], since_ms=row["since_ms"]) for row in every(conn, _SELECT_HELD)]


async def load_newest(db: aiosqlite.Connection) -> Restoration | None:
    """Give the newest restore of this home, or None."""
    return _restoration(await load_one(db, _SELECT_NEWEST))


async def load_is_held(db: aiosqlite.Connection, ctx: bytes) -> bool:
    """Tell whether an identity may promise nothing yet."""
    return await load_one(db, _SELECT_IS_HELD, (ctx,)) is not None


async def load_held(db: aiosqlite.Connection) -> list[Held]:
    """List what is held, the oldest first."""
    rows = await load_every(db, _SELECT_HELD)
    return [Held(ctx=row["ctx"], since_ms=row["since_ms"]) for row in rows]
