"""The vendor's guard: one offer per cast, identity and round, across restarts and repetitions.

The table itself refuses a second one (invariant I6), and with it the change that would send it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import aiosqlite

from node.errors import StorageError
from node.storage import bounds
from node.storage.columns import changed, load_every, load_one, one
from protocol.ids import OfferId
from protocol.market.deal import DealState
from protocol.market.thread import ThreadState

_SELECT = "SELECT offer_id FROM offers_sent WHERE cast_id = ? AND own_ctx = ? AND round = ?"

_SEQ_MAX = 2**63 - 1
_SELECT_NEWEST = """
SELECT s.seq, s.cast_id, s.offer_id, s.sent_ms, t.state AS thread_state, d.deal_id,
  d.state AS deal_state
FROM offers_sent AS s
LEFT JOIN threads AS t ON t.offer_id = s.offer_id AND t.role = 'vendor'
LEFT JOIN deals AS d ON d.seq = (
  SELECT seq FROM deals
  WHERE cast_id = t.cast_id AND offer_id = s.offer_id AND role = 'vendor'
  ORDER BY seq DESC LIMIT 1
)
WHERE s.seq < ? ORDER BY s.seq DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOffer:
    """One offer that went out."""

    seq: int
    """Place in the list."""
    cast_id: bytes
    """The form of the request it answers."""
    offer_id: bytes
    """Its id."""
    sent_ms: int
    """When, Unix ms."""
    thread_state: ThreadState | None
    """Where its line of talk stands; None when a later offer took its place."""
    deal_id: bytes | None
    """The newest acceptance of it; None before there is one."""
    deal_state: DealState | None
    """Where that stands."""


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


async def load_newest(db: aiosqlite.Connection, before: int, limit: int) -> list[SentOffer]:
    """List what went out, the newest first.

    Args:
        db: reading connection.
        before: place of the last one of the page before; 0 at first.
        limit: most rows.
    """
    rows = await load_every(db, _SELECT_NEWEST, (before or _SEQ_MAX, limit))
    return [
        SentOffer(
            seq=row["seq"],
            cast_id=row["cast_id"],
            offer_id=row["offer_id"],
            sent_ms=row["sent_ms"],
            thread_state=ThreadState(row["thread_state"]) if row["thread_state"] else None,
            deal_id=row["deal_id"],
            deal_state=DealState(row["deal_state"]) if row["deal_state"] else None,
        )
        for row in rows
    ]


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
