"""What happened here, for whoever follows it: pages of events, and a wait for the next one.

Enters: the audit log, which every change writes in its own transaction, and word from the storage
that lines were added. Leaves: events in order of their numbers, and an honest word where lines are
no longer there. Nothing is kept for a reader: how fast it reads is its own affair, and costs this
node nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from node.runtime import views
from node.storage import audit
from node.storage.audit import AuditLine
from node.storage.database import Storage

if TYPE_CHECKING:
    import aiosqlite

PAGE_MAX: Final = 200
"""Events of one page."""
Document = dict[str, Any]


class Signal:
    """Wakes whoever waits for a change."""

    def __init__(self) -> None:
        """Start quiet."""
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait now."""
        self._event.set()
        self._event = asyncio.Event()

    def next(self) -> asyncio.Event:
        """Give the next ring; take it before looking, so that a ring while looking is not lost."""
        return self._event


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of what happened after a cursor."""

    events: tuple[Document, ...]
    """In order, at most `PAGE_MAX`."""
    start: int
    """The cursor these follow: the one asked for, unless there is a gap."""
    cursor: int
    """To ask from next."""
    has_gap: bool
    """Whether the cursor asked for is none of this log's any more: what stood between it and
    `start` cannot be told."""
    is_last: bool
    """Whether nothing more has happened yet."""


class Chronicle:
    """The events of one node."""

    def __init__(self, storage: Storage, signal: Signal) -> None:
        """Keep the log, and ring for every line that is added.

        Args:
            storage: the home's database.
            signal: rung after every commit that holds an event, and by others as they please.
        """
        self._storage = storage
        self._signal = signal
        storage.on_event = signal.ring

    @property
    def newest(self) -> int:
        """The number of the newest event; 0 before the first."""
        return self._storage.newest_event

    async def page(self, after: int) -> Page:
        """Give what happened after a cursor.

        A cursor that is older than the log leads to its oldest line, one that is newer (of a home
        that was restored from a backup since) to its end; both are a gap.

        Raises:
            StorageError: the log cannot be read.
        """

        async def look(db: aiosqlite.Connection) -> tuple[int, int, list[AuditLine]]:
            low, high = await audit.load_span(db)
            start = min(max(after, low - 1), high)
            return start, high, await audit.load_after(db, start, limit=PAGE_MAX)

        start, high, lines = await self._storage.read(look)
        cursor = lines[-1].seq if lines else start
        return Page(
            events=tuple(_event(line) for line in lines),
            start=start,
            cursor=cursor,
            has_gap=start != after,
            is_last=cursor >= high,
        )

    async def wait(self, after: int, timeout_s: float) -> int:
        """Wait until something happened after a cursor, somebody rang, or time is up.

        Returns:
            The number of the newest event.
        """
        ring = self._signal.next()
        if self.newest <= after:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await ring.wait()
        return self.newest


def _event(line: AuditLine) -> Document:
    return {
        "n": line.seq,
        "at": views.iso(line.at),
        "what": line.what,
        "ids": [each.hex() for each in line.ids],
    }
