"""Sums go ahead of pages, marks ahead of words; and what a damaged home is told at its start."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.storage import audit, bounds, guard, origin
from node.storage.database import Storage
from node.storage.examination import examine
from node.storage.journal import journal_path
from node.storage.objects import checksum
from node.storage.page_sums import PageSums, sums_path
from protocol.ids import to_text
from tests.parties import make_cast
from tests.unit.node.storage.furniture import furnish, furnished, page_with, spoil
from tests.unit.node.storage.test_examination import copy_of, flip, killed


def line(conn: sqlite3.Connection) -> int:
    return audit.append(conn, at=1, what="line")


def told(path: Path) -> tuple[int, int]:
    sums = PageSums.load(path)
    assert sums is not None
    with_mark = sums.mark
    sums.close()
    return with_mark.told, with_mark.covered


async def refused(path: Path, clock: ManualClock) -> StorageError:
    with pytest.raises(StorageError) as caught:
        await Storage.open(path, clock=clock)
    assert caught.value.fix
    return caught.value


async def test_every_commit_is_marked_before_it_is_told(storage: Storage, path: Path):
    assert told(path) == (0, 0)
    seen = []
    for _ in range(3):
        await storage.write(line)
        seen.append(told(path)[0])
    assert 0 < seen[0] < seen[1] < seen[2]
    await storage.write(lambda conn: conn.execute("SELECT 1").fetchall())
    assert told(path)[0] == seen[2], "what changes nothing moves no mark"


async def test_a_long_log_is_brought_home_after_its_sums(path, clock, monkeypatch):
    monkeypatch.setattr(bounds, "wal_pages", 20)
    storage = await Storage.open(path, clock=clock)
    points: list[tuple[str, int, int]] = []

    def point(name: str) -> None:
        points.append((name, *told(path)))

    monkeypatch.setattr(guard, "crashpoint", point)
    for _ in range(30):
        await storage.write(line)
    await storage.close()
    before = [each for each in points if each[0] == "storage.before_checkpoint"]
    assert len(before) > 2
    assert all(frames == covered for _, frames, covered in before)
    assert examine(path).trouble is None
    assert not journal_path(path).exists()


async def test_without_room_for_sums_pages_stay_in_the_log(path, clock, monkeypatch, caplog):
    storage = await Storage.open(path, clock=clock)
    await storage.write(furnish)
    size = path.stat().st_size

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PageSums, "put", full)
    opened = storage._writer.guard
    await storage.write(lambda _conn: None)
    await storage.close()
    assert opened.is_kept
    assert "has to wait" in caplog.text
    monkeypatch.undo()
    # SQLite itself brought the log home when it was closed: that is known, and no damage.
    assert path.stat().st_size > size
    again = await Storage.open(path, clock=clock)
    assert (await again.scrub()).clean
    await again.close()


async def test_marks_that_cannot_be_written_end_the_sums(path, clock, monkeypatch, caplog):
    storage = await Storage.open(path, clock=clock)

    def broken(*_args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(PageSums, "note", broken)
    assert await storage.write(line) == 1
    assert "cannot be kept" in caplog.text
    assert not sums_path(path).exists()
    assert await storage.damaged_pages() == []
    assert await storage.write(line) == 2
    await storage.close()
    monkeypatch.undo()
    again = await Storage.open(path, clock=clock)
    assert (await again.scrub()).clean
    assert again._writer.guard.pages > 50
    await again.close()


async def test_pages_can_be_compared_while_the_node_runs(path, clock, monkeypatch):
    monkeypatch.setattr(bounds, "pages_per_look", 16)
    await furnished(path, clock)
    storage = await Storage.open(path, clock=clock)
    assert await storage.damaged_pages() == []
    page = page_with(path, "objects")
    spoil(path, page)
    assert await storage.damaged_pages() == [page]
    report = await storage.scrub()
    assert f"page {page} of home.db is not what was written" in report.file
    await storage.close()


async def test_a_damaged_object_is_named(path: Path, clock: ManualClock):
    await furnished(path, clock)
    target = make_cast(title="cast 7")
    flip(path, path.read_bytes().find(target.raw) + 300)
    error = await refused(path, clock)
    assert error.code == "E-DB-DAMAGED"
    assert to_text("ic", target.id) in error.sentence
    assert "doctor --scrub" in error.fix
    assert checksum(target.id, target.raw)


async def test_a_damaged_row_of_another_table_is_named_by_its_place(path, clock):
    await furnished(path, clock)
    spoil(path, page_with(path, "audit"))
    error = await refused(path, clock)
    assert "1 page is not what was written" in error.sentence
    assert "table audit, row" in error.sentence


async def test_objects_of_a_torn_page_are_named_by_their_place(path, clock):
    await furnished(path, clock)
    spoil(path, page_with(path, "objects"), at=0)
    error = await refused(path, clock)
    assert "objects" in error.sentence


async def test_a_file_cut_short_says_how_much_is_left(path, clock):
    await furnished(path, clock)
    pages = path.stat().st_size // 4_096
    path.write_bytes(path.read_bytes()[: 10 * 4_096])
    error = await refused(path, clock)
    assert f"10 of its {pages} pages are left" in error.sentence


async def test_a_missing_file_is_not_made_anew(path, clock):
    await furnished(path, clock)
    path.unlink()
    error = await refused(path, clock)
    assert error.code == "E-DB-MISSING"
    assert not path.exists()


async def test_another_homes_file_is_named(path, clock, tmp_path):
    await furnished(path, clock)
    other = tmp_path / "other.db"
    storage = await Storage.open(other, clock=clock)
    await storage.write(lambda conn: origin.sign(conn, "node-OTHER"))
    await storage.close()
    path.write_bytes(other.read_bytes())
    error = await refused(path, clock)
    assert error.code == "E-DB-FOREIGN"
    assert "node-OTHER" in error.sentence


async def test_a_lost_log_is_named(path, clock, tmp_path):
    left = await killed(path, clock, tmp_path / "left")
    journal_path(left).unlink()
    error = await refused(left, clock)
    assert "home.db-wal" in error.sentence
    assert "restore" in error.fix


async def test_a_damaged_log_that_is_all_home_is_thrown_away(path, clock, tmp_path, caplog):
    storage = await Storage.open(path, clock=clock)
    await storage.write(furnish)
    await storage.write(lambda _conn: storage._writer.guard._cover())
    conn = sqlite3.connect(path)
    conn.execute("PRAGMA wal_checkpoint(PASSIVE)")
    left = copy_of(path, tmp_path / "left")
    conn.close()
    await storage.close()
    flip(journal_path(left), 5_000)
    again = await Storage.open(left, clock=clock)
    assert "was damaged, but all it held is in the file" in caplog.text
    assert (await again.scrub()).clean
    await again.close()
