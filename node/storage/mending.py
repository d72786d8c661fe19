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
from node.storage import faults, objects, wanted
from node.storage.columns import every, one
from node.storage.database import Storage
from node.storage.examination import Trouble, examine
from node.storage.exchange import finish
from node.storage.guard import refusal
from node.storage.salvage import recount, salvage
from node.storage.scrub import (
    Damage,
    DamageKind,
    Progress,
    ScrubReport,
    file_damage,
)
from node.storage.wanted import Wanted
from protocol import limits
from protocol.encoding import decode
from protocol.errors import RemoteProtocolError
from protocol.objects.envelope import Verified, check_work, open_stored, read_candidate
from protocol.objects.offer import Offer

_INDEX_WORDS = ("index", "non-unique entry")
"""How SQLite begins or goes on when only an index is wrong."""


async def mend(storage: Storage, found: ScrubReport, now_ms: int) -> ScrubReport:
    """Mend an open home after a scrub.

    Args:
        storage: the home's database.
        found: what the scrub said.
        now_ms: wall clock, Unix ms.

    Returns:
        The same damages, each with what became of it.
    """
    if found.clean:
        return found
    mended = await storage.write(lambda conn: _mend_rows(conn, found.damages, now_ms))
    return replace(found, damages=tuple(mended))


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
        before, is_whole = await asyncio.to_thread(_examined, path)
    except (OSError, sqlite3.Error) as error:
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
    return found.with_damages(*before)


def _examined(path: Path) -> tuple[list[Damage], bool]:
    """Examine the closed file and salvage it; give what was wrong, and whether it can be opened."""
    finish(path)
    found = examine(path)
    if found.trouble is None:
        return [], True
    if found.trouble is not Trouble.PAGES:
        return [file_damage(refusal(path, found))], False
    result = salvage(path, found)
    return result.damages, result.is_made


# --- row by row ----------------------------------------------------------------------------------


def _mend_rows(conn: sqlite3.Connection, found: Sequence[Damage], now_ms: int) -> list[Damage]:
    deal_of = _deals_by_object(conn)
    result = [_mend_one(conn, each, deal_of, now_ms) for each in found]
    if any(each.what is DamageKind.FILE for each in found):
        result = _reindexed(conn, result)
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


def _reindexed(conn: sqlite3.Connection, damages: list[Damage]) -> list[Damage]:
    """Make all indexes anew when that is all that is wrong with the file."""
    said = [each.sentence for each in damages if each.what is DamageKind.FILE]
    if not all(any(word in sentence for word in _INDEX_WORDS) for sentence in said):
        return damages
    conn.execute("REINDEX")
    left = [row[0] for row in every(conn, "PRAGMA integrity_check(1)")]
    is_mended = left == ["ok"]
    return [
        replace(each, mended=is_mended) if each.what is DamageKind.FILE else each
        for each in damages
    ]


def _deals_by_object(conn: sqlite3.Connection) -> dict[bytes, bytes]:
    """Map every object a deal of ours needs to that deal."""
    found: dict[bytes, bytes] = {}
    for row in every(conn, "SELECT deal_id, offer_id, confirmed_id, agreed_id FROM deals"):
        deal_id = row["deal_id"]
        named = [row["offer_id"], deal_id, row["confirmed_id"], row["agreed_id"]]
        if offer := one(conn, "SELECT raw FROM objects WHERE id = ?", (row["offer_id"],)):
            named += _named_by_offer(offer["raw"])
        found |= {each: deal_id for each in named if each is not None}
    return found


def _named_by_offer(raw: bytes) -> list[bytes]:
    try:
        body: Any = open_stored(raw, net=_net_of(raw)).body
    except RemoteProtocolError:
        return []
    return [body.cast, body.profile] if isinstance(body, Offer) else []


def _net_of(raw: bytes) -> str:
    signed = read_candidate(raw, peer=None, bytes_max=limits.sealed_bytes_max).signed
    tree = decode(signed, bytes_max=limits.sealed_bytes_max)
    return str(tree[1]) if type(tree) is list and len(tree) > 1 else ""


def _mend_object(
    conn: sqlite3.Connection, damage: Damage, deal_of: dict[bytes, bytes], now_ms: int
) -> Damage:
    row = one(conn, "SELECT own, pinned, to_key, raw FROM objects WHERE id = ?", (damage.id,))
    if row is None:
        return replace(damage, mended=True)
    if (verified := _proven(row["raw"])) is not None and objects.rewrite(conn, damage.id, verified):
        # The bytes are right; only what stands beside them was not.
        return replace(damage, mended=True)
    deal_id = deal_of.get(damage.id)
    is_carried = not row["own"] and not row["pinned"] and deal_id is None
    if is_carried:
        conn.execute("DELETE FROM objects WHERE id = ?", (damage.id,))
        return replace(damage, mended=True, fix="The network brings it again")
    wanted.want(conn, Wanted(id=damage.id, deal_id=deal_id, found_ms=now_ms))
    if deal_id is not None:
        return replace(damage, mended=True, fix="It is asked again of the other party of its deal")
    if row["to_key"] is None:
        return replace(damage, mended=True, fix="It is asked again of other nodes")
    return replace(damage, fix=faults.RESTORE_FIX)


def _proven(raw: bytes) -> Verified[Any] | None:
    """Open an envelope by its own signature and work, whatever its row says."""
    try:
        verified: Verified[Any] = open_stored(raw, net=_net_of(raw))
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
        named += _named_by_offer(offer["raw"])
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
    conn.execute("DELETE FROM served_letters WHERE letter_hash = ?", (damage.id,))
    row = one(conn, "SELECT envelope_id, state FROM outbox WHERE letter_hash = ?", (damage.id,))
    if row is None:
        return replace(damage, mended=True, fix="Its sender puts it again")
    if row["state"] != "pending":
        # It has ended: nobody needs its bytes any more.
        conn.execute("DELETE FROM outbox WHERE letter_hash = ?", (damage.id,))
        return replace(damage, mended=True)
    wanted.want(conn, Wanted(id=row["envelope_id"], deal_id=None, found_ms=now_ms))
    return replace(damage, mended=True, fix="It is sealed again when the node runs")
