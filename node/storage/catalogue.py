"""The vendor's catalogue: one row per article, as its feed last had it.

Enters: items read from a feed, inside a transaction; questions from quoting. Leaves: items, in
pages, so that a catalogue of a million articles never stands in memory. An article that left its
feed is marked, not erased: a deal may still name it; the sweep erases it later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiosqlite
import msgspec

from node.errors import StorageError
from protocol.ids import blake2b_256
from protocol.now import DAY_MS

ITEMS_MAX: Final = 1_000_000
"""Articles on offer in one home."""
GONE_KEPT_MS: Final = 90 * DAY_MS
"""How long an article that left its feed is kept."""
IMPORTS_KEPT: Final = 1_000
"""Imports remembered."""
_VARIABLES_MAX: Final = 500
"""Values bound in one statement."""
_LOOKED_AT_MAX: Final = 50_000
"""Articles one search looks at: on a large catalogue it goes on where it stopped. Guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedFact:
    """What a feed says about one attribute, in the vocabulary's terms."""

    value: str | bool | list[str]
    """Decimal string, slug, text, flag, or several slugs."""
    unit: str | None = None
    """Unit code of a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One article on offer."""

    sku: str
    """The vendor's own number, 1-80 characters; names the article in this home."""
    source: str
    """Feed it comes from."""
    title: str
    """1-160 characters."""
    category: str
    """Path in the shipped tree."""
    cur: str
    """ISO 4217 code."""
    price_minor: int
    """Price of one `price_unit`, minor units, more than zero."""
    price_unit: str = "each"
    """Unit code: `each`, `DAY`, `KGM`, ..."""
    list_minor: int | None = None
    """Price before a sale, when one is on."""
    floor_minor: int | None = None
    """Never sold under this, minor units of one `price_unit`."""
    deposit_minor: int | None = None
    """Deposit per piece."""
    shipping_minor: int | None = None
    """Delivery of one piece, as the feed states it."""
    description: str = ""
    """Free words."""
    brand: str = ""
    """Maker's name."""
    gtin: str = ""
    """GS1 number, checked; empty when none."""
    mpn: str = ""
    """Maker's number."""
    condition: str = ""
    """As the feed has it."""
    link: str = ""
    """The article's page; shown, never fetched."""
    stock: int | None = None
    """Pieces at hand; None when the feed does not say."""
    available: bool = True
    """False when the feed says that it cannot be had now."""
    facts: dict[str, StatedFact] = field(default_factory=dict)
    """Attribute key -> fact."""

    def content(self) -> bytes:
        """Write it as JSON, always the same way."""
        return msgspec.json.encode(self, order="deterministic")


_ITEM = msgspec.json.Decoder(Item)
"""Made at import: msgspec prepares a type at its first use, which two threads must not share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemState:
    """What is kept of an article, enough to see whether a feed changed it."""

    hash: bytes
    """BLAKE2b-256 of its content."""
    gone: bool
    """True when it left its feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """What one import did."""

    source: str
    """Feed."""
    form: str
    """Format, for people."""
    at_ms: int
    """When, Unix ms."""
    added: int
    """New articles."""
    changed: int
    """Articles whose content changed."""
    unchanged: int
    """Articles that are as before."""
    removed: int
    """Articles that left the feed."""
    refused: int
    """Rows that could not be used."""


# --- writing, inside a transaction -----------------------------------------------------------


def put(conn: sqlite3.Connection, items: Iterable[Item], now_ms: int) -> None:
    """Add articles or replace what is kept under the same number."""
    rows = []
    for item in items:
        content = item.content()
        rows.append(
            (
                item.sku,
                item.source,
                item.category,
                item.title,
                item.cur,
                item.price_minor,
                item.price_unit,
                content.decode(),
                blake2b_256(content),
                now_ms,
            )
        )
    conn.executemany(
        "INSERT INTO items (sku, source, category, title, cur, price_minor, price_unit, content,"
        " hash, updated_ms) VALUES (?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (sku) DO UPDATE SET source = excluded.source, category = excluded.category,"
        " title = excluded.title, cur = excluded.cur, price_minor = excluded.price_minor,"
        " price_unit = excluded.price_unit, content = excluded.content, hash = excluded.hash,"
        " updated_ms = excluded.updated_ms, removed_ms = NULL",
        rows,
    )


def mark_gone(conn: sqlite3.Connection, skus: Sequence[str], now_ms: int) -> None:
    """Take articles off the shelf; they are kept for a while."""
    conn.executemany(
        "UPDATE items SET removed_ms = ? WHERE sku = ? AND removed_ms IS NULL",
        [(now_ms, sku) for sku in skus],
    )


def record_import(conn: sqlite3.Connection, row: ImportRow) -> None:
    """Remember what an import did, and forget what is too old to matter."""
    conn.execute(
        "INSERT INTO imports (source, form, at_ms, added, changed, unchanged, removed, refused)"
        " VALUES (?,?,?,?,?,?,?,?)",
        (
            row.source,
            row.form,
            row.at_ms,
            row.added,
            row.changed,
            row.unchanged,
            row.removed,
            row.refused,
        ),
    )
    conn.execute(
        "DELETE FROM imports WHERE id <= (SELECT max(id) FROM imports) - ?", (IMPORTS_KEPT,)
    )


def sweep(conn: sqlite3.Connection, now_ms: int) -> int:
    """Erase articles that left their feed long ago; gives how many."""
    return conn.execute(
        "DELETE FROM items WHERE removed_ms <= ?", (now_ms - GONE_KEPT_MS,)
    ).rowcount


# --- reading -----------------------------------------------------------------------------------


async def states(db: aiosqlite.Connection, skus: Sequence[str]) -> dict[str, ItemState]:
    """Look up what is kept of some articles; unknown ones are left out."""
    found: dict[str, ItemState] = {}
    for start in range(0, len(skus), _VARIABLES_MAX):
        part = skus[start : start + _VARIABLES_MAX]
        marks = ",".join("?" * len(part))
        rows = await db.execute_fetchall(
            f"SELECT sku, hash, removed_ms FROM items WHERE sku IN ({marks})",  # noqa: S608 - marks
            tuple(part),
        )
        found |= {sku: ItemState(hash=digest, gone=gone is not None) for sku, digest, gone in rows}
    return found


async def offered_skus(
    db: aiosqlite.Connection, source: str, after_id: int, limit: int
) -> list[tuple[int, str]]:
    """List (row id, number) of articles of one feed, in pages by row id."""
    rows = await db.execute_fetchall(
        "SELECT id, sku FROM items WHERE source = ? AND removed_ms IS NULL AND id > ?"
        " ORDER BY id LIMIT ?",
        (source, after_id, limit),
    )
    return [(int(number), str(sku)) for number, sku in rows]


async def offered_count(db: aiosqlite.Connection, source: str | None = None) -> int:
    """Count the articles on offer, of one feed or of all."""
    rows = await db.execute_fetchall(
        "SELECT count(*) FROM items WHERE removed_ms IS NULL AND (? IS NULL OR source = ?)",
        (source, source),
    )
    return int(next(iter(rows))[0])


async def page(
    db: aiosqlite.Connection, category: str, after: tuple[str, int], limit: int
) -> list[tuple[tuple[str, int], Item]]:
    """Read articles on offer at or below a category, in pages.

    Args:
        db: reading connection.
        category: path; empty reads everything.
        after: place of the last article of the page before; `("", 0)` at first.
        limit: most rows.

    Returns:
        (place, article) in the order of places.
    """
    # "0" is the character after "/": the range holds everything below the category.
    rows = await db.execute_fetchall(
        "SELECT category, id, content, hash FROM items WHERE removed_ms IS NULL"
        " AND (category, id) > (?1, ?2)"
        " AND (?3 = '' OR category = ?3 OR (category >= ?3 || '/' AND category < ?3 || '0'))"
        " ORDER BY category, id LIMIT ?4",
        (*max(after, (category, 0)), category, limit),
    )
    return [((str(path), int(number)), _item(raw, digest)) for path, number, raw, digest in rows]


async def search(
    db: aiosqlite.Connection, words: Sequence[str], after_id: int, limit: int
) -> tuple[list[Item], int | None]:
    """Find articles on offer whose title or number holds every word, as they were imported.

    Args:
        db: reading connection.
        words: none finds everything; small and capital letters are alike.
        after_id: where to go on; 0 at first.
        limit: most rows.

    Returns:
        The articles, and where to go on; None when all was looked at.
    """
    stop = await _row_id_after(db, after_id)
    matches = "".join(f" AND {_HAS_WORD}" for _ in words)
    sql = (
        "SELECT id, content, hash FROM items WHERE removed_ms IS NULL"  # noqa: S608 - marks alone
        f" AND id > ? AND id <= ?{matches} ORDER BY id LIMIT ?"
    )
    rows = await db.execute_fetchall(sql, (after_id, stop or _ID_MAX, *_patterns(words), limit + 1))
    found = list(rows)
    items = [_item(raw, digest) for _, raw, digest in found[:limit]]
    if len(found) > limit:
        return items, int(found[limit - 1][0])
    return items, stop


_ID_MAX: Final = 2**63 - 1
_HAS_WORD: Final = "(" + " OR ".join(["title LIKE ? ESCAPE '!' OR sku LIKE ? ESCAPE '!'"] * 3) + ")"


async def _row_id_after(db: aiosqlite.Connection, after_id: int) -> int | None:
    """Give the row one search ends at; None when the catalogue ends before it."""
    rows = await db.execute_fetchall(
        "SELECT id FROM items WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?",
        (after_id, _LOOKED_AT_MAX - 1),
    )
    return next((int(row[0]) for row in rows), None)


def _patterns(words: Sequence[str]) -> list[str]:
    """Write each word in the ways a title may: the database knows the two cases of ASCII only."""
    found = []
    for word in words:
        plain = "".join(f"!{c}" if c in "!%_" else c for c in word)
        for way in (plain.lower(), plain.upper(), plain.capitalize()):
            found += [f"%{way}%"] * 2
    return found


async def find(db: aiosqlite.Connection, sku: str) -> Item | None:
    """Read one article, on offer or gone."""
    rows = await db.execute_fetchall("SELECT content, hash FROM items WHERE sku = ?", (sku,))
    return next((_item(raw, digest) for raw, digest in rows), None)


async def find_offered(db: aiosqlite.Connection, sku: str) -> Item | None:
    """Read one article if it has not left its feed."""
    rows = await db.execute_fetchall(
        "SELECT content, hash FROM items WHERE sku = ? AND removed_ms IS NULL", (sku,)
    )
    return next((_item(raw, digest) for raw, digest in rows), None)


async def categories(db: aiosqlite.Connection) -> dict[str, int]:
    """Count the articles on offer by category."""
    rows = await db.execute_fetchall(
        "SELECT category, count(*) FROM items WHERE removed_ms IS NULL GROUP BY category"
    )
    return {str(path): int(count) for path, count in rows}


async def imports(db: aiosqlite.Connection, limit: int) -> list[ImportRow]:
    """List the latest imports, newest first."""
    rows = await db.execute_fetchall(
        "SELECT source, form, at_ms, added, changed, unchanged, removed, refused FROM imports"
        " ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    names = ("source", "form", "at_ms", "added", "changed", "unchanged", "removed", "refused")
    return [ImportRow(**dict(zip(names, row, strict=True))) for row in rows]


def _item(raw: Any, digest: bytes) -> Item:
    content = str(raw).encode()
    if blake2b_256(content) != digest:
        raise StorageError(
            "an article of the catalogue is damaged: its hash differs",
            code="E-DB-DAMAGED",
            fix="Import the feed again",
        )
    return _ITEM.decode(content)
