"""Names of objects that were refused, so that what their author writes next does not wait for them.

Every object of a thread names the one before it, and one whose predecessor is unknown waits. A
refused object is not kept, but its name is: the next one follows it, and a revised offer that
takes the place of a refused one takes the place of the offer that counted then. Names go at a cap,
the oldest first; what follows a forgotten one waits its time, as before.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from node.storage import bounds
from node.storage.columns import one


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """One refused object."""

    ctx: bytes
    """Our identity context it was written to."""
    other_key: bytes
    """Its author's signing key."""
    thread: bytes
    """Root cast."""
    object_id: bytes
    """Its id."""
    stands_for: bytes | None = None
    """The author's offer that counted when it was refused; None without one."""
    reason: str
    """Why, a code."""
    at: int
    """When, Unix ms."""


def remember(conn: sqlite3.Connection, dropped: Dropped, *, is_stranger: bool) -> None:
    """Keep a name; the oldest of the same party, of strangers, or of all make room.

    Args:
        conn: inside the change that refuses it.
        dropped: the object.
        is_stranger: whether its author has no thread with this identity of ours.
    """
    conn.execute(
        """
        INSERT INTO dropped (ctx, other_key, thread, object_id, stands_for, reason, at)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (ctx, object_id) DO NOTHING
        """,
        (
            dropped.ctx,
            dropped.other_key,
            dropped.thread,
            dropped.object_id,
            dropped.stands_for,
            dropped.reason,
            dropped.at,
        ),
    )
    if is_stranger:
        _make_room_of_strangers(conn, dropped.ctx)
    else:
        _make_room_of_party(conn, dropped)
    conn.execute(
        "DELETE FROM dropped WHERE seq <= (SELECT max(seq) FROM dropped) - ?",
        (bounds.dropped_rows_max,),
    )


def _make_room_of_party(conn: sqlite3.Connection, dropped: Dropped) -> None:
    conn.execute(
        """
        DELETE FROM dropped WHERE seq IN (
          SELECT seq FROM dropped WHERE ctx = ? AND thread = ? AND other_key = ?
          ORDER BY seq DESC LIMIT -1 OFFSET ?
        )
        """,
        (dropped.ctx, dropped.thread, dropped.other_key, bounds.dropped_per_party_max),
    )


def _make_room_of_strangers(conn: sqlite3.Connection, ctx: bytes) -> None:
    conn.execute(
        """
        DELETE FROM dropped WHERE seq IN (
          SELECT seq FROM dropped AS d WHERE d.ctx = ?1 AND NOT EXISTS (
            SELECT 1 FROM threads AS t
            WHERE t.own_ctx = d.ctx AND t.cast_id = d.thread AND t.other_key = d.other_key
          )
          ORDER BY seq DESC LIMIT -1 OFFSET ?2
        )
        """,
        (ctx, bounds.dropped_of_strangers_max),
    )


def dropped_of(
    conn: sqlite3.Connection, ctx: bytes, other_key: bytes, object_id: bytes
) -> Dropped | None:
    """Find an object of a party that was refused."""
    row = one(
        conn,
        "SELECT * FROM dropped WHERE ctx = ? AND object_id = ? AND other_key = ?",
        (ctx, object_id, other_key),
    )
    if row is None:
        return None
    return Dropped(
        ctx=row["ctx"],
        other_key=row["other_key"],
        thread=row["thread"],
        object_id=row["object_id"],
        stands_for=row["stands_for"],
        reason=row["reason"],
        at=row["at"],
    )
