"""Group commit: told after the commit, whole or not at all, each change by itself."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import threading
from pathlib import Path

import pytest

from node.clock import ManualClock, SystemClock
from node.errors import StorageError
from node.storage import audit, bounds, writer
from node.storage.connection import open_writer
from node.storage.database import Storage
from node.storage.guard import Guard
from node.storage.migrations import migrate
from node.storage.page_sums import PageSums
from node.storage.writer import Writer


def line(what: str):
    return lambda conn: audit.append(conn, at=1, what=what)


async def lines(storage: Storage) -> list[str]:
    found = await storage.read(lambda db: audit.load_after(db, 0, limit=1000))
    return [each.what for each in found]


def committed(path: Path) -> list[str]:
    """What another program sees: only what was committed."""
    conn = sqlite3.connect(path)
    try:
        return [row[0] for row in conn.execute("SELECT what FROM audit ORDER BY seq")]
    finally:
        conn.close()


class Gate:
    """A change that holds the writer until told to go on."""

    def __init__(self):
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, conn):
        self.entered.set()
        assert self.go_on.wait(10)
        return audit.append(conn, at=1, what="gate")

    async def wait(self):
        await asyncio.to_thread(self.entered.wait, 10)


async def test_result_is_told_after_the_commit(storage: Storage, path: Path):
    seq = await storage.write(line("first"))
    assert seq == 1
    assert committed(path) == ["first"]


async def test_a_raising_change_undoes_itself_alone(storage: Storage, path: Path):
    gate = Gate()

    def torn(conn):
        audit.append(conn, at=1, what="torn")
        raise KeyError("no")

    first = asyncio.gather(storage.write(gate))
    await gate.wait()
    group = asyncio.gather(
        storage.write(line("before")),
        storage.write(torn),
        storage.write(line("after")),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    gate.go_on.set()
    results = await group
    await first
    assert isinstance(results[1], KeyError)
    assert committed(path) == ["gate", "before", "after"]


async def test_waiting_changes_share_one_commit(storage: Storage, monkeypatch):
    seen: list[str] = []
    monkeypatch.setattr(writer, "crashpoint", seen.append)
    gate = Gate()
    first = asyncio.gather(storage.write(gate))
    await gate.wait()
    rest = asyncio.gather(*(storage.write(line(str(n))) for n in range(50)))
    await asyncio.sleep(0)
    assert storage.waiting == 51
    gate.go_on.set()
    await asyncio.gather(first, rest)
    assert seen == ["storage.before_commit", "storage.after_commit"] * 2
    assert storage.waiting == 0


async def test_a_group_has_a_largest_size(storage: Storage, monkeypatch):
    seen: list[str] = []
    monkeypatch.setattr(writer, "crashpoint", seen.append)
    monkeypatch.setattr(bounds, "group_changes_max", 10)
    gate = Gate()
    first = asyncio.gather(storage.write(gate))
    await gate.wait()
    rest = asyncio.gather(*(storage.write(line(str(n))) for n in range(25)))
    await asyncio.sleep(0)
    gate.go_on.set()
    await asyncio.gather(first, rest)
    assert seen.count("storage.after_commit") == 1 + 3


async def test_unhurried_changes_wait_for_company_and_a_promise_ends_the_wait(
    path: Path, monkeypatch
):
    # A clock that stands still makes the wait endless but for the promise.
    monkeypatch.setattr(bounds, "company_ms", 20_000)
    seen: list[str] = []
    monkeypatch.setattr(writer, "crashpoint", seen.append)
    storage = await Storage.open(path, clock=ManualClock())
    slow = asyncio.gather(*(storage.write(line("slow"), promise=False) for _ in range(3)))
    await asyncio.sleep(0)
    await storage.write(line("prompt"))
    await slow
    assert seen == ["storage.before_commit", "storage.after_commit"]
    await storage.close()


async def test_enough_company_ends_the_wait_too(path: Path, monkeypatch):
    monkeypatch.setattr(bounds, "company_ms", 20_000)
    monkeypatch.setattr(bounds, "company_changes", 4)
    storage = await Storage.open(path, clock=ManualClock())
    group = [storage.write(line("x"), promise=False) for _ in range(4)]
    assert await asyncio.wait_for(asyncio.gather(*group), 10) == [1, 2, 3, 4]
    await storage.close()


async def test_unhurried_changes_are_committed_without_company_too(path: Path):
    storage = await Storage.open(path, clock=SystemClock())
    assert await asyncio.wait_for(storage.write(line("alone"), promise=False), 5) == 1
    await storage.close()


async def test_cancelling_the_caller_tears_nothing(storage: Storage, path: Path):
    gate = Gate()
    task = asyncio.get_running_loop().create_task(storage.write(gate))
    await gate.wait()
    waiting = asyncio.get_running_loop().create_task(storage.write(line("behind")))
    await asyncio.sleep(0)
    task.cancel()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.go_on.set()
    await storage.write(line("last"))
    assert committed(path) == ["gate", "behind", "last"]


async def test_changes_run_in_the_order_they_were_asked_for(storage: Storage):
    await asyncio.gather(*(storage.write(line(str(n)), promise=n % 7 == 0) for n in range(100)))
    assert await lines(storage) == [str(n) for n in range(100)]


async def test_closing_finishes_what_waits(path: Path, clock: ManualClock):
    storage = await Storage.open(path, clock=clock)
    group = asyncio.gather(*(storage.write(line("x"), promise=False) for _ in range(5)))
    await asyncio.sleep(0)
    await storage.close()
    assert await group == [1, 2, 3, 4, 5]
    assert not path.with_name("home.db-wal").exists()
    await storage.close()


async def test_a_closed_database_says_so(path: Path, clock: ManualClock):
    storage = await Storage.open(path, clock=clock)
    await storage.close()
    with pytest.raises(StorageError) as refused:
        await storage.write(line("late"))
    assert refused.value.code == "E-DB-CLOSED"


async def test_a_writer_never_started_can_be_closed(path: Path, clock: ManualClock):
    await Writer(path, clock=clock).close()
    assert not path.exists()


async def test_too_many_waiting_changes_are_refused(storage: Storage, monkeypatch):
    monkeypatch.setattr(bounds, "changes_waiting_max", 3)
    gate = Gate()
    first = asyncio.gather(storage.write(gate))
    await gate.wait()
    more = asyncio.gather(*(storage.write(line("x")) for _ in range(2)))
    await asyncio.sleep(0)
    with pytest.raises(StorageError) as refused:
        await storage.write(line("one too many"))
    assert refused.value.code == "E-DB-BUSY"
    gate.go_on.set()
    await asyncio.gather(first, more)
    assert await storage.write(line("again")) == 4


async def test_a_change_that_ends_the_transaction_loses_the_group(storage: Storage, path: Path):
    gate = Gate()
    first = asyncio.gather(storage.write(gate), return_exceptions=True)
    await gate.wait()

    def meddling(conn):
        audit.append(conn, at=1, what="meddling")
        conn.execute("ROLLBACK")

    group = asyncio.gather(
        storage.write(line("before")), storage.write(meddling), return_exceptions=True
    )
    await asyncio.sleep(0)
    gate.go_on.set()
    await first
    results = await group
    assert [type(each) for each in results] == [StorageError, StorageError]
    assert committed(path) == ["gate"]
    await storage.write(line("next"))
    assert committed(path) == ["gate", "next"]


async def test_a_change_that_raises_after_ending_the_transaction_loses_the_group(
    storage: Storage, path: Path
):
    def meddling(conn):
        conn.execute("ROLLBACK")
        raise KeyError("no")

    with pytest.raises(KeyError):
        await storage.write(meddling)
    await storage.write(line("next"))
    assert committed(path) == ["next"]


async def test_stop_iteration_reaches_its_caller_in_another_form(storage: Storage):
    with pytest.raises(StorageError):
        await storage.write(lambda _conn: next(iter([])))
    assert await storage.write(line("next")) == 1


async def test_a_broken_guard_is_told_in_our_words(storage: Storage):
    def twice(conn):
        for _ in range(2):
            conn.execute("INSERT INTO audit VALUES (1, 1, 'x', '[]', '{}')")

    with pytest.raises(StorageError) as refused:
        await storage.write(twice)
    assert isinstance(refused.value.__cause__, sqlite3.IntegrityError)
    assert await lines(storage) == []


class FailingConnection:
    """A connection whose disk gives out at one statement."""

    def __init__(self, conn: sqlite3.Connection, at: str, code: int):
        self._conn = conn
        self._at = at
        self._code = code
        self.armed = True

    def execute(self, sql, *parameters):
        if self.armed and sql.startswith(self._at):
            error = sqlite3.OperationalError("the disk")
            error.sqlite_errorcode = self._code
            raise error
        return self._conn.execute(sql, *parameters)

    def __getattr__(self, name):
        return getattr(self._conn, name)


@pytest.mark.parametrize(
    ("statement", "code", "told"),
    [
        ("COMMIT", sqlite3.SQLITE_FULL, "E-DISK-FULL"),
        ("COMMIT", sqlite3.SQLITE_IOERR_FSYNC, "E-DB-WRITE"),
        ("BEGIN", sqlite3.SQLITE_BUSY, "E-DB-BUSY"),
        ("INSERT INTO audit", sqlite3.SQLITE_FULL, "E-DISK-FULL"),
        ("INSERT INTO audit", sqlite3.SQLITE_IOERR_WRITE, "E-DB-WRITE"),
        ("SAVEPOINT", sqlite3.SQLITE_READONLY, "E-DB-WRITE"),
    ],
)
async def test_a_failing_disk_loses_the_group_and_everybody_hears(
    path: Path, clock: ManualClock, monkeypatch, statement: str, code: int, told: str
):
    made: list[FailingConnection] = []

    def open_failing(where: Path):
        made.append(FailingConnection(real(where), statement, code))
        made[0].armed = False
        return made[0]

    real = open_writer
    monkeypatch.setattr(writer, "open_writer", open_failing)
    storage = await Storage.open(path, clock=clock)
    assert await storage.write(line("before")) == 1
    made[0].armed = True
    results = await asyncio.gather(
        *(storage.write(line("lost")) for _ in range(3)), return_exceptions=True
    )
    refusals = [each for each in results if isinstance(each, StorageError)]
    assert [each.code for each in refusals] == [told] * 3
    assert all(each.fix for each in refusals)
    assert committed(path) == ["before"]
    made[0].armed = False
    await storage.write(line("after"))
    assert committed(path) == ["before", "after"]
    await storage.close()


async def test_a_real_full_file_loses_the_change_and_keeps_the_rest(storage: Storage, path: Path):
    await storage.write(line("before"))
    # SQLite's own bound on pages gives the very error of a full disk.
    await storage.write(lambda conn: conn.execute("PRAGMA max_page_count = 1").fetchall())

    def fill(conn):
        for _ in range(1_000):
            audit.append(conn, at=1, what="x" * 1_000)

    with pytest.raises(StorageError) as refused:
        await storage.write(fill)
    assert refused.value.code == "E-DISK-FULL"
    assert committed(path) == ["before"]
    await storage.write(lambda conn: conn.execute("PRAGMA max_page_count = 100000").fetchall())
    await storage.write(line("after"))
    assert committed(path) == ["before", "after"]


async def test_rolling_back_may_fail_too(path: Path, clock: ManualClock, monkeypatch):
    made: list[FailingConnection] = []

    def open_failing(where: Path):
        made.append(FailingConnection(real(where), "ROLLBACK", sqlite3.SQLITE_IOERR))
        return made[0]

    real = open_writer
    monkeypatch.setattr(writer, "open_writer", open_failing)
    storage = await Storage.open(path, clock=clock)

    def broken(conn):
        error = sqlite3.OperationalError("the disk")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    for _ in range(2):
        with pytest.raises(StorageError) as refused:
            await storage.write(broken)
        assert refused.value.code == "E-DB-WRITE"
    made[0].armed = False
    assert await storage.write(line("after")) == 1
    await storage.close()


async def test_a_failing_last_checkpoint_loses_nothing(path: Path, clock: ManualClock, monkeypatch):
    made: list[FailingConnection] = []

    def open_failing(where: Path):
        failing = FailingConnection(real(where), "PRAGMA wal_checkpoint", sqlite3.SQLITE_IOERR)
        failing.armed = False
        made.append(failing)
        return failing

    real = open_writer
    monkeypatch.setattr(writer, "open_writer", open_failing)
    storage = await Storage.open(path, clock=clock)
    made[0].armed = True
    await storage.write(line("kept"))
    await storage.close()
    assert committed(path) == ["kept"]
    monkeypatch.undo()
    again = await Storage.open(path, clock=clock)
    assert await lines(again) == ["kept"]
    await again.close()


async def test_giving_up_on_the_opening_leaves_no_thread(path: Path, clock: ManualClock):
    one = Writer(path, clock=clock)
    task = asyncio.get_running_loop().create_task(one.start())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await one.close()
    assert [t for t in threading.enumerate() if t.name == "intentcast-writer"] == []


async def test_a_cancelled_opening_waits_for_its_thread(path: Path, clock, monkeypatch):
    entered, go_on = threading.Event(), threading.Event()

    def slow(conn, where):
        entered.set()
        assert go_on.wait(10)
        migrate(conn, where)

    monkeypatch.setattr(writer, "migrate", slow)
    task = asyncio.get_running_loop().create_task(Writer(path, clock=clock).start())
    await asyncio.to_thread(entered.wait, 10)
    for _ in range(3):
        task.cancel()
        await asyncio.wait([task], timeout=0.01)
        assert not task.done(), "the lock on the home could go while the file is being migrated"
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [t for t in threading.enumerate() if t.name == "intentcast-writer"] == []


class Broken(BaseException):
    """Nothing anybody expects."""


def breaking(*_args):
    raise Broken


async def over(storage: Storage, what: str) -> None:
    with pytest.raises(StorageError) as refused:
        await asyncio.wait_for(storage.write(line(what)), 5)
    assert refused.value.code == "E-DB-WRITE"
    assert "stop the node and start it again" in refused.value.fix


@pytest.mark.parametrize("where", ["committed", "is_due", "bring_home"])
async def test_when_the_writer_dies_what_was_committed_is_told_and_nobody_waits(
    path: Path, clock: ManualClock, monkeypatch, caplog, where: str
):
    monkeypatch.setattr(bounds, "wal_pages", 1)
    storage = await Storage.open(path, clock=clock)
    gate = Gate()
    first = asyncio.gather(storage.write(gate))
    await gate.wait()
    monkeypatch.setattr(Guard, where, breaking)
    monkeypatch.setattr(bounds, "group_changes_max", 1)
    behind = asyncio.gather(
        *(storage.write(line("behind")) for _ in range(3)), return_exceptions=True
    )
    await asyncio.sleep(0)
    gate.go_on.set()
    assert list(await asyncio.wait_for(first, 5)) == [1], "it was committed, whatever came after"
    codes = [getattr(each, "code", each) for each in await asyncio.wait_for(behind, 5)]
    assert codes == ["E-DB-WRITE"] * 3
    assert storage.waiting == 0
    assert "the writer of home.db has stopped" in caplog.text
    await over(storage, "late")
    assert await lines(storage) == ["gate"]
    await storage.close()
    assert committed(path) == ["gate"]
    monkeypatch.undo()
    again = await Storage.open(path, clock=clock)
    assert await lines(again) == ["gate"]
    assert (await again.scrub()).clean
    await again.close()


async def test_a_group_that_was_not_committed_is_never_told_as_such(
    path: Path, clock: ManualClock, caplog
):
    storage = await Storage.open(path, clock=clock)
    await storage.write(line("before"))
    results = await asyncio.wait_for(
        asyncio.gather(
            storage.write(line("with it")), storage.write(breaking), return_exceptions=True
        ),
        5,
    )
    kept = [each for each in results if not isinstance(each, StorageError)]
    await over(storage, "late")
    await storage.close()
    assert committed(path) == ["before", "with it"][: 1 + len(kept)]
    assert "has stopped" in caplog.text


async def test_sums_that_can_be_neither_kept_nor_removed_stop_nobody(
    path: Path, clock: ManualClock, monkeypatch, caplog
):
    storage = await Storage.open(path, clock=clock)

    def no_longer(*_args, **_options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(PageSums, "note", no_longer)
    monkeypatch.setattr(PageSums, "spoil", no_longer)
    monkeypatch.setattr(Path, "unlink", no_longer)
    for number in (1, 2):
        assert await asyncio.wait_for(storage.write(line("x")), 5) == number
    assert "cannot be removed" in caplog.text
    monkeypatch.undo()
    await storage.close()
    again = await Storage.open(path, clock=clock)
    assert (await again.scrub()).clean
    await again.close()


def test_a_loop_that_ended_is_not_told(path: Path):
    async def open_and_leave() -> Writer:
        one = Writer(path, clock=ManualClock())
        await one.start()
        return one

    loop = asyncio.new_event_loop()
    one = loop.run_until_complete(open_and_leave())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    told: asyncio.Future[int] = asyncio.Future(loop=loop)
    one._queue.put(writer._Change(txn=line("untold"), told=told, promise=True))
    one._queue.put(None)
    assert one._thread is not None
    one._thread.join(10)
    assert not one._thread.is_alive()
    assert committed(path) == ["untold"]


def _fails(_conn: sqlite3.Connection) -> None:
    raise KeyError("no")


async def test_a_watched_number_is_told_before_whoever_wrote_hears(storage: Storage):
    rung: list[int] = []
    storage.on_event = lambda: rung.append(storage.newest_event)
    assert await storage.write(line("one")) == 1
    assert rung == [1]
    await storage.write(lambda _conn: None)
    with pytest.raises(KeyError):
        await storage.write(_fails)
    assert rung == [1]
    await storage.write(line("two"), promise=False)
    assert rung == [1, 2]


async def test_a_number_that_cannot_be_read_costs_no_commit(storage: Storage, path: Path):
    def broken(_conn: sqlite3.Connection) -> int:
        raise sqlite3.DatabaseError("malformed")

    told: list[int] = []
    storage._writer.watch(broken, told.append)
    assert await storage.write(line("kept")) == 1
    assert committed(path) == ["kept"]
    assert told == []
