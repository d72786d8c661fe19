"""The whole: open, write, read, copy, close; and what refuses to open."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.storage import audit, readers
from node.storage.database import Storage
from node.storage.page_sums import sums_path


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
