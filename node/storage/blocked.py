"""Shops the owner wants to hear no more of: their keys, until the owner takes it back.

A row says who and since when. What it means stands in `node/market/blocks.py`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import aiosqlite

from node.storage import bounds
from node.storage.columns import changed, every, load_every, one


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """One shop."""

    key: bytes
    """Its signing key, 32 bytes."""
    name: str
    """What it called itself then; empty where nothing is known of it."""
    since_ms: int
    """When the owner said so, Unix ms."""


_SELECT = "SELECT * FROM blocked ORDER BY seq"


def _blocked(row: sqlite3.Row) -> Blocked:
    return Blocked(key=row["key"], name=row["name"], since_ms=row["since_ms"])


def add(conn: sqlite3.Connection, shop: Blocked) -> bool:
    """Block a shop, once; tell whether there was room: `bounds.blocked_max` are kept."""
    if one(conn, "SELECT 1 FROM blocked WHERE key = ?", (shop.key,)) is not None:
        return True
    count = one(conn, "SELECT count(*) AS n FROM blocked")
    if count is not None and count["n"] >= bounds.blocked_max:
        return False
    conn.execute(
        "INSERT INTO blocked (key, name, since_ms) VALUES (?, ?, ?)",
        (shop.key, shop.name, shop.since_ms),
    )
    return True


def remove(conn: sqlite3.Connection, key: bytes) -> bool:
    """Take it back; tell whether the shop was blocked."""
    return changed(conn, "DELETE FROM blocked WHERE key = ?", (key,)) == 1


def all_blocked(conn: sqlite3.Connection) -> list[Blocked]:
    """List all, the first one first, inside a change."""
    return [_blocked(row) for row in every(conn, _SELECT)]


async def load_all(db: aiosqlite.Connection) -> list[Blocked]:
    """List all, the first one first."""
    return [_blocked(row) for row in await load_every(db, _SELECT)]
