"""Deals, one side's view, and the guards that no restart or repetition gets past.

The table itself refuses a second live deal for one line and a second offer of one round
(invariant I6), whatever the code above it believes. States are those of `protocol/market/deal`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import aiosqlite

from node.storage import bounds, faults
from node.storage.columns import changed, every, json_text, load_every, load_one, one, read_json
from node.storage.handles import handle_range
from protocol.ids import matches_handle
from protocol.market.deal import DealState, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """One deal as this side sees it."""

    deal_id: bytes
    """Id of the acceptance."""
    role: Role
    """Our side."""
    own_ctx: bytes
    """Our identity context."""
    cast_id: bytes
    """Root cast: the line is guarded across amendments."""
    award: int = 0
    """Which award of the cast, counted from 0; above 0 only where the cast takes several."""
    offer_id: bytes
    """The offer accepted."""
    other_key: bytes
    """The other party's signing key."""
    state: DealState
    """Where it stands."""
    confirm_by: int
    """Unix ms; signed by the buyer."""
    confirmed_id: bytes | None = None
    """The confirmation recorded first."""
    confirmed_ms: int | None = None
    """When it was recorded."""
    agreed_id: bytes | None = None
    """The acknowledgement."""
    ended_id: bytes | None = None
    """The refusal, void or cancellation."""
    opened: dict[str, Any] = field(default_factory=dict)
    """Plain JSON: fields with salt and value on the buyer's side, values received on the other."""
    created_ms: int
    """When the acceptance was recorded."""
    updated_ms: int
    """When it last changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DealInserted:
    """It is recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DealKnown:
    """It was recorded before; nothing changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTaken:
    """Another deal that may still hold stands in its place; nothing changed."""

    deal_id: bytes
    """That one."""


DealOutcome: TypeAlias = DealInserted | DealKnown | LineTaken

_SELECT = "SELECT * FROM deals WHERE deal_id = ?"
_SELECT_CAST = "SELECT * FROM deals WHERE cast_id = ? ORDER BY seq"
_SELECT_STATE = "SELECT * FROM deals WHERE state = ? ORDER BY seq"
_SELECT_WAITING = """
SELECT * FROM deals WHERE state = 'offered' AND role = 'vendor' ORDER BY confirm_by LIMIT ?
"""
_SELECT_ALL = "SELECT * FROM deals ORDER BY seq DESC LIMIT ? OFFSET ?"
_SELECT_BETWEEN = "SELECT * FROM deals WHERE deal_id BETWEEN ? AND ? ORDER BY deal_id LIMIT ?"
_SELECT_LIVE_OF_LINE = """
SELECT * FROM deals WHERE role = 'buyer' AND cast_id = ? AND award = ?
AND state NOT IN ('declined', 'voided', 'cancelled')
"""
_SELECT_LIVE_OF_OFFER = """
SELECT * FROM deals WHERE role = 'vendor' AND offer_id = ?
AND state NOT IN ('declined', 'voided', 'cancelled')
"""


def _deal(row: sqlite3.Row) -> Deal:
    return Deal(
        deal_id=row["deal_id"],
        role=Role(row["role"]),
        own_ctx=row["own_ctx"],
        cast_id=row["cast_id"],
        award=row["award"],
        offer_id=row["offer_id"],
        other_key=row["other_key"],
        state=DealState(row["state"]),
        confirm_by=row["confirm_by"],
        confirmed_id=row["confirmed_id"],
        confirmed_ms=row["confirmed_ms"],
        agreed_id=row["agreed_id"],
        ended_id=row["ended_id"],
        opened=read_json(row["opened"]),
        created_ms=row["created_ms"],
        updated_ms=row["updated_ms"],
    )


def insert(conn: sqlite3.Connection, deal: Deal) -> DealOutcome:
    """Record a new deal, unless its line is taken.

    Raises:
        StorageError: E-DB-QUOTA at `bounds.deals_max`.
        TypeError: `opened` holds something that is not plain JSON.
    """
    if one(conn, "SELECT 1 FROM deals WHERE deal_id = ?", (deal.deal_id,)):
        return DealKnown()
    if rival := _rival(conn, deal):
        return LineTaken(deal_id=rival.deal_id)
    if int(every(conn, "SELECT count(*) AS n FROM deals")[0]["n"]) >= bounds.deals_max:
        raise faults.quota("deals", bounds.deals_max)
    conn.execute(
        """
        INSERT INTO deals (deal_id, role, own_ctx, cast_id, award, offer_id, other_key, state,
                           confirm_by, confirmed_id, confirmed_ms, agreed_id, ended_id, opened,
                           created_ms, updated_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            deal.deal_id,
            deal.role.value,
            deal.own_ctx,
            deal.cast_id,
            deal.award,
            deal.offer_id,
            deal.other_key,
            deal.state.value,
            deal.confirm_by,
            deal.confirmed_id,
            deal.confirmed_ms,
            deal.agreed_id,
            deal.ended_id,
            json_text(deal.opened),
            deal.created_ms,
            deal.updated_ms,
        ),
    )
    return DealInserted()


def _rival(conn: sqlite3.Connection, deal: Deal) -> Deal | None:
    if deal.role is Role.BUYER:
        return live_of_line(conn, deal.cast_id, deal.award)
    return live_of_offer(conn, deal.offer_id)


def update(conn: sqlite3.Connection, deal: Deal) -> bool:
    """Keep what may change of a deal: state, confirmation, ending, values. Tell whether it is here.

    Raises:
        sqlite3.IntegrityError: the change would make two deals hold one line.
        TypeError: `opened` holds something that is not plain JSON.
    """
    touched = changed(
        conn,
        """
        UPDATE deals SET state = ?, confirmed_id = ?, confirmed_ms = ?, agreed_id = ?,
                         ended_id = ?, opened = ?, updated_ms = ?
        WHERE deal_id = ?
        """,
        (
            deal.state.value,
            deal.confirmed_id,
            deal.confirmed_ms,
            deal.agreed_id,
            deal.ended_id,
            json_text(deal.opened),
            deal.updated_ms,
            deal.deal_id,
        ),
    )
    return touched == 1


def deal_of(conn: sqlite3.Connection, deal_id: bytes) -> Deal | None:
    """Find a deal."""
    row = one(conn, _SELECT, (deal_id,))
    return None if row is None else _deal(row)


def live_of_line(conn: sqlite3.Connection, cast_id: bytes, award: int = 0) -> Deal | None:
    """Find the buyer's deal that occupies a line of its cast."""
    row = one(conn, _SELECT_LIVE_OF_LINE, (cast_id, award))
    return None if row is None else _deal(row)


def live_of_offer(conn: sqlite3.Connection, offer_id: bytes) -> Deal | None:
    """Find the vendor's deal that occupies one of its offers."""
    row = one(conn, _SELECT_LIVE_OF_OFFER, (offer_id,))
    return None if row is None else _deal(row)


def of_cast(conn: sqlite3.Connection, cast_id: bytes) -> list[Deal]:
    """List the deals of a root cast, the oldest first."""
    return [_deal(row) for row in every(conn, _SELECT_CAST, (cast_id,))]


def in_states(conn: sqlite3.Connection, states: Collection[DealState]) -> list[Deal]:
    """List deals in some states; for timers at start."""
    return [_deal(row) for state in states for row in every(conn, _SELECT_STATE, (state.value,))]


async def load_deal(db: aiosqlite.Connection, deal_id: bytes) -> Deal | None:
    """Find a deal."""
    row = await load_one(db, _SELECT, (deal_id,))
    return None if row is None else _deal(row)


async def load_waiting(db: aiosqlite.Connection, *, limit: int) -> list[Deal]:
    """List acceptances that a vendor has not answered, the longest waiting first."""
    rows = await load_every(db, _SELECT_WAITING, (limit,))
    return [_deal(row) for row in rows]


async def load_of_cast(db: aiosqlite.Connection, cast_id: bytes) -> list[Deal]:
    """List the deals of a root cast, the oldest first."""
    return [_deal(row) for row in await load_every(db, _SELECT_CAST, (cast_id,))]


async def load_newest(db: aiosqlite.Connection, *, limit: int, offset: int = 0) -> list[Deal]:
    """List deals, the newest first."""
    return [_deal(row) for row in await load_every(db, _SELECT_ALL, (limit, offset))]


async def load_counts(db: aiosqlite.Connection) -> dict[DealState, int]:
    """Count deals by state, for metrics."""
    counts = dict.fromkeys(DealState, 0)
    for row in await load_every(db, "SELECT state, count(*) AS n FROM deals GROUP BY state"):
        counts[DealState(row["state"])] = row["n"]
    return counts


async def load_by_handle(
    db: aiosqlite.Connection, prefix: str, handle: str, *, limit: int = 10
) -> list[Deal]:
    """List the deals a shortened id may mean.

    Raises:
        LocalProtocolError: E-ID when the text is no part of an id.
    """
    low, high = handle_range(prefix, handle)
    rows = await load_every(db, _SELECT_BETWEEN, (low, high, limit))
    return [_deal(row) for row in rows if matches_handle(prefix, row["deal_id"], handle)]
