"""Lines of talk: one cast, one identity of ours, one other party.

States are those of `protocol/market/thread`; both sides of a market may live in one home, so the
role is part of a thread's name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

import aiosqlite

from node.storage import bounds
from node.storage.columns import (
    changed,
    every,
    hex_list,
    load_every,
    load_one,
    one,
    read_hex_list,
)
from protocol.market.deal import Role
from protocol.market.thread import ThreadState


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One line of talk; named by its first four fields."""

    cast_id: bytes
    """Root cast."""
    role: Role
    """Ours in it."""
    own_ctx: bytes
    """Our identity context: the cast's nonce, or `b"profile"`."""
    other_key: bytes
    """The other party's signing key."""
    state: ThreadState
    """Where it stands."""
    offer_id: bytes | None = None
    """Newest offer."""
    profile_id: bytes | None = None
    """The vendor's profile that offer names."""
    last_own_id: bytes | None = None
    """Our newest object in it: the `prev` of our next one."""
    last_other_id: bytes | None = None
    """Their newest object we recorded: the `prev` we expect."""
    other_reply: bytes | None = None
    """Their newest `reply`, canonical bytes."""
    other_reply_at: int = 0
    """When they signed it, Unix ms: what is older changes nothing."""
    own_at: tuple[bytes, ...] | None = None
    """The mailboxes we last named to them; None where nobody noted it."""
    updated_ms: int
    """When it last changed."""


_SELECT = "SELECT * FROM threads WHERE cast_id = ? AND role = ? AND own_ctx = ? AND other_key = ?"
_SELECT_PARTY = """
SELECT * FROM threads WHERE cast_id = ? AND role = ? AND other_key = ? ORDER BY seq
"""
_SELECT_CAST = "SELECT * FROM threads WHERE cast_id = ? AND role = ? ORDER BY seq"
_SELECT_OFFER = "SELECT * FROM threads WHERE offer_id = ? AND role = ?"
_SELECT_UNTOLD = """
SELECT * FROM threads
WHERE own_ctx = ?1 AND state <> 'closed' AND (own_at IS NULL OR own_at <> ?2)
ORDER BY seq LIMIT ?3
"""
_SELECT_HEARD = """
SELECT t.other_key, t.profile_id,
  (SELECT min(o.stored_ms) FROM objects AS o
   WHERE o.thread = t.cast_id AND o.key = t.other_key) AS first_ms,
  (SELECT max(o.stored_ms) FROM objects AS o
   WHERE o.thread = t.cast_id AND o.key = t.other_key) AS last_ms
FROM threads AS t WHERE t.role = ? ORDER BY t.updated_ms DESC LIMIT ?
"""
_SELECT_ROLE = "SELECT * FROM threads WHERE role = ? ORDER BY updated_ms DESC LIMIT ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """When a party spoke in one thread."""

    key: bytes
    """Its signing key."""
    profile_id: bytes | None
    """The vendor's profile its newest offer names."""
    first_ms: int | None
    """When its first object that is still kept was recorded, Unix ms."""
    last_ms: int | None
    """The same of its last."""


def _thread(row: sqlite3.Row) -> Thread:
    return Thread(
        cast_id=row["cast_id"],
        role=Role(row["role"]),
        own_ctx=row["own_ctx"],
        other_key=row["other_key"],
        state=ThreadState(row["state"]),
        offer_id=row["offer_id"],
        profile_id=row["profile_id"],
        last_own_id=row["last_own_id"],
        last_other_id=row["last_other_id"],
        other_reply=row["other_reply"],
        other_reply_at=row["other_reply_at"],
        own_at=None if row["own_at"] is None else read_hex_list(row["own_at"]),
        updated_ms=row["updated_ms"],
    )


def save(conn: sqlite3.Connection, thread: Thread) -> None:
    """Keep a thread, new or changed."""
    conn.execute(
        """
        INSERT INTO threads (cast_id, role, own_ctx, other_key, state, offer_id, profile_id,
                             last_own_id, last_other_id, other_reply, other_reply_at, own_at,
                             updated_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (cast_id, role, own_ctx, other_key) DO UPDATE SET
          state = excluded.state, offer_id = excluded.offer_id, profile_id = excluded.profile_id,
          last_own_id = excluded.last_own_id, last_other_id = excluded.last_other_id,
          other_reply = excluded.other_reply, other_reply_at = excluded.other_reply_at,
          own_at = excluded.own_at, updated_ms = excluded.updated_ms
        """,
        (
            thread.cast_id,
            thread.role.value,
            thread.own_ctx,
            thread.other_key,
            thread.state.value,
            thread.offer_id,
            thread.profile_id,
            thread.last_own_id,
            thread.last_other_id,
            thread.other_reply,
            thread.other_reply_at,
            None if thread.own_at is None else hex_list(thread.own_at),
            thread.updated_ms,
        ),
    )


def thread_of(
    conn: sqlite3.Connection, cast_id: bytes, role: Role, own_ctx: bytes, other_key: bytes
) -> Thread | None:
    """Find one thread."""
    row = one(conn, _SELECT, (cast_id, role.value, own_ctx, other_key))
    return None if row is None else _thread(row)


def with_party(
    conn: sqlite3.Connection, cast_id: bytes, role: Role, other_key: bytes
) -> Thread | None:
    """Find the newest thread with a party, under whichever of our identities it was begun."""
    rows = every(conn, _SELECT_PARTY, (cast_id, role.value, other_key))
    return _thread(rows[-1]) if rows else None


def of_cast(conn: sqlite3.Connection, cast_id: bytes, role: Role) -> list[Thread]:
    """List the threads of a root cast, the oldest first."""
    return [_thread(row) for row in every(conn, _SELECT_CAST, (cast_id, role.value))]


def by_party(
    conn: sqlite3.Connection, cast_id: bytes, own_ctx: bytes, other_key: bytes
) -> Thread | None:
    """Find a thread whatever our role in it: an identity has one in a thread."""
    sql = "SELECT * FROM threads WHERE cast_id = ? AND own_ctx = ? AND other_key = ?"
    row = one(conn, sql, (cast_id, own_ctx, other_key))
    return None if row is None else _thread(row)


def by_offer(conn: sqlite3.Connection, offer_id: bytes, role: Role) -> Thread | None:
    """Find the thread whose newest offer this is."""
    row = one(conn, _SELECT_OFFER, (offer_id, role.value))
    return None if row is None else _thread(row)


def untold(
    conn: sqlite3.Connection, own_ctx: bytes, at: Iterable[bytes], limit: int
) -> list[Thread]:
    """List threads of an identity of ours in which other mailboxes were named last."""
    parameters = (own_ctx, hex_list(at), limit)
    return [_thread(row) for row in every(conn, _SELECT_UNTOLD, parameters)]


def sweep(conn: sqlite3.Connection) -> int:
    """Let go the longest untouched threads above `bounds.threads_max`; those of deals stay.

    Returns:
        How many went.
    """
    total = int(every(conn, "SELECT count(*) AS n FROM threads")[0]["n"])
    surplus = min(total - bounds.threads_max, bounds.sweep_rows_max)
    if surplus <= 0:
        return 0
    return changed(
        conn,
        """
        DELETE FROM threads WHERE seq IN (
          SELECT seq FROM threads AS t
          WHERE NOT EXISTS (
            SELECT 1 FROM deals AS d WHERE d.cast_id = t.cast_id AND d.other_key = t.other_key
          )
          ORDER BY updated_ms LIMIT ?
        )
        """,
        (surplus,),
    )


async def load_thread(
    db: aiosqlite.Connection, cast_id: bytes, role: Role, own_ctx: bytes, other_key: bytes
) -> Thread | None:
    """Find one thread."""
    row = await load_one(db, _SELECT, (cast_id, role.value, own_ctx, other_key))
    return None if row is None else _thread(row)


async def load_with_party(
    db: aiosqlite.Connection, cast_id: bytes, role: Role, other_key: bytes
) -> Thread | None:
    """Find the newest thread with a party, under whichever of our identities it was begun."""
    rows = await load_every(db, _SELECT_PARTY, (cast_id, role.value, other_key))
    return _thread(rows[-1]) if rows else None


async def load_of_cast(db: aiosqlite.Connection, cast_id: bytes, role: Role) -> list[Thread]:
    """List the threads of a root cast, the oldest first."""
    return [_thread(row) for row in await load_every(db, _SELECT_CAST, (cast_id, role.value))]


async def load_newest(db: aiosqlite.Connection, role: Role, *, limit: int) -> list[Thread]:
    """List threads of a role, the last touched first."""
    return [_thread(row) for row in await load_every(db, _SELECT_ROLE, (role.value, limit))]


async def load_heard(db: aiosqlite.Connection, role: Role, *, limit: int) -> list[Heard]:
    """Tell when the other parties of our threads spoke, the thread touched last first."""
    return [
        Heard(
            key=row["other_key"],
            profile_id=row["profile_id"],
            first_ms=row["first_ms"],
            last_ms=row["last_ms"],
        )
        for row in await load_every(db, _SELECT_HEARD, (role.value, limit))
    ]
