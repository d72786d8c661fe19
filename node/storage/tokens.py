"""Tokens of programs and sessions of browsers: the hashes of their secrets, until they are over.

A secret is never written: whoever reads this table cannot ask the API. Nor does it leave the home:
a backup is made without these rows, since a restored home is another node with other programs.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

import aiosqlite

from node.storage import bounds
from node.storage.columns import changed, every, json_text, load_every, one, read_json

Kind = Literal["token", "session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One token or session."""

    handle: str
    """What its owner revokes it by."""
    kind: Kind
    """A program's or a browser's."""
    name: str
    """As its owner called it."""
    scopes: tuple[str, ...]
    """What it may do."""
    secret_hash: bytes
    """BLAKE2b-256 of its secret."""
    made_ms: int
    """When it was made, Unix ms."""
    until_ms: int
    """When it ends, Unix ms."""
    used_day: int | None = None
    """Day it was last used, since 1970; None for never."""


_SELECT = "SELECT * FROM tokens ORDER BY seq"


def _row(row: sqlite3.Row) -> TokenRow:
    return TokenRow(
        handle=row["handle"],
        kind=row["kind"],
        name=row["name"],
        scopes=tuple(read_json(row["scopes"])),
        secret_hash=row["secret_hash"],
        made_ms=row["made_ms"],
        until_ms=row["until_ms"],
        used_day=row["used_day"],
    )


def add(conn: sqlite3.Connection, token: TokenRow, now_ms: int) -> bool:
    """Remember a new one; tell whether there was room.

    Those past their time go. Beyond `bounds.tokens_max` no token is taken; the oldest session goes.
    """
    conn.execute("DELETE FROM tokens WHERE until_ms <= ?", (now_ms,))
    count = one(conn, "SELECT count(*) AS n FROM tokens WHERE kind = 'token'")
    if token.kind == "token" and count is not None and count["n"] >= bounds.tokens_max:
        return False
    conn.execute(
        """
        INSERT INTO tokens (handle, kind, name, scopes, secret_hash, made_ms, until_ms, used_day)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            token.handle,
            token.kind,
            token.name,
            json_text(list(token.scopes)),
            token.secret_hash,
            token.made_ms,
            token.until_ms,
            token.used_day,
        ),
    )
    conn.execute(
        """
        DELETE FROM tokens WHERE kind = 'session' AND seq NOT IN
          (SELECT seq FROM tokens WHERE kind = 'session' ORDER BY seq DESC LIMIT ?)
        """,
        (bounds.sessions_max,),
    )
    return True


def remove(conn: sqlite3.Connection, handle: str) -> bool:
    """End one; tell whether it was there."""
    return changed(conn, "DELETE FROM tokens WHERE handle = ?", (handle,)) == 1


def note_use(conn: sqlite3.Connection, handle: str, day: int) -> None:
    """Remember the day one was used."""
    conn.execute("UPDATE tokens SET used_day = ? WHERE handle = ?", (day, handle))


def forget_all(conn: sqlite3.Connection) -> None:
    """Let go of all: this file goes to another home."""
    conn.execute("DELETE FROM tokens")


def all_tokens(conn: sqlite3.Connection) -> list[TokenRow]:
    """List all, the oldest first, inside a change."""
    return [_row(row) for row in every(conn, _SELECT)]


async def load_all(db: aiosqlite.Connection) -> list[TokenRow]:
    """List all, the oldest first."""
    return [_row(row) for row in await load_every(db, _SELECT)]
