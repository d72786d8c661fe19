"""Letters on their way: every one ends acked, refused or expired, and its owner can see which.

Rows are written in the change that makes the letter due (invariant I2) and survive restarts with
their `next_at`. The sender stops at the recipient's own receipt or at expiry (I4); nothing else
ends a row, and an ended row never changes again (I5).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final

import aiosqlite

from node.storage import bounds, faults, sizes
from node.storage.columns import (
    changed,
    every,
    hex_list,
    load_every,
    load_one,
    one,
    read_hex_list,
)
from protocol.ids import LetterHash, NodeId, ObjectId, blake2b_256

NOTE: Final = "note"
"""Kind of a letter to another copy of this home: nobody else is owed it."""


class OutgoingState(StrEnum):
    """Where a letter stands."""

    PENDING = "pending"
    ACKED = "acked"
    REFUSED = "refused"
    EXPIRED = "expired"


class Priority(IntEnum):
    """What goes first when several letters are due; higher first."""

    AGREED = 50
    ACCEPTANCE = 40
    CONFIRMED = 30
    RECEIPT = 20
    OFFER = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One letter and what became of it."""

    id: int = 0
    """Row number, given by the table; order of writing."""
    envelope_id: ObjectId
    """The object it carries: at most one row each."""
    kind: str
    """What it is, in a word for its owner."""
    own_ctx: bytes
    """Our identity context."""
    to_key: bytes
    """The recipient's signing key: whose receipt ends it."""
    thread: bytes | None
    """Root cast."""
    letter: bytes
    """Sealed once, stored, sent as it is."""
    letter_hash: LetterHash
    """BLAKE2b-256 of `letter`."""
    reader: bytes
    """The recipient's box."""
    mailboxes: tuple[NodeId, ...]
    """Where that box is."""
    put_at: tuple[NodeId, ...] = ()
    """Mailboxes that said they hold it."""
    priority: int
    """Higher first; see `Priority`."""
    next_at: int
    """Unix ms of the next try."""
    tries: int = 0
    """Tries made."""
    expires_at: int
    """Unix ms after which nobody tries again."""
    state: OutgoingState = OutgoingState.PENDING
    """Where it stands."""
    reason: str = ""
    """Why it was refused, a code."""
    refused_since: int | None = None
    """Unix ms since which every one of its mailboxes refuses it; None while one may take it."""
    updated_ms: int
    """When it last changed."""


_SELECT_ID = "SELECT * FROM outbox WHERE id = ?"
_SELECT_ENVELOPE = "SELECT * FROM outbox WHERE envelope_id = ?"
_SELECT_DUE = """
SELECT * FROM outbox WHERE state = 'pending' AND next_at <= ?1 AND expires_at > ?1
ORDER BY priority DESC, next_at, id LIMIT ?2
"""
_SELECT_NEXT = """
SELECT min(next_at) AS next_at, min(expires_at) AS expires_at FROM outbox WHERE state = 'pending'
"""
_SELECT_PENDING = "SELECT * FROM outbox WHERE state = 'pending' ORDER BY id LIMIT ?"
_SELECT_STATE = "SELECT * FROM outbox WHERE state = ? ORDER BY id DESC LIMIT ?"
_SELECT_THREAD = "SELECT * FROM outbox WHERE thread = ? ORDER BY id"
_COUNT_STATES = "SELECT state, count(*) AS n FROM outbox WHERE kind <> ? GROUP BY state"
_COUNT_NOTES = "SELECT count(*) AS n FROM outbox WHERE kind = ? AND state = 'pending'"
_SELECT_NEXT_LETTER = """
SELECT min(next_at) AS next_at FROM outbox WHERE state = 'pending' AND kind <> ?
"""


def _outgoing(row: sqlite3.Row) -> Outgoing:
    return Outgoing(
        id=row["id"],
        envelope_id=ObjectId(row["envelope_id"]),
        kind=row["kind"],
        own_ctx=row["own_ctx"],
        to_key=row["to_key"],
        thread=row["thread"],
        letter=row["letter"],
        letter_hash=LetterHash(row["letter_hash"]),
        reader=row["reader"],
        mailboxes=tuple(NodeId(key) for key in read_hex_list(row["mailboxes"])),
        put_at=tuple(NodeId(key) for key in read_hex_list(row["put_at"])),
        priority=row["priority"],
        next_at=row["next_at"],
        tries=row["tries"],
        expires_at=row["expires_at"],
        state=OutgoingState(row["state"]),
        reason=row["reason"],
        refused_since=row["refused_since"],
        updated_ms=row["updated_ms"],
    )


# --- changes -------------------------------------------------------------------------------------


def add(conn: sqlite3.Connection, outgoing: Outgoing) -> int:
    """Queue a letter; one of the same envelope that is here already stays as it is.

    Args:
        conn: inside the change that makes it due.
        outgoing: its `id` is ignored.

    Returns:
        The row's number.

    Raises:
        StorageError: E-DB-QUOTA when `bounds.outbox_rows_max` letters are pending.
    """
    known = one(conn, "SELECT id FROM outbox WHERE envelope_id = ?", (outgoing.envelope_id,))
    if known:
        return int(known["id"])
    _make_room(conn)
    cursor = conn.execute(
        """
        INSERT INTO outbox (envelope_id, kind, own_ctx, to_key, thread, letter, letter_hash, reader,
                            mailboxes, put_at, priority, next_at, tries, expires_at, state, reason,
                            updated_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        _values(outgoing),
    )
    return int(cursor.lastrowid or 0)


def _values(outgoing: Outgoing) -> tuple[Any, ...]:
    return (
        outgoing.envelope_id,
        outgoing.kind,
        outgoing.own_ctx,
        outgoing.to_key,
        outgoing.thread,
        outgoing.letter,
        outgoing.letter_hash,
        outgoing.reader,
        hex_list(outgoing.mailboxes),
        hex_list(outgoing.put_at),
        int(outgoing.priority),
        outgoing.next_at,
        outgoing.tries,
        outgoing.expires_at,
        outgoing.state.value,
        outgoing.reason,
        outgoing.updated_ms,
    )


def _make_room(conn: sqlite3.Connection) -> None:
    """At the cap, let the letter that ended longest ago go; pending ones never."""
    if sizes.size_of(conn, "outbox").rows < bounds.outbox_rows_max:
        return
    gone = changed(
        conn,
        """
        DELETE FROM outbox WHERE id = (
          SELECT id FROM outbox WHERE state <> 'pending' ORDER BY updated_ms, id LIMIT 1
        )
        """,
    )
    if not gone:
        raise faults.quota("letters on their way", bounds.outbox_rows_max)


def mark_put(conn: sqlite3.Connection, row_id: int, mailbox: bytes, now_ms: int) -> bool:
    """Note a mailbox that holds it; it stays pending until the receipt. False when it had ended."""
    row = one(conn, "SELECT put_at FROM outbox WHERE id = ? AND state = 'pending'", (row_id,))
    if row is None:
        return False
    put_at = read_hex_list(row["put_at"])
    if mailbox not in put_at:
        put_at = (*put_at, mailbox)
    conn.execute(
        "UPDATE outbox SET put_at = ?, updated_ms = ? WHERE id = ?",
        (hex_list(put_at), now_ms, row_id),
    )
    return True


def mark_tried(conn: sqlite3.Connection, row_id: int, next_at: int, now_ms: int) -> bool:
    """Count a try and set the time of the next; False when the letter had ended."""
    return _touched(
        conn,
        """
        UPDATE outbox SET tries = tries + 1, next_at = ?, updated_ms = ?
        WHERE id = ? AND state = 'pending'
        """,
        (next_at, now_ms, row_id),
    )


def mark_refusing(conn: sqlite3.Connection, row_id: int, since_ms: int | None) -> bool:
    """Note since when all its mailboxes refuse a letter, or that one does not; False when over."""
    sql = "UPDATE outbox SET refused_since = ? WHERE id = ? AND state = 'pending'"
    return _touched(conn, sql, (since_ms, row_id))


def mark_acked(conn: sqlite3.Connection, row_id: int, now_ms: int) -> bool:
    """End a letter at its recipient's own receipt; False when it had ended."""
    return _end(conn, row_id, OutgoingState.ACKED, "", now_ms)


def mark_refused(conn: sqlite3.Connection, row_id: int, reason: str, now_ms: int) -> bool:
    """End a letter that can never be taken, with the code of why; False when it had ended."""
    return _end(conn, row_id, OutgoingState.REFUSED, reason, now_ms)


def _end(
    conn: sqlite3.Connection, row_id: int, state: OutgoingState, reason: str, now_ms: int
) -> bool:
    return _touched(
        conn,
        """
        UPDATE outbox SET state = ?, reason = ?, updated_ms = ?
        WHERE id = ? AND state = 'pending'
        """,
        (state.value, reason, now_ms, row_id),
    )


def _touched(conn: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> bool:
    return changed(conn, sql, parameters) == 1


def expire(conn: sqlite3.Connection, now_ms: int) -> list[Outgoing]:
    """End letters whose time is over; give them as they are now, at most a sweep's worth."""
    rows = every(
        conn,
        """
        UPDATE outbox SET state = 'expired', updated_ms = ?1 WHERE id IN (
          SELECT id FROM outbox WHERE state = 'pending' AND expires_at <= ?1
          ORDER BY expires_at LIMIT ?2
        ) RETURNING *
        """,
        (now_ms, bounds.sweep_rows_max),
    )
    return [_outgoing(row) for row in rows]


def reseal(
    conn: sqlite3.Connection,
    row_id: int,
    *,
    letter: bytes,
    letter_hash: LetterHash,
    reader: bytes,
    mailboxes: Iterable[NodeId],
    now_ms: int,
) -> bool:
    """Send the same envelope as a new letter, to a box that moved; False when it had ended."""
    return _touched(
        conn,
        """
        UPDATE outbox SET letter = ?, letter_hash = ?, reader = ?, mailboxes = ?, put_at = '[]',
                          refused_since = NULL, next_at = ?, updated_ms = ?
        WHERE id = ? AND state = 'pending'
        """,
        (letter, letter_hash, reader, hex_list(mailboxes), now_ms, now_ms, row_id),
    )


def wake(conn: sqlite3.Connection, now_ms: int) -> int:
    """Make every pending letter due at once: a way to the network is back. Give how many."""
    sql = "UPDATE outbox SET next_at = ?1 WHERE state = 'pending' AND next_at > ?1"
    return changed(conn, sql, (now_ms,))


def is_whole(outgoing: Outgoing) -> bool:
    """Tell whether a letter is as it was sealed."""
    return blake2b_256(outgoing.letter) == outgoing.letter_hash


def drop(conn: sqlite3.Connection, row_id: int) -> None:
    """Take out a damaged letter; the change that does so puts another in its place."""
    conn.execute("DELETE FROM outbox WHERE id = ?", (row_id,))


def sweep(conn: sqlite3.Connection, now_ms: int) -> int:
    """Forget letters that ended `bounds.outbox_kept_ms` ago; give how many went."""
    return changed(
        conn,
        """
        DELETE FROM outbox WHERE id IN (
          SELECT id FROM outbox WHERE state <> 'pending' AND updated_ms <= ?
          ORDER BY updated_ms LIMIT ?
        )
        """,
        (now_ms - bounds.outbox_kept_ms, bounds.sweep_rows_max),
    )


# --- questions inside a change -------------------------------------------------------------------


def outgoing_of(conn: sqlite3.Connection, row_id: int) -> Outgoing | None:
    """Find a letter by its row."""
    row = one(conn, _SELECT_ID, (row_id,))
    return None if row is None else _outgoing(row)


def by_envelope(conn: sqlite3.Connection, envelope_id: bytes) -> Outgoing | None:
    """Find the letter that carries an object."""
    row = one(conn, _SELECT_ENVELOPE, (envelope_id,))
    return None if row is None else _outgoing(row)


def of_thread(conn: sqlite3.Connection, thread: bytes) -> list[Outgoing]:
    """List the letters of a root cast, in the order they were written."""
    return [_outgoing(row) for row in every(conn, _SELECT_THREAD, (thread,))]


def due(conn: sqlite3.Connection, now_ms: int, *, limit: int = 64) -> list[Outgoing]:
    """List pending letters whose time has come, the most important first."""
    return [_outgoing(row) for row in every(conn, _SELECT_DUE, (now_ms, limit))]


# --- questions of readers ------------------------------------------------------------------------


async def load_due(db: aiosqlite.Connection, now_ms: int, *, limit: int = 64) -> list[Outgoing]:
    """List pending letters whose time has come, the most important first."""
    return [_outgoing(row) for row in await load_every(db, _SELECT_DUE, (now_ms, limit))]


async def load_wake_at(db: aiosqlite.Connection) -> int | None:
    """Give the Unix ms at which something is to be done next; None when nothing is pending."""
    row = await load_one(db, _SELECT_NEXT)
    if row is None or row["next_at"] is None:
        return None
    return min(int(row["next_at"]), int(row["expires_at"]))


async def load_next_try(db: aiosqlite.Connection) -> int | None:
    """Give the Unix ms of the next try of any letter to others; None when none is pending."""
    row = await load_one(db, _SELECT_NEXT_LETTER, (NOTE,))
    return None if row is None or row["next_at"] is None else int(row["next_at"])


async def load_pending(db: aiosqlite.Connection, *, limit: int) -> list[Outgoing]:
    """List pending letters, the oldest first."""
    return [_outgoing(row) for row in await load_every(db, _SELECT_PENDING, (limit,))]


async def load_by_state(
    db: aiosqlite.Connection, state: OutgoingState, *, limit: int
) -> list[Outgoing]:
    """List letters in a state, the newest first."""
    return [_outgoing(row) for row in await load_every(db, _SELECT_STATE, (state.value, limit))]


async def load_by_envelope(db: aiosqlite.Connection, envelope_id: bytes) -> Outgoing | None:
    """Find the letter that carries an object: what became of it."""
    row = await load_one(db, _SELECT_ENVELOPE, (envelope_id,))
    return None if row is None else _outgoing(row)


async def load_counts(db: aiosqlite.Connection) -> dict[OutgoingState, int]:
    """Count letters to others by state, for `status` and metrics."""
    counts = dict.fromkeys(OutgoingState, 0)
    for row in await load_every(db, _COUNT_STATES, (NOTE,)):
        counts[OutgoingState(row["state"])] = row["n"]
    return counts


async def load_note_count(db: aiosqlite.Connection) -> int:
    """Count the notes that wait for another copy of this home, which may not be."""
    row = await load_one(db, _COUNT_NOTES, (NOTE,))
    return 0 if row is None else int(row["n"])
