"""Requests of this home's person: what was typed, what was signed, where it stands.

The draft stays as the person gave it; `local` holds what never leaves this home. States are those
of `protocol/market/cast`. An amendment keeps its row: same nonce, same key, another `cast_id`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import aiosqlite

from node.storage import bounds, faults
from node.storage.columns import changed, every, json_text, load_every, load_one, one, read_json
from node.storage.handles import handle_range
from protocol.ids import matches_handle
from protocol.market.cast import CastState


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCast:
    """One request."""

    nonce: bytes
    """16 bytes; its identity context, names it for ever."""
    cast_id: bytes | None = None
    """Newest signed form; None in a draft."""
    root_id: bytes | None = None
    """First signed form: the thread of all that follows."""
    state: CastState = CastState.DRAFT
    """Where it stands."""
    draft: str
    """JSON text as the person gave it."""
    local: dict[str, Any] = field(default_factory=dict)
    """Plain JSON that never leaves this home: local budget, values to disclose."""
    created_ms: int
    """When it was made."""
    decide_by: int | None = None
    """Published date of choice, Unix ms."""
    exp: int | None = None
    """Expiry of the newest signed form, Unix ms."""
    note: str = ""
    """The person's own words about it."""


_SELECT = "SELECT * FROM casts WHERE nonce = ?"
_SELECT_ROOT = "SELECT * FROM casts WHERE root_id = ?"
_SELECT_ALL = "SELECT * FROM casts ORDER BY created_ms, seq"
_SELECT_STATE = "SELECT * FROM casts WHERE state = ? ORDER BY created_ms, seq"
_SELECT_BETWEEN = """
SELECT * FROM casts WHERE root_id BETWEEN ?1 AND ?2 OR cast_id BETWEEN ?1 AND ?2
ORDER BY created_ms, seq LIMIT ?3
"""
_SELECT_FORMS = """
SELECT form.id AS form_id, casts.* FROM objects AS form JOIN casts ON casts.root_id = form.thread
WHERE form.id BETWEEN ?1 AND ?2 AND form.kind = 'intentcast' AND form.own = 1
ORDER BY form.id LIMIT ?3
"""


def _cast(row: sqlite3.Row) -> OwnCast:
    return OwnCast(
        nonce=row["nonce"],
        cast_id=row["cast_id"],
        root_id=row["root_id"],
        state=CastState(row["state"]),
        draft=row["draft"],
        local=read_json(row["local"]),
        created_ms=row["created_ms"],
        decide_by=row["decide_by"],
        exp=row["exp"],
        note=row["note"],
    )


def save(conn: sqlite3.Connection, cast: OwnCast) -> None:
    """Keep a request, new or changed; `created_ms` of a known one stays.

    Raises:
        StorageError: E-DB-QUOTA at `bounds.casts_max`.
        TypeError: `local` holds something that is not plain JSON.
    """
    known = one(conn, "SELECT 1 FROM casts WHERE nonce = ?", (cast.nonce,))
    if known is None and _count(conn) >= bounds.casts_max:
        raise faults.quota("requests", bounds.casts_max)
    conn.execute(
        """
        INSERT INTO casts (nonce, cast_id, root_id, state, draft, local, created_ms, decide_by,
                           exp, note)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (nonce) DO UPDATE SET
          cast_id = excluded.cast_id, root_id = excluded.root_id, state = excluded.state,
          draft = excluded.draft, local = excluded.local, decide_by = excluded.decide_by,
          exp = excluded.exp, note = excluded.note
        """,
        (
            cast.nonce,
            cast.cast_id,
            cast.root_id,
            cast.state.value,
            cast.draft,
            json_text(cast.local),
            cast.created_ms,
            cast.decide_by,
            cast.exp,
            cast.note,
        ),
    )


def _count(conn: sqlite3.Connection) -> int:
    return int(every(conn, "SELECT count(*) AS n FROM casts")[0]["n"])


def set_state(conn: sqlite3.Connection, nonce: bytes, state: CastState) -> bool:
    """Move a request; tell whether it is here."""
    return changed(conn, "UPDATE casts SET state = ? WHERE nonce = ?", (state.value, nonce)) == 1


def remove_draft(conn: sqlite3.Connection, nonce: bytes) -> bool:
    """Throw a draft away; what was ever signed stays. Tell whether one went."""
    sql = "DELETE FROM casts WHERE nonce = ? AND cast_id IS NULL"
    return changed(conn, sql, (nonce,)) == 1


def cast_of(conn: sqlite3.Connection, nonce: bytes) -> OwnCast | None:
    """Find a request by its nonce."""
    row = one(conn, _SELECT, (nonce,))
    return None if row is None else _cast(row)


def in_states(conn: sqlite3.Connection, states: Collection[CastState]) -> list[OwnCast]:
    """List requests in some states, the oldest first; for timers at start."""
    rows = [row for state in states for row in every(conn, _SELECT_STATE, (state.value,))]
    return [_cast(row) for row in sorted(rows, key=lambda row: (row["created_ms"], row["seq"]))]


async def load_cast(db: aiosqlite.Connection, nonce: bytes) -> OwnCast | None:
    """Find a request by its nonce."""
    row = await load_one(db, _SELECT, (nonce,))
    return None if row is None else _cast(row)


async def load_by_root(db: aiosqlite.Connection, root_id: bytes) -> OwnCast | None:
    """Find a request by the id of its first signed form."""
    row = await load_one(db, _SELECT_ROOT, (root_id,))
    return None if row is None else _cast(row)


async def load_all(db: aiosqlite.Connection) -> list[OwnCast]:
    """List all requests, the oldest first."""
    return [_cast(row) for row in await load_every(db, _SELECT_ALL)]


async def load_counts(db: aiosqlite.Connection) -> dict[CastState, int]:
    """Count requests by state, for metrics."""
    counts = dict.fromkeys(CastState, 0)
    for row in await load_every(db, "SELECT state, count(*) AS n FROM casts GROUP BY state"):
        counts[CastState(row["state"])] = row["n"]
    return counts


async def load_by_handle(
    db: aiosqlite.Connection, prefix: str, handle: str, *, limit: int = 10
) -> list[OwnCast]:
    """List the requests a shortened id may mean; the id of any form on record does.

    Raises:
        LocalProtocolError: E-ID when the text is no part of an id.
    """
    low, high = handle_range(prefix, handle)
    found = {}
    for row in await load_every(db, _SELECT_BETWEEN, (low, high, limit)):
        ids = [each for each in (row["root_id"], row["cast_id"]) if each is not None]
        if any(matches_handle(prefix, each, handle) for each in ids):
            found[row["nonce"]] = _cast(row)
    for row in await load_every(db, _SELECT_FORMS, (low, high, limit)):
        if matches_handle(prefix, row["form_id"], handle):
            found.setdefault(row["nonce"], _cast(row))
    return list(found.values())
