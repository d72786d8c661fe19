"""The vendor's guard: one offer per cast, identity and round, across restarts and repetitions.

The table itself refuses a second one (invariant I6), and with it the change that would send it.
"""

from __future__ import annotations

import sqlite3

import aiosqlite

from node.errors import StorageError
from node.storage import bounds
from node.storage.columns import changed, load_one, one
from protocol.ids import OfferId

_SELECT = "SELECT offer_id FROM offers_sent WHERE cast_id = ? AND own_ctx = ? AND round = ?"


def claim(
    conn: sqlite3.Connection,
    *,
    cast_id: bytes,
    own_ctx: bytes,
    round_number: int,
    offer_id: bytes,
    now_ms: int,
    exp: int,
) -> None:
    """Take the place of one offer, in the change that records and queues it.

    Args:
        conn: inside a change.
        cast_id: the cast answered, the very form: an amendment may be answered anew.
        own_ctx: the vendor's identity context.
        round_number: the offer's `round`.
        offer_id: the offer about to be sent.
        now_ms: wall clock, Unix ms.
        exp: the cast's expiry, Unix ms: the guard outlives it.

    Raises:
        StorageError: E-OFFER-REPEATED when the place is taken; it undoes the whole change.
    """
    added = changed(
        conn,
        """
        INSERT INTO offers_sent (cast_id, own_ctx, round, offer_id, sent_ms, exp)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
        """,
        (cast_id, own_ctx, round_number, offer_id, now_ms, exp),
    )
    if not added:
        raise StorageError(
            f"round {round_number} of this request was answered before", code="E-OFFER-REPEATED"
        )


def offer_of(
    conn: sqlite3.Connection, cast_id: bytes, own_ctx: bytes, round_number: int
) -> OfferId | None:
    """Find the offer sent in a round."""
    row = one(conn, _SELECT, (cast_id, own_ctx, round_number))
    return None if row is None else OfferId(row["offer_id"])


async def load_offer_of(
    db: aiosqlite.Connection, cast_id: bytes, own_ctx: bytes, round_number: int
) -> OfferId | None:
    """Find the offer sent in a round."""
    row = await load_one(db, _SELECT, (cast_id, own_ctx, round_number))
    return None if row is None else OfferId(row["offer_id"])


def sweep(conn: sqlite3.Connection, now_ms: int) -> int:
    """Let go guards of casts that nobody can answer any more; give how many went."""
    return changed(
        conn,
        """
        DELETE FROM offers_sent WHERE seq IN (
          SELECT seq FROM offers_sent WHERE exp <= ? ORDER BY exp LIMIT ?
        )
        """,
        (now_ms - bounds.sealed_kept_ms, bounds.sweep_rows_max),
    )
