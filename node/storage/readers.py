"""A few connections that only read, handed out one question at a time.

Enters: a question as a coroutine function over a connection. Leaves: its answer, all of it as of
one moment. Never: a write; the connections refuse it themselves (`query_only`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

from node.storage import bounds, faults
from node.storage.connection import open_reader

T = TypeVar("T")


class Readers:
    """The pool."""

    def __init__(self, path: Path) -> None:
        """Prepare; nothing is opened yet."""
        self._path = path
        self._all: list[aiosqlite.Connection] = []
        self._free: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        self._open = False

    async def start(self) -> None:
        """Open every connection; the file exists by now.

        Raises:
            StorageError: the file cannot be opened.
        """
        try:
            for _ in range(bounds.readers):
                db = await open_reader(self._path)
                self._all.append(db)
                self._free.put_nowait(db)
        except faults.FILE_ERRORS as error:
            await self.close()
            raise faults.storage_error(error, self._path) from error
        except BaseException:
            await self.close()
            raise
        self._open = True

    async def read(
        self, query: Callable[[aiosqlite.Connection], Awaitable[T]], *, one_moment: bool = True
    ) -> T:
        """Ask; everything `query` reads is of one moment.

        Args:
            query: asks the connection it is handed.
            one_moment: False for a question of a single statement, which is of one moment anyway:
                a third of the cost.

        Raises:
            StorageError: the file is closed, damaged or unreadable.
            Exception: whatever `query` raised.
        """
        self._require_open()
        db = await self._free.get()
        try:
            self._require_open()
            return await (self._at_one_moment(db, query) if one_moment else query(db))
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise faults.storage_error(error, self._path) from error
        finally:
            self._free.put_nowait(db)

    def _require_open(self) -> None:
        if not self._open:
            raise faults.closed()

    @staticmethod
    async def _at_one_moment(
        db: aiosqlite.Connection, query: Callable[[aiosqlite.Connection], Awaitable[T]]
    ) -> T:
        try:
            await db.execute("BEGIN")
            return await query(db)
        finally:
            # A connection runs its calls in order, so the end of this moment comes before whatever
            # the next reader asks, even when our own caller is cancelled while it waits.
            ending = asyncio.ensure_future(db.rollback())  # noqa: TID251 - awaited right here
            await asyncio.shield(ending)

    async def close(self) -> None:
        """Wait for readers under way, then close every connection. May be called twice."""
        self._open = False
        taken = [await self._free.get() for _ in self._all]
        self._all.clear()
        for db in taken:
            await db.close()
            # Whoever still waits for a connection gets this one, and hears that it is closed.
            self._free.put_nowait(db)
