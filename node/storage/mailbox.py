"""The mailbox we serve to others: their boxes, the letters in them, and receipts for those.

What may be done is decided by `protocol/post/mailbox` over the `BoxState` from here; this only
keeps it. Everything belongs to one box: a letter copied into a second box, or a receipt left there,
changes nothing in the first (invariant I11). Nothing is kept past a box's end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import aiosqlite

from node.storage import bounds, sizes
from node.storage.columns import changed, every, load_every, load_one, one
from protocol import limits
from protocol.ids import LetterHash, NodeId, SigningKey
from protocol.post.mailbox import BoxState, HeldLetter

_HASHES_PER_QUESTION = 500
"""SQLite's oldest default allows 999 parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedLetter:
    """A letter that waits to be read."""

    seq: int
    """Order of arrival at this node; a reader's cursor."""
    hash: LetterHash
    """BLAKE2b-256 of the letter."""
    letter: bytes
    """Sealed bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedReceipt:
    """A receipt left under a letter's hash by the reader of one box."""

    letter_hash: LetterHash
    """Which letter."""
    reader: SigningKey
    """Whose box; only the sender knows whether it is the right one."""
    receipt: bytes
    """Sealed bytes."""


_SELECT_BOX = "SELECT until, letters, bytes FROM served_boxes WHERE reader = ?"
_SELECT_LETTERS = """
SELECT l.seq, l.letter_hash, l.letter FROM served_letters AS l
JOIN served_boxes AS b ON b.reader = l.reader
WHERE l.reader = ? AND b.until > ? AND l.seq > ? ORDER BY l.seq LIMIT ?
"""
_SELECT_HELD = """
SELECT letter_hash, bits, length(letter) AS size FROM served_letters WHERE reader = ? ORDER BY seq
"""
_SELECT_OLDEST = """
SELECT seq, put_ms, length({body}) AS size FROM {table}
WHERE reader NOT IN (SELECT reader FROM boxes_own) ORDER BY seq LIMIT ?
"""


# --- boxes ---------------------------------------------------------------------------------------


def open_box(conn: sqlite3.Connection, reader: bytes, until: int, now_ms: int) -> None:
    """Keep a box open until then; decided by `decide_open`.

    A box whose time was over starts empty: what was in it is gone.
    """
    conn.execute("DELETE FROM served_boxes WHERE reader = ? AND until <= ?", (reader, now_ms))
    conn.execute(
        """
        INSERT INTO served_boxes (reader, until, opened_ms) VALUES (?, ?, ?)
        ON CONFLICT (reader) DO UPDATE SET until = excluded.until
        """,
        (reader, until, now_ms),
    )


def state_of(
    conn: sqlite3.Connection,
    reader: bytes,
    *,
    depositor: bytes | None = None,
    letter_hash: bytes | None = None,
) -> BoxState:
    """Give what has to be known of a box to decide about it.

    Args:
        conn: inside a change.
        reader: names the box.
        depositor: the node that asks to put; counts its letters.
        letter_hash: the letter in hand; tells whether it or its receipt is in this box.
    """
    row = one(conn, _SELECT_BOX, (reader,))
    if row is None:
        return BoxState(until=None)
    return BoxState(
        until=row["until"],
        letters=row["letters"],
        size=row["bytes"],
        by_depositor=0 if depositor is None else _count_by(conn, reader, depositor),
        known=letter_hash is not None and _is_known(conn, reader, letter_hash),
    )


def _count_by(conn: sqlite3.Connection, reader: bytes, depositor: bytes) -> int:
    sql = "SELECT count(*) AS n FROM served_letters WHERE reader = ? AND depositor = ?"
    return int(every(conn, sql, (reader, depositor))[0]["n"])


def _is_known(conn: sqlite3.Connection, reader: bytes, letter_hash: bytes) -> bool:
    found = one(
        conn,
        """
        SELECT 1 FROM served_letters WHERE reader = ?1 AND letter_hash = ?2
        UNION ALL SELECT 1 FROM served_receipts WHERE reader = ?1 AND letter_hash = ?2 LIMIT 1
        """,
        (reader, letter_hash),
    )
    return found is not None


def held(conn: sqlite3.Connection, reader: bytes) -> list[HeldLetter]:
    """List the letters of a box by rank's facts, the oldest first; for a box that is full."""
    return [
        HeldLetter(hash=LetterHash(row["letter_hash"]), bits=row["bits"], size=row["size"])
        for row in every(conn, _SELECT_HELD, (reader,))
    ]


def count_boxes(conn: sqlite3.Connection) -> int:
    """Count the boxes kept, those not yet swept included."""
    return sizes.size_of(conn, "served_boxes").rows


def bytes_kept(conn: sqlite3.Connection) -> int:
    """Count the bytes of all letters and receipts kept, in every box."""
    kept = (sizes.size_of(conn, "served_letters"), sizes.size_of(conn, "served_receipts"))
    return sum(size.bytes for size in kept)


def sweep(conn: sqlite3.Connection, now_ms: int) -> list[SigningKey]:
    """Empty and forget boxes whose time is over, at most a sweep's worth; give their readers."""
    rows = every(
        conn,
        """
        DELETE FROM served_boxes WHERE seq IN (
          SELECT seq FROM served_boxes WHERE until <= ? ORDER BY until LIMIT ?
        ) RETURNING reader
        """,
        (now_ms, bounds.sweep_rows_max),
    )
    return [SigningKey(row["reader"]) for row in rows]


def make_room(conn: sqlite3.Connection, excess: int, now_ms: int) -> int:
    """Let go what has lain here for `limits.letter_kept_ms`; for a mailbox short of room.

    The oldest letters go first, then the oldest receipts. What is for ourselves stays.

    Args:
        conn: inside a change.
        excess: bytes that are to go; no more do, to one letter or receipt.
        now_ms: wall clock, Unix ms.

    Returns:
        How many went, `bounds.room_rows_max` of each at most; 0 when nothing more may go.
    """
    gone = 0
    for table, body in (("served_letters", "letter"), ("served_receipts", "receipt")):
        # By the order of arrival, which has an index; no more than these are looked at.
        sql = _SELECT_OLDEST.format(table=table, body=body)
        for row in every(conn, sql, (bounds.room_rows_max,)):
            if excess > 0 and row["put_ms"] <= now_ms - limits.letter_kept_ms:
                conn.execute(f"DELETE FROM {table} WHERE seq = ?", (row["seq"],))  # noqa: S608
                excess -= row["size"]
                gone += 1
    return gone


# --- letters -------------------------------------------------------------------------------------


def put_letter(
    conn: sqlite3.Connection,
    *,
    reader: bytes,
    letter_hash: LetterHash,
    letter: bytes,
    depositor: NodeId,
    bits: int,
    evict: Iterable[LetterHash] = (),
    now_ms: int,
) -> None:
    """Keep a letter in a box that is open here; decided by `decide_put`.

    Args:
        conn: inside the change that decided.
        reader: names the box.
        letter_hash: BLAKE2b-256 of `letter`.
        letter: sealed bytes.
        depositor: the node that brought it.
        bits: its work.
        evict: letters that have to go to make room.
        now_ms: wall clock, Unix ms.

    Raises:
        sqlite3.IntegrityError: no such box, or the letter is in it already: not decided here.
    """
    for old in evict:
        drop_letter(conn, reader, old)
    conn.execute(
        """
        INSERT INTO served_letters (reader, letter_hash, letter, depositor, bits, put_ms)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
        (reader, letter_hash, letter, depositor, bits, now_ms),
    )


def drop_letter(conn: sqlite3.Connection, reader: bytes, letter_hash: bytes) -> bool:
    """Let a letter go; tell whether it was there."""
    sql = "DELETE FROM served_letters WHERE reader = ? AND letter_hash = ?"
    return changed(conn, sql, (reader, letter_hash)) == 1


async def load_letters(
    db: aiosqlite.Connection, reader: bytes, now_ms: int, *, after: int = 0, limit: int
) -> list[ServedLetter]:
    """List letters of an open box in order of arrival, those past a cursor only."""
    rows = await load_every(db, _SELECT_LETTERS, (reader, now_ms, after, limit))
    return [
        ServedLetter(seq=row["seq"], hash=LetterHash(row["letter_hash"]), letter=row["letter"])
        for row in rows
    ]


async def load_state(db: aiosqlite.Connection, reader: bytes) -> BoxState:
    """Give what is known of a box, without a depositor or a letter in hand."""
    row = await load_one(db, _SELECT_BOX, (reader,))
    if row is None:
        return BoxState(until=None)
    return BoxState(until=row["until"], letters=row["letters"], size=row["bytes"])


# --- receipts ------------------------------------------------------------------------------------


def leave_receipt(
    conn: sqlite3.Connection, *, reader: bytes, letter_hash: bytes, receipt: bytes, now_ms: int
) -> None:
    """Let the letter go and keep its reader's receipt; decided by `decide_receipt`.

    The first receipt of a letter stays. A box keeps `bounds.receipts_per_box_max`; the oldest go.

    Args:
        conn: inside a change.
        reader: names the box, open here.
        letter_hash: which letter; it need not have come.
        receipt: sealed bytes; empty keeps none.
        now_ms: wall clock, Unix ms.
    """
    drop_letter(conn, reader, letter_hash)
    if not receipt:
        return
    conn.execute(
        """
        INSERT INTO served_receipts (reader, letter_hash, receipt, put_ms) VALUES (?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """,
        (reader, letter_hash, receipt, now_ms),
    )
    conn.execute(
        """
        DELETE FROM served_receipts WHERE seq IN (
          SELECT seq FROM served_receipts WHERE reader = ? ORDER BY seq DESC LIMIT -1 OFFSET ?
        )
        """,
        (reader, bounds.receipts_per_box_max),
    )


async def load_receipts(
    db: aiosqlite.Connection, reader: bytes, hashes: Sequence[bytes], now_ms: int
) -> list[ServedReceipt]:
    """List the receipts a box holds under some letter hashes, while it is open."""
    found = []
    for start in range(0, len(hashes), _HASHES_PER_QUESTION):
        part = hashes[start : start + _HASHES_PER_QUESTION]
        marks = ",".join("?" * len(part))
        sql = (
            "SELECT r.letter_hash, r.reader, r.receipt FROM served_receipts AS r "  # noqa: S608
            "JOIN served_boxes AS b ON b.reader = r.reader "
            f"WHERE r.letter_hash IN ({marks}) AND r.reader = ? AND b.until > ? ORDER BY r.seq"
        )
        found += await load_every(db, sql, (*part, reader, now_ms))
    return [
        ServedReceipt(
            letter_hash=LetterHash(row["letter_hash"]),
            reader=SigningKey(row["reader"]),
            receipt=row["receipt"],
        )
        for row in found
    ]
