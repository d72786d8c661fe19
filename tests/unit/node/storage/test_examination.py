"""Before SQLite touches a file: is it what was last written, all of it?"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.storage import audit, origin, writer
from node.storage.database import Storage
from node.storage.examination import (
    Trouble,
    ask_file,
    compare,
    examine,
    is_lived_in,
    page_bytes_of,
    reads_well,
)
from node.storage.journal import journal_path
from node.storage.page_sums import HEAD_BYTES, SUM_BYTES, never_written, page_sum, sums_path
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


@pytest.mark.parametrize("is_log_lost", [False, True])
async def test_a_commit_that_nobody_was_told_of_is_no_loss_when_it_was_brought_home(
    path: Path, clock: ManualClock, tmp_path: Path, monkeypatch, is_log_lost: bool
):
    lefts: list[Path] = []

    def leave(point: str) -> None:
        if point == "storage.after_commit":
            lefts.append(copy_of(path, tmp_path / f"left {len(lefts)}"))

    storage = await Storage.open(path, clock=clock)
    await storage.write(furnish)
    await storage.write(lambda conn: audit.append(conn, at=1, what="told"))
    monkeypatch.setattr(writer, "crashpoint", leave)
    await storage.write(lambda conn: audit.append(conn, at=2, what="not told, same page"))
    await storage.close()
    left = lefts[0]
    if is_log_lost:
        journal_path(left).unlink()
    with closing(sqlite3.connect(left)) as conn:
        conn.execute("SELECT count(*) FROM audit").fetchone()
    found = examine(left)
    assert found.is_brought_home is not is_log_lost
    assert found.trouble is (Trouble.LOST if is_log_lost else None)


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


async def test_a_flipped_bit_in_the_sums_is_no_damage_of_the_file(path: Path, clock: ManualClock):
    await furnished(path, clock)
    for at in (0, 20, HEAD_BYTES, HEAD_BYTES + 5 * SUM_BYTES + 3, HEAD_BYTES + 6 * SUM_BYTES - 1):
        flip(sums_path(path), at)
        found = examine(path)
        assert (found.trouble, found.are_sums_damaged) == (None, True)
        flip(sums_path(path), at)
    assert not examine(path).are_sums_damaged


@pytest.mark.parametrize("left", [0, 100, HEAD_BYTES, HEAD_BYTES + 100])
async def test_sums_cut_short_are_not_believed(path: Path, clock: ManualClock, left: int):
    await furnished(path, clock)
    os.truncate(sums_path(path), left)
    assert examine(path).are_sums_damaged
    os.truncate(sums_path(path), 100_000)
    assert examine(path).are_sums_damaged, "zeros are no sums either"
    path.unlink()
    found = examine(path)
    assert (found.trouble, found.are_sums_damaged) == (Trouble.MISSING, False)


async def test_damaged_sums_excuse_no_other_page(path: Path, clock: ManualClock):
    await furnished(path, clock)
    flip(sums_path(path), HEAD_BYTES + 5 * SUM_BYTES)
    flip(path, 4_096 * 2 + 1)
    found = examine(path)
    assert (found.trouble, found.pages) == (Trouble.PAGES, (3,))
    assert found.are_sums_damaged


async def test_sums_in_writing_at_a_power_cut_do_not_count(
    path: Path, clock: ManualClock, tmp_path: Path
):
    left = await killed(path, clock, tmp_path / "left")
    found = examine(left)
    assert found.journal is not None
    assert found.mark is not None
    inside = [page for page in found.journal.newest if page <= found.mark.pages]
    for page in inside:
        flip(sums_path(left), HEAD_BYTES + (page - 1) * SUM_BYTES)
    assert not examine(left).are_sums_damaged
    settled = next(n for n in range(1, found.mark.pages + 1) if n not in found.journal.newest)
    flip(sums_path(left), HEAD_BYTES + (settled - 1) * SUM_BYTES)
    assert examine(left).are_sums_damaged


def test_pages_are_held_against_their_sums_in_ranges(path: Path):
    pages = [bytes([n]) * 512 for n in range(1, 5)]
    path.write_bytes(b"".join(pages))
    sums = [page_sum(n, page) for n, page in enumerate(pages, 1)] + [never_written(5)]
    with path.open("rb") as file:
        assert compare(file, 512, b"".join(sums)) == compare(file, 512, b"")
        wrong = [sums[0], page_sum(2, b"x"), never_written(3), bytes(16), sums[4], page_sum(6, b"")]
        found = compare(file, 512, b"".join(wrong))
        assert (found.damaged, found.unproven) == ((2, 6), (4,))
        part = b"".join(wrong[1:4])
        found = compare(file, 512, part, first=2, overlaid={2, 4})
        assert (found.damaged, found.unproven) == ((), (4,))
        assert compare(file, 512, part, first=2, overlaid={2, 4}, unsettled={4}).unproven == ()


async def test_whether_a_node_ever_ran_on_a_file(path: Path, clock: ManualClock):
    assert not is_lived_in(path)
    path.touch()
    assert not is_lived_in(path)
    storage = await Storage.open(path, clock=clock)
    assert not is_lived_in(path), "a feed may be imported before the first run"
    await storage.write(lambda conn: origin.sign(conn, "node-x"))
    await storage.close()
    assert is_lived_in(path)
    spoil(path, 1, at=0)
    assert is_lived_in(path), "it cannot say so any more"
    path.unlink()
    assert is_lived_in(path)
    sums_path(path).unlink()
    assert not is_lived_in(path)


async def test_a_killed_home_is_only_asked_whose_it_is(
    path: Path, clock: ManualClock, tmp_path: Path
):
    left = await killed(path, clock, tmp_path / "left")
    before = [each.read_bytes() for each in (left, journal_path(left))]
    assert not is_lived_in(left)
    assert reads_well(left)
    assert [each.read_bytes() for each in (left, journal_path(left))] == before
    assert examine(left).trouble is None
