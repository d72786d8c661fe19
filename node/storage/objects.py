"""Signed objects, as the bytes that came.

Enters: `Verified` objects. Leaves: the same bytes, their checksum held against them, or a
`StorageError` that names the object. Nothing is re-encoded. A revoke takes its target's place; a
second signature over the same text is ignored; what is ours or pinned outlives its expiry.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import aiosqlite

from node.errors import StorageError
from node.storage import bounds, faults, wanted
from node.storage.columns import changed, every, load_every, load_one, one
from node.storage.handles import handle_range
from protocol.ids import ObjectId, matches_handle, to_text
from protocol.objects.envelope import Verified
from protocol.objects.header import Kind
from protocol.objects.revoke import Revoke

_CHECKSUM_BYTES = 16
_KINDS = frozenset(kind.value for kind in Kind)
_IDS_PER_QUESTION = 500
"""SQLite's oldest default allows 999 parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inserted:
    """It is new here and stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """It was here; it may now count as ours, and bytes damaged on this disk are mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """The same text is here under another signature; this one is not stored."""

    id: ObjectId
    """The one that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """Its author's revoke is here; it is not stored."""

    by: ObjectId
    """The revoke."""


InsertOutcome: TypeAlias = Inserted | Known | Twin | Revoked


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRow:
    """What is known of a stored object without opening it."""

    id: ObjectId
    """Its id."""
    kind: Kind
    """Its kind."""
    key: bytes
    """Its signer."""
    to: bytes | None
    """Its recipient; None in public objects."""
    thread: bytes | None
    """Root cast."""
    at: int
    """Unix ms of signing."""
    exp: int
    """Unix ms of expiry."""
    own: bool
    """Whether this home is a party to it."""
    pinned: bool
    """Whether something of ours needs it."""
    replaced_by: ObjectId | None
    """The revoke that took its place."""
    stored_ms: int
    """When it was stored."""


class LiveEntry(NamedTuple):
    """A public object as the network machines need it: no body. A tuple, since there are many."""

    at: int
    """Unix ms of signing."""
    id: ObjectId
    """Its id."""
    kind: Kind
    """Its kind."""
    exp: int
    """Unix ms of expiry."""
    is_kept: bool = False
    """Whether it is this home's own, or pinned."""


_PLACES = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT = f"""
INSERT INTO objects (id, signed_hash, kind, key, to_key, thread, at, exp, revokes, own,
                     stored_ms, checksum, raw, replaced_by)
VALUES {_PLACES}
ON CONFLICT DO NOTHING
"""  # noqa: S608 - places, no values
# Only a revoke by the same author, for the same audience and life counts: otherwise anybody could
# keep an object out by naming it first. Asked beside the insertion: within it, it doubled its cost.
_SELECT_REVOKE = """
SELECT id FROM objects WHERE revokes = ? AND key = ? AND exp = ? AND to_key IS ?
"""
_SELECT_ROW = """
SELECT id, kind, key, to_key, thread, at, exp, own, pinned, replaced_by, stored_ms FROM objects
WHERE id = ?
"""
_SELECT_THREAD = """
SELECT id, kind, key, to_key, thread, at, exp, own, pinned, replaced_by, stored_ms FROM objects
WHERE thread = ?1 OR id = ?1 ORDER BY seq
"""
_SELECT_FORMS = """
SELECT id, kind, key, to_key, thread, at, exp, own, pinned, replaced_by, stored_ms FROM objects
WHERE (thread = ?1 OR id = ?1) AND key = ?2 AND kind = 'intentcast' AND own = 1 ORDER BY seq
"""
_SELECT_FORMS_AT = """
SELECT id FROM objects WHERE thread = ? AND key = ? AND kind = 'intentcast' AND at = ?
ORDER BY seq DESC LIMIT ?
"""
_SELECT_RAW = "SELECT id, raw, checksum FROM objects WHERE id = ?"
_SELECT_PROFILE = """
SELECT id, raw, checksum FROM objects WHERE kind = 'profile' AND key = ? AND replaced_by IS NULL
ORDER BY at DESC, seq DESC LIMIT 1
"""
_SELECT_LIVE = """
SELECT at, id, kind, exp, own OR pinned AS kept FROM objects
WHERE to_key IS NULL AND replaced_by IS NULL AND exp > ? ORDER BY seq
"""
_SELECT_BETWEEN = """
SELECT id, kind, key, to_key, thread, at, exp, own, pinned, replaced_by, stored_ms FROM objects
WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?
"""


def checksum(object_id: bytes, raw: bytes) -> bytes:
    """Hash a row's name and bytes; covers the work nonce, which the id does not."""
    digest = hashlib.blake2b(object_id, digest_size=_CHECKSUM_BYTES)
    digest.update(raw)
    return digest.digest()


def _damaged(object_id: bytes) -> StorageError:
    return StorageError(
        f"object {to_text('ic', object_id)} is damaged in this home's database",
        code="E-DB-DAMAGED",
        fix=faults.SCRUB_FIX,
    )


def _holds(row: sqlite3.Row) -> bool:
    return bool(checksum(row["id"], row["raw"]) == row["checksum"])


def _checked(row: sqlite3.Row) -> bytes:
    if not _holds(row):
        raise _damaged(row["id"])
    raw: bytes = row["raw"]
    return raw


def _object_row(row: sqlite3.Row) -> ObjectRow:
    replaced_by = row["replaced_by"]
    try:
        kind = Kind(row["kind"])
    except ValueError as error:
        raise _damaged(row["id"]) from error
    return ObjectRow(
        id=ObjectId(row["id"]),
        kind=kind,
        key=row["key"],
        to=row["to_key"],
        thread=row["thread"],
        at=row["at"],
        exp=row["exp"],
        own=bool(row["own"]),
        pinned=bool(row["pinned"]),
        replaced_by=None if replaced_by is None else ObjectId(replaced_by),
        stored_ms=row["stored_ms"],
    )


def _readable_rows(rows: Iterable[sqlite3.Row]) -> list[ObjectRow]:
    """Describe the objects of a list; one that is damaged counts as one that is not here."""
    return [_object_row(row) for row in rows if row["kind"] in _KINDS]


# --- changes -------------------------------------------------------------------------------------


def insert(
    conn: sqlite3.Connection, verified: Verified[Any], *, own: bool, now_ms: int
) -> InsertOutcome:
    """Store an object once.

    Args:
        conn: inside a change.
        verified: through the gate of `protocol.objects.envelope`.
        own: whether this home is a party: then it is never swept, and stored although revoked.
        now_ms: wall clock, Unix ms.
    """
    header = verified.header
    revoke = one(conn, _SELECT_REVOKE, (verified.id, header.key, header.exp, header.to))
    if revoke is not None and not own:
        return _not_inserted(conn, verified, own=own)
    row = _row(verified, own=own, now_ms=now_ms)
    added = changed(conn, _INSERT, (*row, None if revoke is None else revoke["id"]))
    return Inserted() if added else _not_inserted(conn, verified, own=own)


def _row(verified: Verified[Any], *, own: bool, now_ms: int) -> tuple[Any, ...]:
    header = verified.header
    return (
        verified.id,
        verified.digest,
        header.kind.value,
        header.key,
        header.to,
        header.thread,
        header.at,
        header.exp,
        verified.body.target if isinstance(verified.body, Revoke) else None,
        int(own),
        now_ms,
        checksum(verified.id, verified.raw),
        verified.raw,
    )


def _not_inserted(conn: sqlite3.Connection, verified: Verified[Any], *, own: bool) -> InsertOutcome:
    """Find out why."""
    if known := one(conn, _SELECT_RAW, (verified.id,)):
        if own:
            conn.execute("UPDATE objects SET own = 1 WHERE id = ?", (verified.id,))
        _mend(conn, known, verified)
        return Known()
    if twin := one(conn, "SELECT id FROM objects WHERE signed_hash = ?", (verified.digest,)):
        return Twin(id=ObjectId(twin["id"]))
    header = verified.header
    revoke = every(conn, _SELECT_REVOKE, (verified.id, header.key, header.exp, header.to))[0]
    return Revoked(by=ObjectId(revoke["id"]))


def _mend(conn: sqlite3.Connection, known: sqlite3.Row, verified: Verified[Any]) -> None:
    """Let a good copy take the place of bytes that were damaged on this disk."""
    if not _holds(known):
        conn.execute(
            "UPDATE objects SET raw = ?, checksum = ? WHERE id = ?",
            (verified.raw, checksum(verified.id, verified.raw), verified.id),
        )
        wanted.settle(conn, verified.id)


def rewrite(conn: sqlite3.Connection, name: bytes, verified: Verified[Any]) -> bool:
    """Write again what stands beside an envelope that proves itself; tell whether it could be.

    Args:
        conn: inside a change.
        name: the id the row has now, right or wrong.
        verified: opened from the row's own bytes.
    """
    header = verified.header
    return (
        changed(
            conn,
            """
            UPDATE OR IGNORE objects SET id = ?, signed_hash = ?, kind = ?, key = ?, to_key = ?,
                                         thread = ?, at = ?, exp = ?, revokes = ?, checksum = ?
            WHERE id = ?
            """,
            (
                verified.id,
                verified.digest,
                header.kind.value,
                header.key,
                header.to,
                header.thread,
                header.at,
                header.exp,
                verified.body.target if isinstance(verified.body, Revoke) else None,
                checksum(verified.id, verified.raw),
                name,
            ),
        )
        == 1
    )


def replace_by_revoke(
    conn: sqlite3.Connection,
    target_id: ObjectId,
    revoke: Verified[Revoke],
    *,
    own: bool,
    now_ms: int,
) -> InsertOutcome:
    """Store a revoke in the place of its target.

    A target that is ours or pinned stays readable, marked; any other is gone. A target not by the
    revoke's author is left alone.

    Args:
        conn: inside a change.
        target_id: what the revoke names.
        revoke: held against its target by the caller where that is here.
        own: whether this home is a party.
        now_ms: wall clock, Unix ms.
    """
    outcome = insert(conn, revoke, own=own, now_ms=now_ms)
    if not isinstance(outcome, Inserted | Known):
        return outcome
    header = revoke.header
    same = (target_id, header.key, header.exp, header.to)
    conn.execute(
        "UPDATE objects SET replaced_by = ? WHERE id = ? AND key = ? AND exp = ? AND to_key IS ?",
        (revoke.id, *same),
    )
    conn.execute(
        "DELETE FROM objects WHERE id = ? AND replaced_by = ? AND own = 0 AND pinned = 0",
        (target_id, revoke.id),
    )
    return outcome


def pin(conn: sqlite3.Connection, ids: Iterable[bytes]) -> None:
    """Keep objects of others past their expiry: something of ours needs them."""
    conn.executemany("UPDATE objects SET pinned = 1 WHERE id = ?", [(each,) for each in ids])


def remove(conn: sqlite3.Connection, ids: Iterable[bytes]) -> int:
    """Let carried objects go before their time; ours and pinned ones stay. Give how many went."""
    sql = "DELETE FROM objects WHERE id = ? AND own = 0 AND pinned = 0"
    return sum(changed(conn, sql, (each,)) for each in ids)


def delete_expired(conn: sqlite3.Connection, now_ms: int) -> list[ObjectId]:
    """Let go what has outlived its use, the oldest first, at most `bounds.sweep_rows_max` rows.

    Sealed objects stay 30 days longer, so that a late copy is known; ours and pinned ones stay.

    Returns:
        Ids that went; ask again while as many as the bound came back.
    """
    rows = every(
        conn,
        """
        DELETE FROM objects WHERE seq IN (
          SELECT seq FROM objects INDEXED BY objects_passing
          WHERE own = 0 AND pinned = 0 AND exp <= ?1 AND (to_key IS NULL OR exp <= ?2)
          ORDER BY exp LIMIT ?3
        ) RETURNING id
        """,
        (now_ms, now_ms - bounds.sealed_kept_ms, bounds.sweep_rows_max),
    )
    return [ObjectId(row["id"]) for row in rows]


# --- questions inside a change -------------------------------------------------------------------


def is_whole(conn: sqlite3.Connection, object_id: bytes) -> bool:
    """Tell whether an object is here, and as it was written."""
    row = one(conn, _SELECT_RAW, (object_id,))
    return row is not None and _holds(row)


def raw_of(conn: sqlite3.Connection, object_id: bytes) -> bytes | None:
    """Give an envelope as it came.

    Raises:
        StorageError: E-DB-DAMAGED, naming the object.
    """
    row = one(conn, _SELECT_RAW, (object_id,))
    return None if row is None else _checked(row)


def row_of(conn: sqlite3.Connection, object_id: bytes) -> ObjectRow | None:
    """Describe an object.

    Raises:
        StorageError: E-DB-DAMAGED, naming the object.
    """
    row = one(conn, _SELECT_ROW, (object_id,))
    return None if row is None else _object_row(row)


def count_by_party(conn: sqlite3.Connection, thread: bytes, key: bytes, *, most: int) -> int:
    """Count what one party has signed in a thread, at most so many."""
    sql = "SELECT count(*) AS n FROM (SELECT 1 FROM objects WHERE thread = ? AND key = ? LIMIT ?)"
    return int(every(conn, sql, (thread, key, most))[0]["n"])


def has_twin(conn: sqlite3.Connection, verified: Verified[Any]) -> bool:
    """Tell whether the same text is here under another signature."""
    sql = "SELECT 1 FROM objects WHERE signed_hash = ? AND id <> ?"
    return one(conn, sql, (verified.digest, verified.id)) is not None


def newest_profile(conn: sqlite3.Connection, key: bytes) -> bytes | None:
    """Give the newest profile of a key.

    Raises:
        StorageError: E-DB-DAMAGED.
    """
    row = one(conn, _SELECT_PROFILE, (key,))
    return None if row is None else _checked(row)


def thread_of(conn: sqlite3.Connection, root_id: bytes) -> list[ObjectRow]:
    """List a cast and everything in its threads, in the order it was stored."""
    return _readable_rows(every(conn, _SELECT_THREAD, (root_id,)))


def own_forms(conn: sqlite3.Connection, root_id: bytes, key: bytes) -> list[ObjectRow]:
    """List the forms of a request that a key of ours signed and that are on record as ours."""
    return [_object_row(row) for row in every(conn, _SELECT_FORMS, (root_id, key))]


def forms_at(
    conn: sqlite3.Connection, root_id: bytes, key: bytes, at: int, *, most: int
) -> list[ObjectId]:
    """List amendments of a request that share a signed time, those stored last, at most so many."""
    rows = every(conn, _SELECT_FORMS_AT, (root_id, key, at, most))
    return [ObjectId(row["id"]) for row in rows]


def live_index(conn: sqlite3.Connection, now_ms: int) -> list[LiveEntry]:
    """List the public objects that may be carried, in order of arrival; reads the table through."""
    return _live_entries(every(conn, _SELECT_LIVE, (now_ms,)))


def _live_entries(rows: Iterable[sqlite3.Row]) -> list[LiveEntry]:
    """Leave out what is damaged: it cannot be carried, and must not stop a node from starting."""
    return [
        LiveEntry(
            at=row["at"],
            id=ObjectId(row["id"]),
            kind=Kind(row["kind"]),
            exp=row["exp"],
            is_kept=bool(row["kept"]),
        )
        for row in rows
        if row["kind"] in _KINDS
    ]


# --- questions of readers ------------------------------------------------------------------------


async def load_raw(db: aiosqlite.Connection, object_id: bytes) -> bytes | None:
    """Give an envelope as it came.

    Raises:
        StorageError: E-DB-DAMAGED, naming the object.
    """
    row = await load_one(db, _SELECT_RAW, (object_id,))
    return None if row is None else _checked(row)


async def load_raws(db: aiosqlite.Connection, ids: Sequence[bytes]) -> dict[ObjectId, bytes]:
    """Give many envelopes; those unknown or damaged are not among them."""
    found: dict[ObjectId, bytes] = {}
    for start in range(0, len(ids), _IDS_PER_QUESTION):
        part = ids[start : start + _IDS_PER_QUESTION]
        marks = ",".join("?" * len(part))
        sql = f"SELECT id, raw, checksum FROM objects WHERE id IN ({marks})"  # noqa: S608 - marks
        for row in await load_every(db, sql, part):
            if _holds(row):
                found[ObjectId(row["id"])] = row["raw"]
    return found


async def load_row(db: aiosqlite.Connection, object_id: bytes) -> ObjectRow | None:
    """Describe an object.

    Raises:
        StorageError: E-DB-DAMAGED, naming the object.
    """
    row = await load_one(db, _SELECT_ROW, (object_id,))
    return None if row is None else _object_row(row)


async def load_newest_profile(db: aiosqlite.Connection, key: bytes) -> bytes | None:
    """Give the newest profile of a key.

    Raises:
        StorageError: E-DB-DAMAGED.
    """
    row = await load_one(db, _SELECT_PROFILE, (key,))
    return None if row is None else _checked(row)


async def load_thread(db: aiosqlite.Connection, root_id: bytes) -> list[ObjectRow]:
    """List a cast and everything in its threads, in the order it was stored."""
    return _readable_rows(await load_every(db, _SELECT_THREAD, (root_id,)))


async def load_recent_public(db: aiosqlite.Connection, *, rows: int) -> list[ObjectId]:
    """List public objects of others among the rows stored last, the oldest first."""
    sql = """
    SELECT id FROM objects WHERE seq > (SELECT max(seq) FROM objects) - ?
    AND to_key IS NULL AND own = 0 ORDER BY seq
    """
    return [ObjectId(row["id"]) for row in await load_every(db, sql, (rows,))]


async def load_live_index(db: aiosqlite.Connection, now_ms: int) -> list[LiveEntry]:
    """List the public objects that may be carried."""
    return _live_entries(await load_every(db, _SELECT_LIVE, (now_ms,)))


async def load_by_handle(
    db: aiosqlite.Connection, prefix: str, handle: str, *, limit: int = 10
) -> list[ObjectRow]:
    """List the objects a shortened id may mean, in order of id.

    Raises:
        LocalProtocolError: E-ID when the text is no part of an id.
    """
    low, high = handle_range(prefix, handle)
    rows = await load_every(db, _SELECT_BETWEEN, (low, high, limit))
    return [_object_row(row) for row in rows if matches_handle(prefix, row["id"], handle)]
