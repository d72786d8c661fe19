"""Invites for one: the hashes of their tokens, until they are used or over.

The token itself is never written: whoever reads this table cannot join with it. A token is used in
one change, once, by the node that proved its key; that same node may say it again, since the answer
may have been lost.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum

import aiosqlite

from node.storage.columns import changed, load_one, one
from protocol import limits
from protocol.ids import NodeId

_SELECT = "SELECT until, used_by FROM invites WHERE token_hash = ?"


class TokenState(StrEnum):
    """What a token is worth to one node."""

    GOOD = "good"
    """It may be used, or was used by this very node."""
    USED = "used"
    """Another node has used it."""
    OVER = "over"
    """Its time has passed."""
    UNKNOWN = "unknown"
    """No invite of this home has it, or it was forgotten long after its end."""


def _state(row: sqlite3.Row | None, key: NodeId, now_ms: int) -> TokenState:
    if row is None:
        return TokenState.UNKNOWN
    if row["used_by"] is not None:
        return TokenState.GOOD if row["used_by"] == key else TokenState.USED
    is_over = now_ms - limits.expiry_tolerance_ms > row["until"]
    return TokenState.OVER if is_over else TokenState.GOOD


def add(conn: sqlite3.Connection, token_hash: bytes, *, until: int, now_ms: int) -> bool:
    """Remember a new invite; tell whether there was room.

    Used and past ones are forgotten a week after their end; `limits.invites_open_max` may wait.
    """
    conn.execute("DELETE FROM invites WHERE until < ?", (now_ms - limits.invite_ttl_ms_max,))
    row = one(
        conn,
        "SELECT count(*) AS n FROM invites WHERE used_by IS NULL AND until >= ?",
        (now_ms,),
    )
    if row is not None and row["n"] >= limits.invites_open_max:
        return False
    conn.execute(
        "INSERT INTO invites (token_hash, until, made_ms) VALUES (?, ?, ?)",
        (token_hash, until, now_ms),
    )
    return True


def use(conn: sqlite3.Connection, token_hash: bytes, *, key: NodeId, now_ms: int) -> TokenState:
    """Use a token up for a node; tells what it was worth."""
    state = _state(one(conn, _SELECT, (token_hash,)), key, now_ms)
    if state is TokenState.GOOD:
        changed(
            conn,
            "UPDATE invites SET used_by = ?, used_ms = coalesce(used_ms, ?) WHERE token_hash = ?",
            (key, now_ms, token_hash),
        )
    return state


async def load_state(
    db: aiosqlite.Connection, token_hash: bytes, *, key: NodeId, now_ms: int
) -> TokenState:
    """Tell what a token is worth to a node, changing nothing."""
    return _state(await load_one(db, _SELECT, (token_hash,)), key, now_ms)
