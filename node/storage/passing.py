"""The public objects a home carries, read page by page in the order they came.

Enters: the number of the last row read. Leaves: envelopes as they came, their checksum held against
them. A damaged row is left out: it cannot be carried, and must not stop a node from starting.
"""

from __future__ import annotations

from dataclasses import dataclass

import aiosqlite

from node.storage.columns import load_every
from node.storage.objects import checksum

_SELECT_PAGE = """
SELECT seq, id, raw, checksum, own OR pinned AS kept FROM objects
WHERE seq > ? AND to_key IS NULL AND replaced_by IS NULL AND exp > ? ORDER BY seq LIMIT ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A stretch of the table."""

    raws: list[tuple[bytes, bool]]
    """Envelopes, and whether each is this home's own or pinned."""
    last: int
    """Number of the last row looked at; the next page begins behind it."""
    more: bool
    """Whether there may be more."""


async def load_page(db: aiosqlite.Connection, *, after: int, now_ms: int, limit: int) -> Page:
    """Read some live public objects.

    Args:
        db: a reader.
        after: number of the last row of the page before; 0 for the first page.
        now_ms: what has expired by then is left out.
        limit: most rows.
    """
    rows = await load_every(db, _SELECT_PAGE, (after, now_ms, limit))
    return Page(
        raws=[
            (row["raw"], bool(row["kept"]))
            for row in rows
            if checksum(row["id"], row["raw"]) == row["checksum"]
        ],
        last=rows[-1]["seq"] if rows else after,
        more=len(rows) == limit,
    )
