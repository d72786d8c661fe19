"""The whole: open, write, read, copy, close; and what refuses to open."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import aiosqlite
import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.storage import audit, readers
from node.storage.connection import open_reader
from node.storage.database import Storage
from node.storage.examination import examine
from node.storage.page_sums import HEAD_BYTES, SUM_BYTES, sums_path
from node.storage.scrub import DamageKind
from tests.unit.node.storage.furniture import furnished


def line(what: str):
    return lambda conn: audit.append(conn, at=1, what=what)


async def newest(storage: Storage) -> str:
    found = await storage.read(lambda db: audit.load_newest(db, limit=1))
    return found[0].what


async def test_what_was_written_is_read_after_opening_again(path: Path, clock: ManualClock):
    first = await Storage.open(path, clock=clock)
    await first.write(line("kept"))
    assert await newest(first) == "kept"
    await first.close()
    second = await Storage.open(path, clock=clock)
    assert await newest(second) == "kept"
    assert second.path == path
    await second.close()


@pytest.mark.parametrize(
    ("content", "code"), [(b"rubbish " * 1000, "E-DB-DAMAGED"), (b"", None)], ids=["rubbish", "new"]
)
async def test_opening_says_what_is_wrong(
    path: Path, clock: ManualClock, content: bytes, code: str | None
):
    path.write_bytes(content)
    if code is None:
        await (await Storage.open(path, clock=clock)).close()
        return
    with pytest.raises(StorageError) as refused:
        await Storage.open(path, clock=clock)
    assert refused.value.code == code
    assert refused.value.fix
    assert path.read_bytes() == content


async def test_a_newer_file_stays_as_it_is(path: Path, clock: ManualClock):
    await (await Storage.open(path, clock=clock)).close()
    conn = sqlite3.connect(path)
    conn.execute("PRAGMA user_version = 9999")
    conn.close()
    # A newer program keeps its own sums, in a form this one need not know.
    sums_path(path).write_bytes(b"icsums99")
    before = path.read_bytes()
    with pytest.raises(StorageError) as refused:
        await Storage.open(path, clock=clock)
    assert refused.value.code == "E-DB-NEWER"
    assert path.read_bytes() == before
    assert sums_path(path).read_bytes() == b"icsums99"


async def test_a_folder_that_is_not_there_is_a_write_error(tmp_path: Path, clock: ManualClock):
    with pytest.raises(StorageError) as refused:
        await Storage.open(tmp_path / "nowhere" / "home.db", clock=clock)
    assert refused.value.code == "E-DB-WRITE"


async def test_readers_that_do_not_open_close_the_writer(
    path: Path, clock: ManualClock, monkeypatch
):
    async def refuse(where):
        raise sqlite3.OperationalError("no")

    monkeypatch.setattr(readers, "open_reader", refuse)
    with pytest.raises(StorageError):
        await Storage.open(path, clock=clock)
    assert [t for t in threading.enumerate() if t.name == "intentcast-writer"] == []


async def test_an_opening_that_is_cancelled_leaves_nothing_open(
    path: Path, clock: ManualClock, monkeypatch
):
    opened: list[aiosqlite.Connection] = []
    stuck = asyncio.Event()

    async def slow(where: Path) -> aiosqlite.Connection:
        if len(opened) == 2:
            stuck.set()
            await asyncio.Event().wait()
        opened.append(await open_reader(where))
        return opened[-1]

    monkeypatch.setattr(readers, "open_reader", slow)
    task = asyncio.get_running_loop().create_task(Storage.open(path, clock=clock))
    await asyncio.wait_for(stuck.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [t for t in threading.enumerate() if t.name == "intentcast-writer"] == []
    for db in opened:
        with pytest.raises(ValueError, match="no active connection"):
            await db.execute("SELECT 1")
    assert not path.with_name("home.db-wal").exists()


async def test_a_scrub_says_once_that_sums_were_made_anew(path: Path, clock: ManualClock):
    await (await Storage.open(path, clock=clock)).close()
    sums_path(path).write_bytes(sums_path(path).read_bytes()[:600])
    storage = await Storage.open(path, clock=clock)
    report = await storage.scrub()
    assert [(each.what, each.mended) for each in report.damages] == [(DamageKind.PAGE, True)]
    assert "home.db-sums" in report.file[0]
    assert report.is_mended
    assert (await storage.scrub()).clean
    await storage.close()


async def test_a_scrub_makes_sums_anew_that_went_bad_meanwhile(path: Path, clock: ManualClock):
    storage = await Storage.open(path, clock=clock)
    await storage.write(line("in the log"))
    with sums_path(path).open("r+b") as file:
        file.seek(HEAD_BYTES)
        file.write(bytes(20 * SUM_BYTES))
    assert await storage.damaged_pages() == []
    report = await storage.scrub()
    assert [(each.what, each.mended) for each in report.damages] == [(DamageKind.PAGE, True)]
    assert (await storage.scrub()).clean
    await storage.close()
    assert examine(path).trouble is None
    assert not examine(path).are_sums_damaged


async def test_sums_stay_in_doubt_where_nothing_else_vouches(path: Path, clock: ManualClock):
    await furnished(path, clock)
    storage = await Storage.open(path, clock=clock)
    await storage.write(lambda conn: conn.execute("UPDATE sizes SET rows = 77"))
    with sums_path(path).open("r+b") as file:
        file.seek(HEAD_BYTES)
        file.write(bytes(2 * SUM_BYTES))
    report = await storage.scrub()
    left = [each for each in report.damages if each.what is DamageKind.PAGE]
    assert [each.mended for each in left] == [False]
    assert "doctor --scrub" in left[0].fix
    await storage.close()
    with pytest.raises(StorageError) as refused:
        await Storage.open(path, clock=clock)
    assert refused.value.code == "E-DB-DAMAGED"
    assert "home.db-sums" in refused.value.sentence
    assert "remove home.db-sums" in refused.value.fix


async def test_a_copy_is_whole_while_writing_goes_on(storage: Storage, tmp_path: Path):
    await storage.write(line("before"))
    target = tmp_path / "copy.db"
    await asyncio.gather(storage.copy_to(target), *(storage.write(line(str(n))) for n in range(20)))
    copy = sqlite3.connect(target)
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert copy.execute("SELECT what FROM audit WHERE seq = 1").fetchone() == ("before",)
    copy.close()
    assert target.stat().st_mode & 0o777 == 0o600


async def test_a_copy_that_fails_says_so(storage: Storage, tmp_path: Path):
    with pytest.raises(StorageError) as refused:
        await storage.copy_to(tmp_path / "nowhere" / "copy.db")
    assert refused.value.code == "E-DB-WRITE"
