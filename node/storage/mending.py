"""Puts right what a scrub found, as far as anybody can.

Enters: the report of a scrub, or a closed home. Leaves: the report again, each damage marked as
mended or with the step a person must take. What others hold is asked of them: carried objects are
dropped so that the network brings them back, our own are noted as wanted. Never: a guess at what a
damaged row once said.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from node.clock import Clock
from node.errors import StorageError
from node.storage import faults, objects, references, wanted
from node.storage.columns import every, one
from node.storage.database import Storage
from node.storage.examination import Trouble, examine
from node.storage.exchange import finish
from node.storage.guard import refusal
from node.storage.outbox import OutgoingState
from node.storage.salvage import recount, salvage
from node.storage.scrub import (
    Damage,
    DamageKind,
    Progress,
    ScrubReport,
    file_damage,
    letter_holds,
)
from node.storage.wanted import Wanted
from protocol import limits
from protocol.errors import RemoteProtocolError
from protocol.objects.envelope import Verified, check_work, open_stored, read_candidate
from protocol.objects.header import Kind

_KINDS = frozenset(kind.value for kind in Kind)
_INDEX_WORDS = ("index", "non-unique entry")
"""How SQLite begins or goes on when only an index is wrong."""
_OF_THE_FILE = frozenset({"E-DB-DAMAGED", "E-STORAGE"})
"""Codes that say something of the file, and nothing of the disk or of what else goes on."""


async def mend(storage: Storage, found: ScrubReport, now_ms: int) -> ScrubReport:
    """Mend an open home after a scrub.

    Args:
        storage: the home's database.
        found: what the scrub said.
        now_ms: wall clock, Unix ms.

    Returns:
        The same damages, each with what became of it.
    """
    if any(each.what is DamageKind.FILE for each in found.damages):
        # First of all: rows are found, and changed, by their indexes.
        found = await _reindexed(storage, found)
    if any(each.what is DamageKind.FILE and not each.mended for each in found.damages):
        # The tables themselves are broken: what is written into them now may break more.
        left = [each if each.mended else replace(each, fix=_backup(each)) for each in found.damages]
        return replace(found, damages=tuple(left))
    if found.clean:
        return found
    mended = await storage.write(lambda conn: _mend_rows(conn, found.damages, now_ms))
    return replace(found, damages=tuple(mended))


def _backup(damage: Damage) -> str:
    return faults.RESTORE_FIX if damage.fix == faults.SCRUB_FIX else damage.fix


async def scrub_closed(
    path: Path, *, clock: Clock, progress: Progress | None = None
) -> ScrubReport:
    """Scrub the database of a home whose node is down, and mend what can be mended.

    The home must be locked (`HomeLock`) by the caller. A file whose pages are damaged is made anew
    from what proves itself, and kept as `<name>.damaged.db`. What cannot be mended is in the report
    with the next step; then the file stays as it is, and no node starts on it.

    Args:
        path: the database.
        clock: of the database, and for the moment of finding.
        progress: told now and then what is being looked at.

    Returns:
        `{checked, pages, damages: [{what, id, sentence, fix, mended}]}`; `as_json` writes it.

    Raises:
        StorageError: E-DISK-FULL, E-DB-WRITE, E-DB-BUSY, E-DB-NEWER: it could not be looked at.
    """
    try:
        before, is_whole = await asyncio.to_thread(_examined, path, clock.now().wall_ms)
    except faults.FILE_ERRORS as error:
        raise faults.storage_error(error, path) from error
    if not is_whole:
        return ScrubReport(damages=tuple(before))
    try:
        storage = await Storage.open(path, clock=clock)
    except StorageError as error:
        if error.code != "E-DB-DAMAGED":
            raise
        return ScrubReport(damages=(*before, file_damage(error)))
    try:
        found = await mend(storage, await storage.scrub(progress), clock.now().wall_ms)
    finally:
        await storage.close()
    told = {each.id for each in before if _is_object(each)}
    # An object whose row is lost is missing, too: once is enough.
    fresh = tuple(each for each in found.damages if not (each.id in told and _is_object(each)))
    return replace(found, damages=fresh).with_damages(*before)


def _is_object(damage: Damage) -> bool:
    return damage.what is DamageKind.OBJECT


def _examined(path: Path, now_ms: int) -> tuple[list[Damage], bool]:
    """Examine the closed file and salvage it; give what was wrong, and whether it can be opened."""
    finish(path)
    found = examine(path)
    if found.trouble is None:
        return [], True
    if found.trouble is not Trouble.PAGES:
        return [file_damage(refusal(path, found))], False
    result = salvage(path, found, now_ms)
    return result.damages, result.is_made


# --- row by row ----------------------------------------------------------------------------------


def _mend_rows(conn: sqlite3.Connection, found: Sequence[Damage], now_ms: int) -> list[Damage]:
    deal_of = references.deals_by_object(conn)
    result = [_mend_one(conn, each, deal_of, now_ms) for each in found]
    if any(_is_counted(each) for each in found):
        recount(conn)
        result = [replace(each, mended=True) if _is_counted(each) else each for each in result]
    return result


def _is_counted(damage: Damage) -> bool:
    """Tell whether a damage is of a counter, or of a row whose owner is gone."""
    return damage.what is DamageKind.ROW and not damage.id


def _mend_one(
    conn: sqlite3.Connection, damage: Damage, deal_of: dict[bytes, bytes], now_ms: int
) -> Damage:
    match damage.what:
        case DamageKind.OBJECT:
            return _mend_object(conn, damage, deal_of, now_ms)
        case DamageKind.LETTER:
            return _mend_letter(conn, damage, now_ms)
        case DamageKind.ARTICLE:
            # Gone rather than wrong: the feed brings it back.
            conn.execute("DELETE FROM items WHERE sku = ?", (damage.id.decode(),))
            return damage
        case DamageKind.ROW if damage.id:
            return _mend_deal(conn, damage, now_ms)
        case _:
            return damage


async def _reindexed(storage: Storage, found: ScrubReport) -> ScrubReport:
    """Make all indexes anew when that is all that is wrong with the file, and look again."""
    said = [each for each in found.damages if each.what is DamageKind.FILE]
    if not all(any(word in each.sentence for word in _INDEX_WORDS) for each in said):
        return found
    try:
        is_mended = await storage.write(_reindex)
    except StorageError as error:
        if error.code not in _OF_THE_FILE:
            raise
        # Two rows of one name, for instance: the index is not all that is wrong.
        is_mended = False
    if not is_mended:
        return found
    # What was looked up by a broken index may be there after all.
    again = await storage.scrub()
    return again.with_damages(*(replace(each, mended=True) for each in said))


def _reindex(conn: sqlite3.Connection) -> bool:
    conn.execute("REINDEX")
    return [row[0] for row in every(conn, "PRAGMA integrity_check(1)")] == ["ok"]


def _mend_object(
    conn: sqlite3.Connection, damage: Damage, deal_of: dict[bytes, bytes], now_ms: int
) -> Damage:
    sql = "SELECT own, pinned, kind, to_key, thread, raw FROM objects WHERE id = ?"
    row = one(conn, sql, (damage.id,))
    if row is None:
        return _mend_missing(conn, damage, deal_of, now_ms)
    if (verified := _proven(row["raw"])) is not None and objects.rewrite(conn, damage.id, verified):
        # The bytes are right; only what stands beside them was not.
        return replace(damage, mended=True)
    is_needed = damage.id in deal_of or references.is_named(conn, damage.id)
    if not (row["own"] or row["pinned"] or is_needed):
        conn.execute("DELETE FROM objects WHERE id = ?", (damage.id,))
        return replace(damage, mended=True, fix="The network brings it again")
    holder = references.holder_of(
        conn, damage.id, deal_of, thread=row["thread"], is_public=row["to_key"] is None
    )
    if holder is None:
        return replace(damage, fix=faults.RESTORE_FIX)
    wanted.want(conn, Wanted(id=damage.id, deal_id=holder.of, found_ms=now_ms))
    if row["kind"] not in _KINDS:
        # Nothing of the row can be read; it would only stand in the way of the good copy.
        conn.execute("DELETE FROM objects WHERE id = ?", (damage.id,))
    return replace(damage, mended=True, fix=holder.words)


def _mend_missing(
    conn: sqlite3.Connection, damage: Damage, deal_of: dict[bytes, bytes], now_ms: int
) -> Damage:
    """Ask for an object that is not here, if anything here speaks of it."""
    if damage.id not in deal_of and not references.is_named(conn, damage.id):
        # It went by itself, since the look: it was only carried.
        return replace(damage, mended=True)
    is_public = _is_public_name(conn, damage.id)
    holder = references.holder_of(conn, damage.id, deal_of, thread=None, is_public=is_public)
    if holder is None:
        return replace(damage, fix=faults.RESTORE_FIX)
    wanted.want(conn, Wanted(id=damage.id, deal_id=holder.of, found_ms=now_ms))
    return replace(damage, mended=True, fix=holder.words)


def _is_public_name(conn: sqlite3.Connection, object_id: bytes) -> bool:
    """Tell whether what is missing is a request of ours: any node may have it."""
    sql = "SELECT 1 FROM casts WHERE ? IN (cast_id, root_id)"
    return one(conn, sql, (object_id,)) is not None


def _proven(raw: bytes) -> Verified[Any] | None:
    """Open an envelope by its own signature and work, whatever its row says."""
    try:
        verified: Verified[Any] = open_stored(raw, net=references.net_of(raw))
        if verified.header.to is None:
            candidate = read_candidate(raw, peer=None, bytes_max=limits.sealed_bytes_max)
            check_work(candidate, verified.header)
    except RemoteProtocolError:
        return None
    return verified


def _mend_deal(conn: sqlite3.Connection, damage: Damage, now_ms: int) -> Damage:
    """Ask again for what a deal names and this home has not; a wrong row nobody can put right."""
    row = one(conn, "SELECT * FROM deals WHERE deal_id = ?", (damage.id,))
    if row is None:
        return replace(damage, fix=faults.RESTORE_FIX)
    named = [row[name] for name in ("offer_id", "deal_id", "confirmed_id", "agreed_id")]
    if offer := one(conn, "SELECT raw FROM objects WHERE id = ?", (row["offer_id"],)):
        named += references.named_by_offer(offer["raw"])
    missing = [
        each
        for each in named
        if each and not one(conn, "SELECT 1 FROM objects WHERE id = ?", (each,))
    ]
    for each in missing:
        wanted.want(conn, Wanted(id=each, deal_id=damage.id, found_ms=now_ms))
    if missing or wanted.of_deal(conn, damage.id):
        return replace(damage, mended=True, fix="It is asked again of the other party")
    return replace(damage, fix=faults.RESTORE_FIX)


def _mend_letter(conn: sqlite3.Connection, damage: Damage, now_ms: int) -> Damage:
    """Let go what is rotten of a letter now; a whole copy of it that lies elsewhere stays."""
    fix = damage.fix
    sql = "SELECT seq, letter, letter_hash FROM served_letters WHERE letter_hash = ?"
    for row in every(conn, sql, (damage.id,)):
        if not letter_holds(row):
            conn.execute("DELETE FROM served_letters WHERE seq = ?", (row["seq"],))
            fix = "Its sender puts it again"
    sql = "SELECT id, envelope_id, state, letter, letter_hash FROM outbox WHERE letter_hash = ?"
    for row in every(conn, sql, (damage.id,)):
        if letter_holds(row):
            continue
        if row["state"] == OutgoingState.PENDING.value:
            wanted.want(conn, Wanted(id=row["envelope_id"], deal_id=None, found_ms=now_ms))
            fix = "It is sealed again when the node runs"
        else:
            # It has ended: how, its owner may still ask; its bytes nobody needs any more.
            conn.execute("UPDATE outbox SET letter = x'' WHERE id = ?", (row["id"],))
    return replace(damage, mended=True, fix=fix)
