"""Before SQLite touches a file: is it what was last written, all of it?"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.storage import audit
from node.storage.database import Storage
from node.storage.examination import Trouble, ask_file, examine, page_bytes_of
from node.storage.journal import journal_path
from node.storage.page_sums import sums_path
from tests.unit.node.storage.furniture import furnish, furnished, page_with, spoil


def copy_of(path: Path, folder: Path) -> Path:
    """Copy a home as it lies there now, as a kill would leave it."""
    folder.mkdir()
    for suffix in ("", "-wal", "-sums"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            (folder / source.name).write_bytes(source.read_bytes())
    return folder / path.name


async def killed(path: Path, clock: ManualClock, folder: Path) -> Path:
    """A home whose newest changes stand in the log alone."""
    storage = await Storage.open(path, clock=clock)
    await storage.write(furnish)
    await storage.write(lambda conn: audit.append(conn, at=1, what="last"))
    left = copy_of(path, folder)
    await storage.close()
    return left


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


async def test_a_home_that_was_closed_is_whole(path: Path, clock: ManualClock):
    await furnished(path, clock)
    found = examine(path)
    assert found.trouble is None
    assert found.checked == path.stat().st_size // 4_096
    with path.open("rb") as file:
        assert page_bytes_of(file) == 4_096


async def test_a_home_that_was_killed_is_whole(path: Path, clock: ManualClock, tmp_path: Path):
    left = await killed(path, clock, tmp_path / "left")
    found = examine(left)
    assert found.trouble is None
    assert found.journal is not None
    assert found.journal.frames > 10


async def test_without_sums_nothing_is_said(path: Path, clock: ManualClock):
    await furnished(path, clock)
    sums_path(path).unlink()
    spoil(path, 3)
    assert examine(path).trouble is None
    assert examine(path).mark is None


async def test_every_byte_counts(path: Path, clock: ManualClock):
    await furnished(path, clock)
    for at in (20, 100, 4_096 * 2 + 1, path.stat().st_size - 1):
        flip(path, at)
        found = examine(path)
        assert found.trouble is Trouble.PAGES
        assert found.pages == (at // 4_096 + 1,)
        flip(path, at)


async def test_pages_the_log_holds_anew_do_not_count(
    path: Path, clock: ManualClock, tmp_path: Path
):
    left = await killed(path, clock, tmp_path / "left")
    journal = examine(left).journal
    assert journal is not None
    inside = min(n for n in journal.newest if n * 4_096 <= left.stat().st_size)
    flip(left, inside * 4_096 - 1)
    assert examine(left).trouble is None


async def test_a_log_without_what_was_told_is_lost(path: Path, clock: ManualClock, tmp_path: Path):
    left = await killed(path, clock, tmp_path / "left")
    log = journal_path(left)
    os.truncate(log, log.stat().st_size - 10)
    assert examine(left).trouble is Trouble.LOST
    log.unlink()
    assert examine(left).trouble is Trouble.LOST


async def test_a_damaged_log_that_is_all_home_can_go(
    path: Path, clock: ManualClock, tmp_path: Path
):
    storage = await Storage.open(path, clock=clock)
    await storage.write(furnish)
    guard = storage._writer.guard
    await storage.write(lambda _conn: guard._cover())
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(PASSIVE)")
    left = copy_of(path, tmp_path / "left")
    await storage.close()
    flip(journal_path(left), 5_000)
    found = examine(left)
    assert found.trouble is None
    assert found.is_log_spoiled


async def test_a_log_another_program_brought_home_is_known(
    path: Path, clock: ManualClock, tmp_path: Path
):
    left = await killed(path, clock, tmp_path / "left")
    with closing(sqlite3.connect(left)) as conn:
        conn.execute("SELECT count(*) FROM audit").fetchone()
    found = examine(left)
    assert found.trouble is None
    assert found.is_brought_home
    spoil(left, page_with(path, "objects"))
    assert examine(left).trouble is Trouble.LOST


async def test_a_missing_and_a_foreign_file_are_named(
    path: Path, clock: ManualClock, tmp_path: Path
):
    await furnished(path, clock)
    other = tmp_path / "other.db"
    await furnished(other, clock)
    path.write_bytes(other.read_bytes())
    found = examine(path)
    assert found.trouble is Trouble.FOREIGN
    assert found.stranger == "a home without a name"
    path.unlink()
    assert examine(path).trouble is Trouble.MISSING


async def test_a_schema_with_damaged_names_says_nothing(path: Path, clock: ManualClock):
    await furnished(path, clock)
    content = bytearray(path.read_bytes())
    at = content.find(b"CREATE TABLE deals")
    for place in range(at, at + 60):
        content[place] = 0xBD
    path.write_bytes(content)
    assert ask_file(path, "SELECT * FROM deals") is None
    assert examine(path).trouble is Trouble.PAGES


@pytest.mark.parametrize("content", [b"", b"rubbish " * 1_000])
def test_a_file_that_does_not_answer_says_nothing(path: Path, content: bytes):
    path.write_bytes(content)
    assert ask_file(path, "SELECT * FROM origin") is None
