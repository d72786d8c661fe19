"""The database as everybody else sees it: `write`, `read`, `close`.

Enters: functions from the row modules, put together into one change or one question. Leaves: their
results, after the commit. Never here: what a row means, who a peer is.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiosqlite

from node.clock import Clock
from node.errors import StorageError
from node.storage import audit, bounds, faults
from node.storage.guard import Guard, page_damage, sums_damage
from node.storage.housekeeping import Swept, sweep_step
from node.storage.journal import journal_path
from node.storage.migrations import copy_database
from node.storage.readers import Readers
from node.storage.scrub import Progress, ScrubReport, file_damage, scrub
from node.storage.tokens import forget_all
from node.storage.writer import Writer

T = TypeVar("T")


def _look(guard: Guard, first: int, last: int, _conn: sqlite3.Connection) -> list[int]:
    return guard.damaged(first, last)


def _nobody() -> None:
    """Nobody follows the events."""


class Storage:
    """One open home database."""

    def __init__(self, path: Path, writer: Writer, readers: Readers) -> None:
        """Keep the parts; use `Storage.open`."""
        self._path = path
        self._writer = writer
        self._readers = readers
        self.newest_event = 0
        """Number of the newest line of the audit; it is on disk."""
        self.on_event: Callable[[], None] = _nobody
        """Called in the loop after each commit that holds such a line."""

    @classmethod
    async def open(cls, path: Path, *, clock: Clock) -> Storage:
        """Open or make the file, bring it to the newest schema, start writer and readers.

        Args:
            path: the file; its folder exists and its home is locked (`HomeLock`).
            clock: times the writer's wait for company.

        Raises:
            StorageError: E-DB-NEWER (a newer program wrote it), E-DB-DAMAGED (not ours, or
                broken), E-DB-WRITE, E-DISK-FULL, E-DB-BUSY or E-DB-SQLITE.
        """
        writer = Writer(path, clock=clock)
        await writer.start()
        readers = Readers(path)
        try:
            await readers.start()
        except BaseException:
            try:
                await readers.close()
            finally:
                await writer.close()
            raise
        storage = cls(path, writer, readers)
        await storage._follow()
        return storage

    async def _follow(self) -> None:
        # A log that cannot be read keeps no home closed; the next line that is added counts.
        with contextlib.suppress(StorageError):
            _, self.newest_event = await self._readers.read(audit.load_span)
        self._writer.watch(audit.newest, self._heard)

    def _heard(self, newest: int) -> None:
        if newest != self.newest_event:
            self.newest_event = newest
            self.on_event()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def waiting(self) -> int:
        """Changes handed in and not yet committed, for `status`."""
        return self._writer.waiting

    @property
    def is_written(self) -> bool:
        """Whether changes are still taken; once the writer has stopped, never again."""
        return not self._writer.is_over

    async def write(self, txn: Callable[[sqlite3.Connection], T], *, promise: bool = True) -> T:
        """Run a whole function over the writing connection; return after its commit.

        Cancelling the caller neither stops nor tears it. A `txn` that raises undoes itself alone.

        Args:
            txn: runs in the writer's thread, to its end; shares nothing with the loop.
            promise: commit at once; False waits up to 50 ms or 200 changes for company.

        Raises:
            StorageError: E-DISK-FULL, E-DB-WRITE, E-DB-CLOSED, ...: nothing was recorded.
            Exception: whatever `txn` raised: nothing was recorded.
        """
        return await self._writer.write(txn, promise=promise)

    async def read(
        self, query: Callable[[aiosqlite.Connection], Awaitable[T]], *, one_moment: bool = True
    ) -> T:
        """Ask a connection that can only read; all it sees is of one moment.

        Args:
            query: asks the connection it is handed, and nothing after it returned.
            one_moment: False for a question of a single statement: a third of the cost.

        Raises:
            StorageError: E-DB-CLOSED, E-DB-DAMAGED, E-DB-WRITE.
            Exception: whatever `query` raised.
        """
        return await self._readers.read(query, one_moment=one_moment)

    async def sweep(self, now_ms: int) -> Swept:
        """Let go whatever is past its time, in small steps between other work.

        Args:
            now_ms: wall clock, Unix ms.

        Returns:
            What went; then tell the network machines of the objects.
        """
        swept = Swept(complete=False)
        while not swept.complete:
            step = await self.write(lambda conn: sweep_step(conn, now_ms), promise=False)
            swept = swept.joined(step)
        return swept

    async def scrub(self, progress: Progress | None = None) -> ScrubReport:
        """Look for silent damage, every byte; other work goes on between.

        Args:
            progress: told now and then what is being looked at.

        Raises:
            StorageError: E-DB-CLOSED, E-DB-WRITE, E-DB-BUSY.
        """
        try:
            # Not of one moment: a long look would keep the log from being brought home.
            found = await self.read(lambda db: scrub(db, progress), one_moment=False)
        except StorageError as error:
            if error.code != "E-DB-DAMAGED":
                raise
            # It cannot even be read through; its pages can say where.
            found = ScrubReport(damages=(file_damage(error),))
        bad = await self.damaged_pages()
        guard = self._writer.guard
        found = found.with_damages(
            *(page_damage(self._path, number) for number in bad), pages=guard.pages
        )
        is_whole = found.clean
        if await self.write(lambda _conn: guard.renew(is_whole=is_whole)):
            found = found.with_damages(sums_damage(self._path, mended=is_whole))
        elif guard.is_renewed:
            # At the opening; said once.
            found = found.with_damages(sums_damage(self._path, mended=True))
        guard.is_renewed = False
        return found

    async def damaged_pages(self) -> list[int]:
        """Compare every page with its sum, a few at a time between other changes.

        Returns:
            Pages that are not what was written, counted from 1.
        """
        guard = self._writer.guard
        found: list[int] = []
        for first in range(1, guard.pages + 1, bounds.pages_per_look):
            last = first + bounds.pages_per_look - 1
            found += await self.write(partial(_look, guard, first, last))
        return found

    async def file_bytes(self) -> dict[str, int]:
        """Measure the file and its write-ahead log."""

        def measure(path: Path) -> int:
            with contextlib.suppress(OSError):
                return path.stat().st_size
            return 0

        return {
            "database": await asyncio.to_thread(measure, self._path),
            "log": await asyncio.to_thread(measure, journal_path(self._path)),
        }

    async def copy_to(self, target: Path) -> None:
        """Copy the database as of one moment, beside all other work; who may ask stays behind.

        Args:
            target: a new file; an old one of that name is replaced when the copy is complete.

        Raises:
            StorageError: E-DISK-FULL or E-DB-WRITE; `target` is as it was.
        """
        try:
            await asyncio.to_thread(self._copy, target)
        except faults.FILE_ERRORS as error:
            raise faults.storage_error(error, target) from error

    def _copy(self, target: Path) -> None:
        source = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            copy_database(source, target, leave_out=forget_all)
        finally:
            source.close()

    async def close(self) -> None:
        """Finish what waits and close the file; the writer leaves last, so it alone checkpoints."""
        await self._readers.close()
        await self._writer.close()
