"""Boxes of our own: where letters for us wait, and which mailboxes agreed to hold them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import aiosqlite

from node.storage import bounds, faults
from node.storage.columns import (
    changed,
    every,
    hex_list,
    load_every,
    one,
    read_hex_list,
)
from protocol.ids import NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBox:
    """One box."""

    reader: bytes
    """Ed25519 key that reads it; names it."""
    ctx: bytes
    """The identity context it belongs to."""
    box: bytes
    """X25519 key letters in it are sealed to."""
    mailboxes: tuple[NodeId, ...]
    """Mailboxes asked to hold it."""
    until: int
    """Unix ms it is open to."""
    opened_at: tuple[NodeId, ...] = ()
    """Those that agreed."""
    closed: bool = False
    """Whether nobody reads it any more."""
    former: tuple[NodeId, ...] = ()
    """Mailboxes it moved from, the last left first; read as long as they answer."""

    @property
    def places(self) -> tuple[NodeId, ...]:
        """Where letters for it may lie: at its mailboxes, and at those it left."""
        return (*self.mailboxes, *self.former)


_SELECT = "SELECT * FROM boxes_own WHERE reader = ?"
_SELECT_CTX = "SELECT * FROM boxes_own WHERE ctx = ? ORDER BY seq"
_SELECT_OPEN = "SELECT * FROM boxes_own WHERE closed = 0 AND until > ? ORDER BY seq"


def _box(row: sqlite3.Row) -> OwnBox:
    return OwnBox(
        reader=row["reader"],
        ctx=row["ctx"],
        box=row["box"],
        mailboxes=tuple(NodeId(key) for key in read_hex_list(row["mailboxes"])),
        until=row["until"],
        opened_at=tuple(NodeId(key) for key in read_hex_list(row["opened_at"])),
        closed=bool(row["closed"]),
        former=tuple(NodeId(key) for key in read_hex_list(row["former"])),
    )


def save(conn: sqlite3.Connection, box: OwnBox) -> None:
    """Keep a box, new or changed.

    Raises:
        StorageError: E-DB-QUOTA when `bounds.boxes_own_max` boxes are in use.
    """
    if one(conn, "SELECT 1 FROM boxes_own WHERE reader = ?", (box.reader,)) is None:
        _make_room(conn)
    conn.execute(
        """
        INSERT INTO boxes_own (reader, ctx, box, mailboxes, until, opened_at, closed, former)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (reader) DO UPDATE SET
          ctx = excluded.ctx, box = excluded.box, mailboxes = excluded.mailboxes,
          until = excluded.until, opened_at = excluded.opened_at, closed = excluded.closed,
          former = excluded.former
        """,
        (
            box.reader,
            box.ctx,
            box.box,
            hex_list(box.mailboxes),
            box.until,
            hex_list(box.opened_at),
            int(box.closed),
            hex_list(box.former),
        ),
    )


def _make_room(conn: sqlite3.Connection) -> None:
    """At the cap, let the closed box that ended first go; open ones never."""
    if int(every(conn, "SELECT count(*) AS n FROM boxes_own")[0]["n"]) < bounds.boxes_own_max:
        return
    gone = changed(
        conn,
        """
        DELETE FROM boxes_own WHERE seq = (
          SELECT seq FROM boxes_own WHERE closed = 1 ORDER BY until, seq LIMIT 1
        )
        """,
    )
    if not gone:
        raise faults.quota("boxes of its own", bounds.boxes_own_max)


def mark_opened(conn: sqlite3.Connection, reader: bytes, mailbox: NodeId) -> bool:
    """Note a mailbox that agreed; tell whether the box is here."""
    row = one(conn, "SELECT opened_at FROM boxes_own WHERE reader = ?", (reader,))
    if row is None:
        return False
    opened_at = read_hex_list(row["opened_at"])
    if mailbox not in opened_at:
        opened_at = (*opened_at, mailbox)
    conn.execute(
        "UPDATE boxes_own SET opened_at = ? WHERE reader = ?", (hex_list(opened_at), reader)
    )
    return True


def close(conn: sqlite3.Connection, reader: bytes) -> bool:
    """Read a box no more; tell whether it was open."""
    sql = "UPDATE boxes_own SET closed = 1 WHERE reader = ? AND closed = 0"
    return changed(conn, sql, (reader,)) == 1


def close_outlived(conn: sqlite3.Connection, now_ms: int) -> list[bytes]:
    """Close boxes whose time is over; give their readers."""
    rows = every(
        conn,
        "UPDATE boxes_own SET closed = 1 WHERE closed = 0 AND until <= ? RETURNING reader",
        (now_ms,),
    )
    return [row["reader"] for row in rows]


def reopen(conn: sqlite3.Connection, now_ms: int) -> int:
    """Open what was closed before its time, by a clock that ran ahead; give how many."""
    return changed(
        conn, "UPDATE boxes_own SET closed = 0 WHERE closed = 1 AND until > ?", (now_ms,)
    )


def box_of(conn: sqlite3.Connection, reader: bytes) -> OwnBox | None:
    """Find a box by its reader."""
    row = one(conn, _SELECT, (reader,))
    return None if row is None else _box(row)


def of_context(conn: sqlite3.Connection, ctx: bytes) -> list[OwnBox]:
    """List the boxes of an identity context, the oldest first."""
    return [_box(row) for row in every(conn, _SELECT_CTX, (ctx,))]


async def load_open(db: aiosqlite.Connection, now_ms: int) -> list[OwnBox]:
    """List the boxes to be read, for the start."""
    return [_box(row) for row in await load_every(db, _SELECT_OPEN, (now_ms,))]
