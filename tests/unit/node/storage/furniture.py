"""Rows to damage: objects with pages of their own, an article, a letter, somebody's box."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from node.storage import audit, catalogue, mailbox, objects
from node.storage.database import Storage
from node.storage.examination import examine
from node.storage.trees import Place, Trees
from protocol.ids import LetterHash, NodeId, blake2b_256
from tests.parties import NOW_MS, make_cast

PAGE = 4_096
LONG = b"L" * 9_000
"""A letter with pages of its own."""


def furnish(conn: sqlite3.Connection) -> None:
    """Fill some tables."""
    for n in range(40):
        objects.insert(conn, make_cast(title=f"cast {n}"), own=n % 2 == 0, now_ms=NOW_MS)
        audit.append(conn, at=n, what="furnished", detail={"words": "w" * 300})
    mailbox.open_box(conn, b"r" * 32, NOW_MS, 1)
    mailbox.put_letter(
        conn,
        reader=b"r" * 32,
        letter_hash=LetterHash(blake2b_256(LONG)),
        letter=LONG,
        depositor=NodeId(b"d" * 32),
        bits=8,
        now_ms=1,
    )
    item = catalogue.Item(sku="S-1", source="f", title="t", category="c", cur="USD", price_minor=1)
    catalogue.put(conn, [item], NOW_MS)


async def furnished(path: Path, clock) -> Path:
    """Fill a home and close it."""
    storage = await Storage.open(path, clock=clock)
    await storage.write(furnish)
    await storage.close()
    return path


def places(path: Path, damaged: tuple[int, ...] = ()) -> dict[int, Place]:
    """Map the pages of a closed home."""
    mark = examine(path).mark
    assert mark is not None
    return Trees(path, mark.page_bytes, None, damaged).places()


def page_with(path: Path, table: str, *, index: bool = False) -> int:
    """Give the last leaf of a table, or a page of one of its indexes."""
    found = [n for n, at in places(path).items() if at.table == table and bool(at.index) == index]
    return max(found)


def spoil(path: Path, page: int, at: int = 3_000, count: int = 200) -> None:
    """Overwrite part of a page."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE + at)
        file.write(bytes(range(200))[:count])
