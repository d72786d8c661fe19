"""Which objects the rows of a home speak of, and who can be asked for one that is gone or damaged.

Enters: an open database. Leaves: names of objects that have to be here and are not, and for any
object the party or the nodes that hold it too. Only what can never go by itself is demanded: our
own objects and those pinned for us. The first form of a request that was found again after a
restore, and the request of a vendor's thread, may never have been here.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

import aiosqlite

from node.storage.columns import every, load_every, one
from protocol import limits
from protocol.encoding import decode
from protocol.errors import RemoteProtocolError
from protocol.objects.envelope import open_stored, read_candidate
from protocol.objects.offer import Offer

_NAMED: Final = (
    ("a request", "SELECT cast_id AS id FROM casts WHERE cast_id IS NOT NULL"),
    (
        "a request",
        """
        SELECT root_id AS id FROM casts WHERE root_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM restorations) AND NOT EXISTS (SELECT 1 FROM copies)
        """,
    ),
    ("a thread", "SELECT offer_id AS id FROM threads WHERE offer_id IS NOT NULL"),
    ("a thread", "SELECT profile_id AS id FROM threads WHERE profile_id IS NOT NULL"),
    ("a thread", "SELECT last_own_id AS id FROM threads WHERE last_own_id IS NOT NULL"),
    ("a thread", "SELECT last_other_id AS id FROM threads WHERE last_other_id IS NOT NULL"),
    ("an offer of ours", "SELECT offer_id AS id FROM offers_sent"),
    (
        "a letter",
        """
        SELECT o.envelope_id AS id FROM outbox AS o JOIN threads AS t
        ON t.cast_id = o.thread AND t.own_ctx = o.own_ctx AND t.other_key = o.to_key
        """,
    ),
)
"""Who speaks of an object, and which. Deals are held against their objects one by one."""
_MISSING_MAX: Final = 1_000
"""Missing objects told at once; guess."""
_EVERY_NAME: Final = " UNION ".join(
    f"SELECT '{speaker}' AS speaker, id FROM ({sql})"  # noqa: S608 - texts of this module
    for speaker, sql in _NAMED
)
_LOAD_MISSING: Final = f"""
SELECT named.id AS id, min(named.speaker) AS speaker FROM ({_EVERY_NAME}) AS named
WHERE NOT EXISTS (SELECT 1 FROM objects WHERE objects.id = named.id)
GROUP BY named.id ORDER BY named.id LIMIT ?
"""  # noqa: S608 - as above
_NAMED_BY_THREAD: Final = """
SELECT cast_id FROM threads
WHERE offer_id = ?1 OR profile_id = ?1 OR last_own_id = ?1 OR last_other_id = ?1 LIMIT 1
"""
_NAMED_BY_LETTER: Final = """
SELECT t.cast_id FROM outbox AS o
JOIN threads AS t ON t.cast_id = o.thread AND t.own_ctx = o.own_ctx AND t.other_key = o.to_key
WHERE o.envelope_id = ? LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """An object that has to be here and is not."""

    id: bytes
    """Its id."""
    speaker: str
    """What speaks of it, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Somebody who holds an object too."""

    of: bytes | None
    """The deal, or the root cast of a thread, whose other party it is; None: any other node."""
    words: str
    """What is done, for a person."""


async def load_missing(db: aiosqlite.Connection) -> list[Missing]:
    """List objects that requests, threads, offers and letters speak of, and that are not here."""
    rows = await load_every(db, _LOAD_MISSING, (_MISSING_MAX,))
    return [Missing(id=row["id"], speaker=row["speaker"]) for row in rows]


def is_named(conn: sqlite3.Connection, object_id: bytes) -> bool:
    """Tell whether a request, a thread, an offer of ours or a letter speaks of an object."""
    return any(
        one(conn, f"SELECT 1 FROM ({sql}) WHERE id = ?", (object_id,))  # noqa: S608 - ours
        for _, sql in _NAMED
    )


def deals_by_object(conn: sqlite3.Connection) -> dict[bytes, bytes]:
    """Map every object a deal of ours needs to that deal."""
    found: dict[bytes, bytes] = {}
    for row in every(conn, "SELECT deal_id, offer_id, confirmed_id, agreed_id FROM deals"):
        deal_id = row["deal_id"]
        named = [row["offer_id"], deal_id, row["confirmed_id"], row["agreed_id"]]
        if offer := one(conn, "SELECT raw FROM objects WHERE id = ?", (row["offer_id"],)):
            named += named_by_offer(offer["raw"])
        found |= {each: deal_id for each in named if each is not None}
    return found


def named_by_offer(raw: bytes) -> list[bytes]:
    """Give the request and the profile an offer names; nothing when it cannot be read."""
    try:
        body: Any = open_stored(raw, net=net_of(raw)).body
    except RemoteProtocolError:
        return []
    return [body.cast, body.profile] if isinstance(body, Offer) else []


def net_of(raw: bytes) -> str:
    """Read which network an envelope says it is of.

    Raises:
        RemoteProtocolError: it is none.
    """
    signed = read_candidate(raw, peer=None, bytes_max=limits.sealed_bytes_max).signed
    tree = decode(signed, bytes_max=limits.sealed_bytes_max)
    is_named_there = type(tree) is list and len(tree) > 1 and type(tree[1]) is str
    return str(tree[1]) if is_named_there else ""


def holder_of(
    conn: sqlite3.Connection,
    object_id: bytes,
    deal_of: dict[bytes, bytes],
    *,
    thread: bytes | None,
    is_public: bool,
) -> Holder | None:
    """Say who else holds an object; None when nobody can be asked for it.

    Args:
        conn: inside a change.
        object_id: the object.
        deal_of: what `deals_by_object` gave.
        thread: the root cast it stands under, as far as known.
        is_public: whether it has no recipient: any node may carry it.
    """
    if (deal_id := deal_of.get(object_id)) is not None:
        return Holder(of=deal_id, words="It is asked again of the other party of its deal")
    if (root := _root_of(conn, object_id, thread)) is not None:
        return Holder(of=root, words="It is asked again of the other party of its thread")
    return Holder(of=None, words="It is asked again of other nodes") if is_public else None


def _root_of(conn: sqlite3.Connection, object_id: bytes, thread: bytes | None) -> bytes | None:
    """Find the thread an object belongs to, if somebody is at its other end."""
    for sql in (_NAMED_BY_THREAD, _NAMED_BY_LETTER):
        if row := one(conn, sql, (object_id,)):
            return bytes(row["cast_id"])
    for root in (thread, object_id):
        if root and one(conn, "SELECT 1 FROM threads WHERE cast_id = ?", (root,)):
            return root
    return None
