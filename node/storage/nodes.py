"""Addresses of other nodes: their signed records, the newest of each key.

The bytes are as signed; whether they hold is asked when they are read (`protocol/network`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import aiosqlite

from node.storage.columns import changed, every, load_every, one
from protocol import limits
from protocol.ids import NodeId


class RecordSource(StrEnum):
    """How a record came."""

    FIRST_HAND = "first_hand"
    """From the node itself, over a channel that proved its key, or by the same signer."""
    HEARSAY = "hearsay"
    """By a signer nobody has proved: a hint until dialled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """That a dial reached a node."""

    at_ms: int
    """When, Unix ms."""
    address: str
    """Where, `host:port`."""
    group: str
    """Address group it was found in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """What is known of one node."""

    key: NodeId
    """Its transport key."""
    record: bytes
    """Its signed record, as received."""
    at: int
    """Unix ms of the record's signing."""
    seen_ms: int
    """When it was last known to be there."""
    source: RecordSource
    """How it came."""
    told_by: str = ""
    """Address group of whoever told of it first; empty for its owner."""
    reached: Reached | None = None
    """When a dial reached it last; None for never."""
    is_anchor: bool = False
    """Whether it is dialled first after a restart."""


_SELECT_NEWEST = "SELECT * FROM nodes ORDER BY reached_ms DESC, seen_ms DESC, seq LIMIT ?"


def _node(row: sqlite3.Row) -> NodeRow:
    reached = Reached(
        at_ms=row["reached_ms"], address=row["reached_address"], group=row["reached_group"]
    )
    return NodeRow(
        key=NodeId(row["key"]),
        record=row["record"],
        at=row["at"],
        seen_ms=row["seen_ms"],
        source=RecordSource(row["source"]),
        told_by=row["told_by"],
        reached=reached if reached.at_ms else None,
        is_anchor=bool(row["anchor"]),
    )


def save(conn: sqlite3.Connection, node: NodeRow) -> bool:
    """Keep a record unless a better one of the same key is here; tell whether it was kept.

    Hearsay, which anybody can sign, never takes the place of what was proved, and what was proved
    always takes the place of hearsay; of two alike the newer is better. Who told of a node first
    stays noted. At `limits.known_nodes_max` one makes room: of those never reached the one not seen
    for the longest, then of those reached.
    """
    known = one(
        conn, "SELECT at, source = 'hearsay' AS heard FROM nodes WHERE key = ?", (node.key,)
    )
    is_heard = node.source is RecordSource.HEARSAY
    if known is not None and (not is_heard, node.at) < (not known["heard"], known["at"]):
        return False
    if known is None:
        _make_room(conn)
    conn.execute(
        """
        INSERT INTO nodes (key, record, at, seen_ms, source, told_by) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (key) DO UPDATE SET
          record = excluded.record, at = excluded.at,
          seen_ms = max(seen_ms, excluded.seen_ms), source = excluded.source
        """,
        (node.key, node.record, node.at, node.seen_ms, node.source.value, node.told_by),
    )
    return True


def _make_room(conn: sqlite3.Connection) -> None:
    total = int(every(conn, "SELECT count(*) AS n FROM nodes")[0]["n"])
    if total >= limits.known_nodes_max:
        conn.execute(
            """
            DELETE FROM nodes WHERE seq IN (
              SELECT seq FROM nodes
              ORDER BY reached_ms > 0, seen_ms, seq LIMIT ?
            )
            """,
            (total - limits.known_nodes_max + 1,),
        )


def mark_reached(conn: sqlite3.Connection, key: bytes, reached: Reached) -> bool:
    """Note that a dial reached a node; tell whether it is known."""
    sql = """
        UPDATE nodes SET reached_ms = ?, reached_address = ?, reached_group = ?,
          seen_ms = max(seen_ms, ?)
        WHERE key = ?
        """
    facts = (reached.at_ms, reached.address, reached.group, reached.at_ms, key)
    return changed(conn, sql, facts) == 1


def set_anchors(conn: sqlite3.Connection, keys: Sequence[bytes]) -> None:
    """Note whom to dial first after a restart, in place of those noted before."""
    conn.execute("UPDATE nodes SET anchor = 0 WHERE anchor <> 0")
    for key in keys:
        conn.execute("UPDATE nodes SET anchor = 1 WHERE key = ?", (key,))


def forget(conn: sqlite3.Connection, seen_before_ms: int) -> int:
    """Let go nodes not seen since then; give how many."""
    return changed(conn, "DELETE FROM nodes WHERE seen_ms < ?", (seen_before_ms,))


async def load_newest(
    db: aiosqlite.Connection, *, limit: int = limits.known_nodes_max
) -> list[NodeRow]:
    """List nodes, the last reached first, then the last seen."""
    return [_node(row) for row in await load_every(db, _SELECT_NEWEST, (limit,))]
