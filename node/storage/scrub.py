"""Silent damage, looked for on purpose: does every stored byte still say what was written?

SQLite's own check notices a broken tree but not a changed value: of 1,000 random overwrites it saw
433 and missed 546 that changed stored bytes. So everything that proves itself is asked to: objects
by checksum, id and signed text, letters and articles by hash, deals by the objects they speak of,
counters by counting; and what a request, thread, offer or letter speaks of has to be here. The
pages are compared with their sums by `Storage.scrub`. Enters: a reading connection. Leaves: a
report, each damage with its name and the next step. Nothing is changed here.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

import aiosqlite

from node.errors import StorageError
from node.storage import deals, faults, references
from node.storage.columns import load_every
from node.storage.objects import checksum, load_raws
from protocol import limits
from protocol.encoding import decode
from protocol.errors import ObjectError, Reason, RemoteProtocolError
from protocol.ids import LetterHash, ObjectId, blake2b_256, to_text
from protocol.objects.agreement import Agreement, check_agreement
from protocol.objects.envelope import Verified, open_stored, read_candidate, read_header_of
from protocol.objects.header import Header, Kind
from protocol.objects.revoke import Revoke

Progress: TypeAlias = Callable[[str, int], None]
"""Told now and then: what is being looked at, and how many were looked at."""

_ROWS_PER_QUESTION = 200
_FAULTS_SHOWN = 20
_SIGNED_HASH_BYTES = 16


class DamageKind(StrEnum):
    """What is damaged."""

    OBJECT = "object"
    LETTER = "letter"
    ARTICLE = "article"
    ROW = "row"
    PAGE = "page"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One thing that is not what was written."""

    what: DamageKind
    """Its kind."""
    id: bytes = b""
    """Its id or hash, where it has one."""
    sentence: str
    """What is wrong, naming it."""
    fix: str
    """What to do."""
    mended: bool = False
    """Whether it was put right, or what can put it right has been asked for."""

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.sentence}; mended" if self.mended else self.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubReport:
    """What was looked at, and what is not as it was written."""

    checked: int = 0
    """Objects, letters and articles that were held against their hashes."""
    pages: int = 0
    """Pages that were compared with their sums."""
    damages: tuple[Damage, ...] = ()
    """All that is wrong."""

    @property
    def clean(self) -> bool:
        """Whether all is as it was written."""
        return not self.damages

    @property
    def is_mended(self) -> bool:
        """Whether nothing is left for a person to do."""
        return all(each.mended for each in self.damages)

    @property
    def objects(self) -> tuple[ObjectId, ...]:
        """Damaged objects."""
        return tuple(ObjectId(each.id) for each in self._of(DamageKind.OBJECT))

    @property
    def letters(self) -> tuple[LetterHash, ...]:
        """Damaged letters, of the outbox or of a served box."""
        return tuple(LetterHash(each.id) for each in self._of(DamageKind.LETTER))

    @property
    def file(self) -> tuple[str, ...]:
        """What is wrong with the file as such, in sentences."""
        return tuple(
            each.sentence for kind in (DamageKind.FILE, DamageKind.PAGE) for each in self._of(kind)
        )

    def _of(self, kind: DamageKind) -> Iterator[Damage]:
        return (each for each in self.damages if each.what is kind)

    def with_damages(self, *more: Damage, pages: int = 0) -> ScrubReport:
        """Add to it."""
        return replace(self, pages=self.pages + pages, damages=(*self.damages, *more))

    def as_json(self) -> dict[str, Any]:
        """Write it for faces."""
        return {
            "checked": self.checked,
            "pages": self.pages,
            "damaged": [
                {
                    "what": each.what.value,
                    "id": each.id.hex(),
                    "sentence": each.sentence,
                    "fix": each.fix,
                    "mended": each.mended,
                }
                for each in self.damages
            ],
        }


# --- what proves itself --------------------------------------------------------------------------


def object_holds(row: sqlite3.Row) -> bool:
    """Hold a row of `objects` against its checksum, its id and its own signed text."""
    if checksum(row["id"], row["raw"]) != row["checksum"]:
        return False
    try:
        found = read_candidate(row["raw"], peer=None, bytes_max=limits.sealed_bytes_max)
        tree = decode(found.signed, bytes_max=limits.sealed_bytes_max)
        net = tree[1] if type(tree) is list and len(tree) > 1 and type(tree[1]) is str else ""
        header = read_header_of(found, net=net)
        revokes = open_stored(row["raw"], net=net).body if header.kind is Kind.REVOKE else None
    except RemoteProtocolError:
        return False
    digest = hashlib.blake2b(found.signed, digest_size=_SIGNED_HASH_BYTES).digest()
    target = revokes.target if isinstance(revokes, Revoke) else None
    return bool(
        found.id == row["id"]
        and digest == row["signed_hash"]
        and _header_fits(row, header)
        and target == row["revokes"]
    )


def _header_fits(row: sqlite3.Row, header: Header) -> bool:
    kept = (row["kind"], row["key"], row["to_key"], row["thread"], row["at"], row["exp"])
    return bool(
        kept == (header.kind.value, header.key, header.to, header.thread, header.at, header.exp)
    )


def letter_holds(row: sqlite3.Row) -> bool:
    """Hold a letter against its hash."""
    return bool(blake2b_256(row["letter"]) == row["letter_hash"])


def article_holds(row: sqlite3.Row) -> bool:
    """Hold an article against its hash."""
    return bool(blake2b_256(str(row["content"]).encode()) == row["hash"])


def file_damage(error: StorageError) -> Damage:
    """Say of the file as such what an error said."""
    return Damage(what=DamageKind.FILE, sentence=error.sentence, fix=error.fix)


def object_damage(object_id: bytes) -> Damage:
    """Say that an object is damaged."""
    return Damage(
        what=DamageKind.OBJECT,
        id=object_id,
        sentence=f"object {to_text('ic', object_id)} is damaged",
        fix=faults.SCRUB_FIX,
    )


def object_lost(object_id: bytes, *, fix: str = faults.SCRUB_FIX, mended: bool = False) -> Damage:
    """Say that an object that was here is gone."""
    return Damage(
        what=DamageKind.OBJECT,
        id=object_id,
        sentence=f"object {to_text('ic', object_id)} is lost",
        fix=fix,
        mended=mended,
    )


def letter_damage(letter_hash: bytes) -> Damage:
    """Say that a letter is damaged."""
    return Damage(
        what=DamageKind.LETTER,
        id=letter_hash,
        sentence=f"letter {letter_hash.hex()[:16]} is damaged",
        fix=faults.SCRUB_FIX,
    )


def _article_damage(sku: str) -> Damage:
    return Damage(
        what=DamageKind.ARTICLE,
        id=sku.encode(),
        sentence=f"article {sku[:80]} of the catalogue is damaged",
        fix="Import the feed again: intentcast vendor import",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scan:
    """A table whose rows prove themselves."""

    name: str
    sql: str
    column: str
    holds: Callable[[sqlite3.Row], bool]
    damage: Callable[[Any], Damage]


_SCANS = (
    _Scan(
        name="objects",
        sql="SELECT seq AS place, * FROM objects WHERE seq > ? ORDER BY seq LIMIT ?",
        column="id",
        holds=object_holds,
        damage=object_damage,
    ),
    _Scan(
        name="letters to send",
        # One that has ended may have been emptied: nobody needs its bytes any more.
        sql="""
        SELECT id AS place, letter, letter_hash FROM outbox
        WHERE id > ? AND (state = 'pending' OR length(letter) > 0) ORDER BY id LIMIT ?
        """,
        column="letter_hash",
        holds=letter_holds,
        damage=letter_damage,
    ),
    _Scan(
        name="letters for others",
        sql="SELECT seq AS place, * FROM served_letters WHERE seq > ? ORDER BY seq LIMIT ?",
        column="letter_hash",
        holds=letter_holds,
        damage=letter_damage,
    ),
    _Scan(
        name="articles",
        sql="SELECT id AS place, sku, content, hash FROM items WHERE id > ? ORDER BY id LIMIT ?",
        column="sku",
        holds=article_holds,
        damage=_article_damage,
    ),
)


async def _scan(
    db: aiosqlite.Connection, scan: _Scan, progress: Progress | None
) -> tuple[int, list[Damage]]:
    """Go through a table in pages; give how many rows there were and what is damaged."""
    count, last = 0, -(1 << 63)
    found: list[Damage] = []
    while rows := await load_every(db, scan.sql, (last, _ROWS_PER_QUESTION)):
        count += len(rows)
        last = rows[-1]["place"]
        found += [scan.damage(row[scan.column]) for row in rows if not scan.holds(row)]
        if progress is not None:
            progress(scan.name, count)
    return count, found


# --- rows that speak of others -------------------------------------------------------------------

COUNTED = {
    "outbox": "sum(length(letter))",
    "served_boxes": "0",
    "served_letters": "sum(length(letter))",
    "served_receipts": "sum(length(receipt))",
}
"""Tables whose rows and bytes triggers count in `sizes`, and how their bytes are counted anew."""
_ANEW = " UNION ALL ".join(
    f"SELECT '{name}' AS name, count(*) AS n, coalesce({size}, 0) AS b FROM {name}"  # noqa: S608
    for name, size in COUNTED.items()
)
_COUNTERS = (
    "SELECT s.name, s.rows, c.n FROM sizes AS s "  # noqa: S608 - names of our own schema
    f"JOIN ({_ANEW}) AS c ON c.name = s.name WHERE s.rows <> c.n OR s.bytes <> c.b"
)
_DEALS = "SELECT deal_id FROM deals WHERE seq > 0 ORDER BY seq LIMIT ? OFFSET ?"


async def _counters(db: aiosqlite.Connection) -> list[Damage]:
    return [
        Damage(
            what=DamageKind.ROW,
            sentence=f"the counter of table {row['name']} says {row['rows']}, not {row['n']}",
            fix=faults.SCRUB_FIX,
        )
        for row in await load_every(db, _COUNTERS)
    ]


async def _missing(db: aiosqlite.Connection) -> list[Damage]:
    return [
        replace(
            object_lost(each.id),
            sentence=f"object {to_text('ic', each.id)}, of which {each.speaker} speaks, is missing",
        )
        for each in await references.load_missing(db)
    ]


async def _references(db: aiosqlite.Connection) -> list[Damage]:
    rows = await load_every(db, "PRAGMA foreign_key_check")
    return [
        Damage(
            what=DamageKind.ROW,
            sentence=f"row {row[1]} of table {row[0]} belongs to a row of {row[2]} that is gone",
            fix=faults.SCRUB_FIX,
        )
        for row in rows[:_FAULTS_SHOWN]
    ]


def _open_any(raw: bytes | None) -> Verified[Any]:
    """Open a kept object of whatever network.

    Raises:
        RemoteProtocolError: it is not here, or does not hold.
    """
    if raw is None:
        raise ObjectError(Reason.NOT_FOUND, "is not here")
    candidate = read_candidate(raw, peer=None, bytes_max=limits.sealed_bytes_max)
    tree = decode(candidate.signed, bytes_max=limits.sealed_bytes_max)
    return open_stored(raw, net=str(tree[1]))


async def _deal_fits(db: aiosqlite.Connection, row: deals.Deal) -> str:
    """Say what does not fit in a deal; empty when all does."""
    found = await load_raws(db, [row.offer_id, row.deal_id])
    try:
        offer = _open_any(found.get(ObjectId(row.offer_id)))
        acceptance = _open_any(found.get(ObjectId(row.deal_id)))
        if acceptance.body.offer != offer.id or acceptance.body.confirm_by != row.confirm_by:
            return "is not what its acceptance says"
        if row.confirmed_id is None:
            return ""
        ids = [offer.body.cast, offer.body.profile, row.confirmed_id, row.agreed_id or b""]
        rest = await load_raws(db, ids)
        agreed = rest.get(ObjectId(row.agreed_id)) if row.agreed_id else None
        check_agreement(
            Agreement(
                net=offer.header.net,
                cast=_open_any(rest.get(ObjectId(offer.body.cast))),
                profile=_open_any(rest.get(ObjectId(offer.body.profile))),
                offer=offer,
                acceptance=acceptance,
                confirmed=_open_any(rest.get(ObjectId(row.confirmed_id))),
                agreed=_open_any(agreed) if row.agreed_id else None,
            )
        )
    except RemoteProtocolError as error:
        return f"cannot be put together from its objects: {error.sentence}"
    except AttributeError:
        return "names an object of another kind"
    return ""


async def _deals(db: aiosqlite.Connection, progress: Progress | None) -> list[Damage]:
    found: list[Damage] = []
    seen = 0
    while rows := await load_every(db, _DEALS, (_ROWS_PER_QUESTION, seen)):
        for row in rows:
            deal_id = row["deal_id"]
            wrong = await _one_deal(db, deal_id)
            if wrong:
                found.append(
                    Damage(
                        what=DamageKind.ROW,
                        id=deal_id,
                        sentence=f"deal {to_text('deal', deal_id)} {wrong}",
                        fix=faults.SCRUB_FIX,
                    )
                )
        seen += len(rows)
        if progress is not None:
            progress("deals", seen)
    return found


async def _one_deal(db: aiosqlite.Connection, deal_id: bytes) -> str:
    try:
        deal = await deals.load_deal(db, deal_id)
    except (StorageError, ValueError) as error:
        return f"cannot be read: {error}"
    return await _deal_fits(db, deal) if deal is not None else "is not found by its id"


async def scrub(db: aiosqlite.Connection, progress: Progress | None = None) -> ScrubReport:
    """Ask everything in the file to prove itself; takes a while on a large home.

    Args:
        db: a reading connection.
        progress: told now and then.
    """
    if progress is not None:
        progress("the file", 0)
    said = await load_every(db, f"PRAGMA integrity_check({_FAULTS_SHOWN})")
    found = [
        Damage(what=DamageKind.FILE, sentence=str(row[0]), fix=faults.SCRUB_FIX)
        for row in said
        if row[0] != "ok"
    ]
    checked = 0
    for scan in _SCANS:
        count, damaged = await _scan(db, scan, progress)
        checked += count
        found += damaged
    found += [*await _references(db), *await _counters(db), *await _deals(db, progress)]
    found += await _missing(db)
    return ScrubReport(checked=checked, damages=tuple(found))
