"""Sums go ahead of pages, marks ahead of words; and what a damaged home is told at its start."""

from __future__ import annotations

import errno
import io
import sqlite3
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.storage import audit, bounds, guard, origin
from node.storage.database import Storage
from node.storage.examination import examine
from node.storage.guard import Guard
from node.storage.journal import journal_path, numbers_of_frames, read_journal
from node.storage.objects import checksum
from node.storage.page_sums import HEAD_BYTES, SUM_BYTES, PageSums, never_written, sums_path
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


@pytest.mark.parametrize("written", [0, 1])
async def test_marks_that_cannot_be_written_end_the_sums(
    path, clock, monkeypatch, caplog, written: int
):
    storage = await Storage.open(path, clock=clock)
    note = PageSums.note
    left = [note] * written

    def broken(*args):
        if not left:
            raise OSError(5, "Input/output error")
        left.pop()(*args)

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


def disk_error(*_args):
    raise OSError(errno.EIO, "Input/output error")


async def test_a_log_whose_sums_cannot_be_synced_is_brought_home_in_the_end(
    path, clock, monkeypatch, caplog
):
    monkeypatch.setattr(bounds, "wal_pages", 8)
    monkeypatch.setattr(bounds, "sums_tries_max", 3)
    storage = await Storage.open(path, clock=clock)
    log = journal_path(path)
    monkeypatch.setattr(PageSums, "put", disk_error)
    sizes = []
    for _ in range(60):
        await storage.write(line)
        sizes.append(log.stat().st_size)
    assert caplog.text.count("has to wait") == 2
    assert "cannot be kept" in caplog.text
    assert max(sizes) == sizes[-1] < 40 * 4_096, "the log goes on from its beginning"
    assert not sums_path(path).exists()
    monkeypatch.undo()
    await storage.close()
    again = await Storage.open(path, clock=clock)
    assert (await again.scrub()).clean
    await again.close()


async def test_a_log_that_is_too_long_waits_for_no_sums(path, clock, monkeypatch, caplog):
    monkeypatch.setattr(bounds, "wal_bytes_kept", 4_096)
    storage = await Storage.open(path, clock=clock)
    await storage.write(furnish)
    monkeypatch.setattr(PageSums, "put", disk_error)
    guard = storage._writer.guard
    await storage.write(lambda _conn: guard._are_covered())
    assert not guard.is_kept
    assert "cannot be kept" in caplog.text
    await storage.close()


async def test_pages_stay_in_the_log_beside_sums_that_cannot_be_removed(path, clock, monkeypatch):
    storage = await Storage.open(path, clock=clock)
    await storage.write(furnish)
    guard = storage._writer.guard
    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", lambda *_args, **_options: disk_error())
        broken.setattr(PageSums, "spoil", disk_error)
        await storage.write(lambda _conn: guard.give_up(OSError("no more")))
        size = path.stat().st_size
        broken.setattr(bounds, "wal_pages", 1)
        await storage.write(line)
        assert path.stat().st_size == size
    assert sums_path(path).exists()
    monkeypatch.setattr(bounds, "wal_pages", 1)
    await storage.write(line)
    await storage.write(line)
    assert path.stat().st_size > size
    assert not sums_path(path).exists()
    await storage.close()


async def test_an_index_that_cannot_be_read_ends_the_sums_and_not_the_writer(
    path, clock, monkeypatch, caplog
):
    storage = await Storage.open(path, clock=clock)
    monkeypatch.setattr(Guard, "_index_head", disk_error)
    assert [await storage.write(line) for _ in range(3)] == [1, 2, 3]
    assert "cannot be kept" in caplog.text
    await storage.close()
    monkeypatch.undo()
    again = await Storage.open(path, clock=clock)
    assert (await again.scrub()).clean
    await again.close()


async def test_a_log_or_index_cut_short_is_an_error_of_the_disk(storage: Storage):
    guard = storage._writer.guard
    await storage.write(line)
    frames = guard._index_head()[0]
    with pytest.raises(OSError, match="shorter than its index"):
        guard._frame(frames + 100)
    with pytest.raises(OSError, match="another than its index"):
        guard._page(9_999, frames)
    guard._index.close()
    guard._index = io.BytesIO(bytes(20))
    with pytest.raises(OSError, match="index of the log"):
        guard._index_head()


async def test_the_log_is_read_once_however_often_pages_are_compared(path, clock, monkeypatch):
    monkeypatch.setattr(bounds, "pages_per_look", 4)
    storage = await Storage.open(path, clock=clock)
    await storage.write(furnish)
    read: list[int] = []

    def counted(index, first, last):
        read.extend(range(first, last + 1))
        return numbers_of_frames(index, first, last)

    monkeypatch.setattr(guard, "numbers_of_frames", counted)
    sums: list[int] = []
    all_sums = PageSums.sums

    def part(self, first=1, last=None):
        found = all_sums(self, first, last)
        sums.append(len(found) // 16)
        return found

    monkeypatch.setattr(PageSums, "sums", part)
    assert await storage.damaged_pages() == []
    assert len(read) == len(set(read)) > 20, "no frame is read again"
    assert max(sums) == 4
    assert len(sums) > 10
    await storage.close()


async def test_pages_that_are_home_are_compared_although_the_log_still_has_them(
    path, clock, monkeypatch
):
    storage = await Storage.open(path, clock=clock)
    opened = storage._writer.guard
    await storage.write(furnish)
    inside = [page for page in opened._in_log() if 1 < page <= path.stat().st_size // 4_096]
    page = min(inside)
    spoil(path, page)
    assert await storage.damaged_pages() == [], "its newest version stands in the log"
    monkeypatch.setattr(bounds, "wal_pages", 1)
    # Changes that change nothing: the log is brought home between them, and does not begin anew.
    for _ in range(2):
        await storage.write(lambda _conn: None)
    assert await storage.damaged_pages() == []
    assert page in opened._in_log(), "the log has not begun anew"
    spoil(path, page)
    assert await storage.damaged_pages() == [page]
    await storage.close()


async def test_a_log_that_begins_anew_is_read_anew(path, clock, monkeypatch):
    monkeypatch.setattr(bounds, "wal_pages", 1)
    storage = await Storage.open(path, clock=clock)
    opened = storage._writer.guard
    await storage.write(furnish)
    long = await storage.write(lambda _conn: dict(opened._in_log()))
    await storage.write(line)
    short = await storage.write(lambda _conn: dict(opened._in_log()))
    assert len(short) < len(long)
    found = read_journal(path)
    assert found is not None
    assert short == found.newest
    assert await storage.damaged_pages() == []
    await storage.close()


async def test_sums_in_doubt_are_made_anew_wherever_their_page_is(path, clock):
    await furnished(path, clock)
    storage = await Storage.open(path, clock=clock)
    opened = storage._writer.guard
    await storage.write(line)
    pages = {min(opened._in_log()), opened.pages}
    for page in pages:
        flip(sums_path(path), HEAD_BYTES + (page - 1) * SUM_BYTES)
    assert await storage.damaged_pages() == []
    assert await storage.write(lambda _conn: opened.renew(is_whole=False))
    assert await storage.damaged_pages() == []
    assert await storage.write(lambda _conn: opened.renew(is_whole=True))
    assert not await storage.write(lambda _conn: opened.renew(is_whole=True))
    assert opened._sum_now(opened.pages + 9) == never_written(opened.pages + 9)
    await storage.close()
    assert not examine(path).are_sums_damaged


async def test_sums_that_cannot_be_made_anew_are_given_up(path, clock, monkeypatch):
    await furnished(path, clock)
    storage = await Storage.open(path, clock=clock)
    opened = storage._writer.guard
    flip(sums_path(path), HEAD_BYTES + (opened.pages - 1) * SUM_BYTES)
    assert await storage.damaged_pages() == []
    monkeypatch.setattr(PageSums, "put", disk_error)
    assert await storage.write(lambda _conn: opened.renew(is_whole=True))
    assert not opened.is_kept
    await storage.close()


async def test_damaged_sums_are_made_anew_at_the_start_with_a_warning(path, clock, caplog):
    await furnished(path, clock)
    flip(sums_path(path), HEAD_BYTES + 5 * SUM_BYTES)
    storage = await Storage.open(path, clock=clock)
    assert "home.db-sums is damaged; the database itself is whole" in caplog.text
    assert "made anew" in caplog.text
    assert storage._writer.guard.is_renewed
    await storage.close()
    spoil(path, page_with(path, "audit"))
    error = await refused(path, clock)
    assert "1 page is not what was written" in error.sentence


async def test_damage_beside_damaged_sums_is_refused(path, clock):
    await furnished(path, clock)
    flip(sums_path(path), 3)
    target = make_cast(title="cast 7")
    flip(path, path.read_bytes().find(target.raw) + 300)
    error = await refused(path, clock)
    assert error.code == "E-DB-DAMAGED"
    assert to_text("ic", target.id) in error.sentence
    assert "home.db-sums" in error.sentence
    assert "remove home.db-sums" in error.fix
