"""The one thread that writes and checkpoints.

Enters: whole functions over the connection. Leaves: their results, told only after the commit that
holds them (invariant I1: promise after record). Each function stands in a savepoint of its own
inside one transaction of the group, so one that raises undoes itself alone; a disk that cannot take
the commit undoes the group and every caller hears it. Never here: an `await` between BEGIN and
COMMIT. One-statement-per-await writes were seen to commit half a transaction when a task was
cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from node.clock import Clock
from node.crashpoint import crashpoint
from node.errors import StorageError
from node.storage import bounds, faults
from node.storage.connection import open_writer
from node.storage.guard import Guard, check
from node.storage.migrations import migrate

T = TypeVar("T")
_Look: TypeAlias = Callable[[sqlite3.Connection], int]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A function that waits for its turn."""

    txn: Callable[[sqlite3.Connection], Any]
    told: asyncio.Future[Any]
    promise: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What a function returned, or raised."""

    value: Any = None
    error: Exception | None = None


def _over() -> StorageError:
    """Say that this process writes no more."""
    return StorageError(
        "the database is not written any more: its writer has stopped; nothing of this was "
        "recorded",
        code="E-DB-WRITE",
        fix="Look into the node's log, then stop the node and start it again",
    )


class _GroupLostError(Exception):
    """The file cannot take this group; the cause says why."""


class Writer:
    """Owns the writing connection, from its opening to its closing, in a thread of its own."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        """Prepare; nothing is opened yet.

        Args:
            path: the database file; made when missing.
            clock: its `mono_ms` times the wait for company.
        """
        self._path = path
        self._clock = clock
        self._queue: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._waiting = 0
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        self._guard: Guard
        self._open = False
        self._is_over = False
        self._watched: tuple[_Look, Callable[[int], None]] | None = None

    @property
    def waiting(self) -> int:
        """Changes handed in and not yet told."""
        return self._waiting

    @property
    def is_over(self) -> bool:
        """Whether the writer has stopped for good."""
        return self._is_over

    @property
    def guard(self) -> Guard:
        """The sums of the open file; ask it inside a change, in the writer's thread."""
        return self._guard

    async def start(self) -> None:
        """Open the file, bring it to the newest schema, and begin to serve.

        Raises:
            StorageError: E-DB-DAMAGED, E-DB-NEWER, E-DB-WRITE, E-DISK-FULL or E-DB-BUSY.
        """
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._run, args=(opened,), name="intentcast-writer", daemon=True
        )
        self._thread.start()
        try:
            await opened
        except BaseException:
            # Whoever gave up on the opening gets no thread that lives on, or holds the file still
            # when the lock on the home is let go.
            self._queue.put(None)
            await _joined(self._thread)
            raise
        self._open = not self._is_over

    def watch(self, look: _Look, tell: Callable[[int], None]) -> None:
        """Have a number told in the loop after every commit, before whoever wrote hears of it.

        Args:
            look: reads it from what was committed, in the writer's thread; where that fails,
                nothing is told.
            tell: hears it.
        """
        self._watched = look, tell

    async def write(self, txn: Callable[[sqlite3.Connection], T], *, promise: bool = True) -> T:
        """Run `txn` whole, commit it, then return what it returned.

        Cancelling the caller neither stops nor tears it. `txn` must not begin or end a transaction.

        Args:
            txn: runs in the writer's thread; may run with others in one commit.
            promise: commit at once, taking along what waits; else wait for company.

        Raises:
            StorageError: nothing of it was recorded.
            Exception: whatever `txn` raised; nothing of it was recorded.
        """
        if self._is_over:
            raise _over()
        if not self._open:
            raise faults.closed()
        if self._waiting >= bounds.changes_waiting_max:
            raise StorageError(
                f"{self._waiting} changes already wait for the disk",
                code="E-DB-BUSY",
                fix="Try again in a moment",
            )
        told: asyncio.Future[T] = self._loop.create_future()
        self._waiting += 1
        self._queue.put(_Change(txn=txn, told=told, promise=promise))
        return await told

    async def close(self) -> None:
        """Finish what waits, checkpoint, close the file, end the thread. May be called twice."""
        if self._thread is None:
            return
        self._open = False
        thread, self._thread = self._thread, None
        self._queue.put(None)
        await _joined(thread)

    # --- in the thread ---------------------------------------------------------------------------

    def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            conn = self._open_file()
        except Exception as error:  # noqa: BLE001 - told to the caller of start
            self._tell(self._settle, [(opened, _Done(error=error))])
            return
        self._tell(self._settle, [(opened, _Done())])
        try:
            self._serve(conn)
        except BaseException as error:  # noqa: BLE001 - told to everybody who waits
            # Whatever it was: nobody may wait for ever, and nothing is promised any more.
            _LOG.critical("the writer of %s has stopped", self._path.name, exc_info=True)
            self._tell(self._end, [])
            # SQLite brings the log home when it closes, and no sum with it.
            with contextlib.suppress(Exception):
                self._guard.give_up(error)
        finally:
            with contextlib.suppress(OSError):
                self._guard.close()
            with contextlib.suppress(sqlite3.Error):
                conn.close()

    def _open_file(self) -> sqlite3.Connection:
        try:
            found = check(self._path)
            conn = open_writer(self._path)
            try:
                migrate(conn, self._path)
                self._guard = Guard.adopt(conn, self._path, found=found)
            except BaseException:
                conn.close()
                raise
        except faults.FILE_ERRORS as error:
            raise faults.storage_error(error, self._path) from error
        return conn

    def _serve(self, conn: sqlite3.Connection) -> None:
        while not self._take_turn(conn):
            if self._guard.is_due():
                self._bring_home(conn, "PASSIVE")
        crashpoint("stop.before_checkpoint")
        with contextlib.suppress(sqlite3.Error):
            conn.execute("PRAGMA optimize")
        self._bring_home(conn, "TRUNCATE")

    def _take_turn(self, conn: sqlite3.Connection) -> bool:
        """Commit one group; tell whether the end was asked for."""
        group: list[_Change] = []
        outcomes: list[_Done] = []
        try:
            last = self._gather(group)
            if group:
                outcomes = self._commit(conn, group)
                crashpoint("storage.after_commit")
                self._guard.committed()
                self._tell_watched(conn)
        finally:
            # Even when something broke: what was committed is told as such, all else as not.
            outcomes = outcomes or [_Done(error=_over()) for _ in group]
            told = (change.told for change in group)
            self._tell(self._settle_group, list(zip(told, outcomes, strict=True)))
        return last

    def _tell_watched(self, conn: sqlite3.Connection) -> None:
        if self._watched is None:
            return
        look, tell = self._watched
        # What was committed stays so, whatever this finds.
        with contextlib.suppress(sqlite3.Error, RuntimeError):
            self._loop.call_soon_threadsafe(tell, look(conn))

    def _bring_home(self, conn: sqlite3.Connection, how: str) -> None:
        try:
            self._guard.bring_home(conn, how)
        except sqlite3.Error:
            # All is committed; the log that stays is tried again, or read at the next opening.
            _LOG.warning("the log of %s stays for now", self._path.name, exc_info=True)

    def _gather(self, group: list[_Change]) -> bool:
        """Wait for a change, take along what waits too; tell whether the end was asked for."""
        first = self._queue.get()
        if first is None:
            return True
        group.append(first)
        hurried = first.promise
        end_ms = self._clock.now().mono_ms + bounds.company_ms
        while len(group) < bounds.group_changes_max:
            enough = hurried or len(group) >= bounds.company_changes
            wait_ms = 0 if enough else max(0, end_ms - self._clock.now().mono_ms)
            try:
                change = self._queue.get(block=wait_ms > 0, timeout=wait_ms / 1000)
            except queue.Empty:
                break
            if change is None:
                return True
            group.append(change)
            hurried = hurried or change.promise
        return False

    def _commit(self, conn: sqlite3.Connection, group: list[_Change]) -> list[_Done]:
        try:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            conn.execute("BEGIN IMMEDIATE")
            outcomes = [self._run_one(conn, change.txn) for change in group]
            crashpoint("storage.before_commit")
            self._guard.begins()
            conn.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - told to every caller of the group
            return [self._lost(conn, error)] * len(group)
        return outcomes

    def _run_one(self, conn: sqlite3.Connection, txn: Callable[[sqlite3.Connection], Any]) -> _Done:
        conn.execute("SAVEPOINT change")
        try:
            value = txn(conn)
        except Exception as error:
            if faults.loses_group(error) or not conn.in_transaction:
                raise _GroupLostError from error
            conn.execute("ROLLBACK TO change")
            conn.execute("RELEASE change")
            return _Done(error=self._translated(error))
        if not conn.in_transaction:
            raise _GroupLostError from StorageError("a change ended the transaction it stood in")
        conn.execute("RELEASE change")
        return _Done(value=value)

    def _lost(self, conn: sqlite3.Connection, error: Exception) -> _Done:
        """Undo the whole group; whoever waits for a part of it hears why."""
        cause = error.__cause__ if isinstance(error, _GroupLostError) else error
        try:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
        except sqlite3.Error:
            # The next group asks again before it begins.
            pass
        return _Done(error=self._translated(cause))

    def _translated(self, error: BaseException | None) -> Exception:
        if isinstance(error, sqlite3.Error):
            told = faults.storage_error(error, self._path)
            told.__cause__ = error
            return told
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            return error
        # A future refuses to carry a StopIteration.
        return StorageError(f"a change was lost ({error!r})")

    # --- back on the loop ------------------------------------------------------------------------

    def _tell(
        self,
        settle: Callable[[list[tuple[asyncio.Future[Any], _Done]]], None],
        outcomes: list[tuple[asyncio.Future[Any], _Done]],
    ) -> None:
        try:
            self._loop.call_soon_threadsafe(settle, outcomes)
        except RuntimeError:
            # The loop has ended: nobody is left to tell.
            return

    def _settle_group(self, outcomes: list[tuple[asyncio.Future[Any], _Done]]) -> None:
        self._waiting -= len(outcomes)
        self._settle(outcomes)

    def _end(self, _outcomes: list[tuple[asyncio.Future[Any], _Done]]) -> None:
        """Refuse every change from now on, and those that wait."""
        self._open = False
        self._is_over = True
        left = []
        with contextlib.suppress(queue.Empty):
            while True:
                left.append(self._queue.get_nowait())
        waiting = [change.told for change in left if change is not None]
        self._settle_group([(told, _Done(error=_over())) for told in waiting])

    @staticmethod
    def _settle(outcomes: list[tuple[asyncio.Future[Any], _Done]]) -> None:
        for told, done in outcomes:
            if told.done():
                # Its caller was cancelled; what it asked for is on record all the same.
                continue
            if done.error is not None:
                told.set_exception(done.error)
            else:
                told.set_result(done.value)


async def _joined(thread: threading.Thread) -> None:
    """Wait for a thread to end; a cancel is obeyed when it has."""
    joining = asyncio.get_running_loop().run_in_executor(None, thread.join)
    cancelled: asyncio.CancelledError | None = None
    while not joining.done():
        try:
            await asyncio.shield(joining)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
