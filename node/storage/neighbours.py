"""Neighbours: nodes the owner decided about, kept over restarts.

A row says what was decided and where the node was last proved to be. Never here: what somebody
merely announced; an address comes into a row after a handshake with its key, and not before.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum

import aiosqlite

from node.storage.columns import changed, load_every, one
from protocol import limits
from protocol.ids import NodeId


class NeighbourStanding(StrEnum):
    """What was decided."""

    KEPT = "kept"
    """To stay linked to."""
    REFUSED = "refused"
    """Not to be shown."""
    GUEST = "guest"
    """It came with one of our invites; known, and not dialled."""


class NeighbourSource(StrEnum):
    """How the owner met it."""

    NEARBY = "nearby"
    """It announced itself in the local network."""
    INVITE = "invite"
    """By an invite, of ours or of its."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """One node."""

    key: NodeId
    """Its transport key."""
    standing: NeighbourStanding
    """What was decided."""
    how: NeighbourSource
    """How it was met."""
    address: str | None
    """`host:port` where a handshake last proved its key; None before the first."""
    since_ms: int
    """When it was decided, Unix ms."""
    seen_ms: int
    """When it was last linked or decided about, Unix ms."""


_SELECT = "SELECT * FROM neighbours"


def _neighbour(row: sqlite3.Row) -> Neighbour:
    return Neighbour(
        key=NodeId(row["key"]),
        standing=NeighbourStanding(row["standing"]),
        how=NeighbourSource(row["how"]),
        address=row["address"],
        since_ms=row["since_ms"],
        seen_ms=row["seen_ms"],
    )


def save(conn: sqlite3.Connection, neighbour: Neighbour) -> bool:
    """Write what was decided, over what was decided before; tell whether there was room.

    Only `limits.neighbours_kept_max` are kept at a time; of refused ones and guests, each, those
    not seen for the longest go beyond `limits.neighbours_noted_max`. An address that is known is
    not forgotten for none.
    """
    is_kept = neighbour.standing is NeighbourStanding.KEPT
    if is_kept and _others_kept(conn, neighbour.key) >= limits.neighbours_kept_max:
        return False
    conn.execute(
        """
        INSERT INTO neighbours (key, standing, how, address, since_ms, seen_ms)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (key) DO UPDATE SET
          standing = excluded.standing, how = excluded.how,
          address = coalesce(excluded.address, address),
          since_ms = excluded.since_ms, seen_ms = max(seen_ms, excluded.seen_ms)
        """,
        (
            neighbour.key,
            neighbour.standing.value,
            neighbour.how.value,
            neighbour.address,
            neighbour.since_ms,
            neighbour.seen_ms,
        ),
    )
    if not is_kept:
        _make_room(conn, neighbour.standing)
    return True


def _others_kept(conn: sqlite3.Connection, key: bytes) -> int:
    sql = "SELECT count(*) AS n FROM neighbours WHERE standing = 'kept' AND key <> ?"
    row = one(conn, sql, (key,))
    return int(row["n"]) if row else 0


def _make_room(conn: sqlite3.Connection, standing: NeighbourStanding) -> None:
    conn.execute(
        """
        DELETE FROM neighbours WHERE seq IN (
          SELECT seq FROM neighbours WHERE standing = ? ORDER BY seen_ms DESC, seq DESC
          LIMIT -1 OFFSET ?
        )
        """,
        (standing.value, limits.neighbours_noted_max),
    )


def note_place(conn: sqlite3.Connection, key: bytes, address: str, now_ms: int) -> bool:
    """Note where a handshake has just proved a node to be; tell whether it is one of ours."""
    sql = "UPDATE neighbours SET address = ?, seen_ms = max(seen_ms, ?) WHERE key = ?"
    return changed(conn, sql, (address, now_ms, key)) == 1


def remove(conn: sqlite3.Connection, key: bytes) -> bool:
    """Forget what was decided; tell whether there was something."""
    return changed(conn, "DELETE FROM neighbours WHERE key = ?", (key,)) == 1


def neighbour_of(conn: sqlite3.Connection, key: bytes) -> Neighbour | None:
    """Find a node, inside a change."""
    row = one(conn, f"{_SELECT} WHERE key = ?", (key,))
    return None if row is None else _neighbour(row)


async def load_all(db: aiosqlite.Connection) -> list[Neighbour]:
    """List every node that was decided about, in the order of the decisions."""
    return [_neighbour(row) for row in await load_every(db, f"{_SELECT} ORDER BY since_ms, seq")]
