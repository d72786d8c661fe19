"""The log as it lies on disk: the very frames SQLite would recover, and no others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.storage.journal import (
    FRAME_BYTES,
    HEADER_BYTES,
    index_path,
    journal_path,
    numbers_of_frames,
    page_of_frame,
    page_place,
    read_journal,
)


@pytest.fixture
def logged(path: Path) -> Iterator[sqlite3.Connection]:
    """Three commits that stand in the log alone; the connection keeps them there."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA wal_autocheckpoint = 0")
    for n in range(3):
        conn.execute(f"CREATE TABLE t{n} (x)")
    yield conn
    conn.close()


def sqlite_says(conn: sqlite3.Connection) -> int:
    """How many frames SQLite itself counts."""
    return int(conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])


def test_no_log_is_no_journal(path: Path):
    assert read_journal(path) is None
    journal_path(path).write_bytes(b"too short")
    assert read_journal(path) is None
    assert index_path(path).name == "home.db-shm"


def test_every_whole_commit_is_found(logged: sqlite3.Connection, path: Path):
    found = read_journal(path)
    assert found is not None
    assert found.page_bytes == 4_096
    assert found.frames == sqlite_says(logged)
    assert found.size_pages == logged.execute("PRAGMA page_count").fetchone()[0]
    assert set(found.newest) == set(range(1, found.size_pages + 1))
    assert max(found.newest.values()) == found.frames
    with journal_path(path).open("rb") as log:
        number, page = page_of_frame(log, found.newest[1], found.page_bytes)
    assert number == 1
    assert page.startswith(b"SQLite format 3\0")


@pytest.mark.parametrize("at", [0, 9, 17, 25])
def test_a_damaged_head_counts_for_nothing(logged: sqlite3.Connection, path: Path, at: int):
    log = journal_path(path)
    content = bytearray(log.read_bytes())
    content[at] ^= 1
    log.write_bytes(content)
    assert read_journal(path) is None


def test_a_page_size_nobody_has_counts_for_nothing(logged: sqlite3.Connection, path: Path):
    log = journal_path(path)
    log.write_bytes(log.read_bytes()[:8] + (12_345).to_bytes(4, "big") + log.read_bytes()[12:])
    assert read_journal(path) is None


@pytest.mark.parametrize("inside", [0, 8, 16, 2_000])
def test_damage_ends_the_log_at_the_commit_before(
    logged: sqlite3.Connection, path: Path, inside: int
):
    whole = read_journal(path)
    assert whole is not None
    log = journal_path(path)
    content = bytearray(log.read_bytes())
    place = page_place(whole.frames, whole.page_bytes) - FRAME_BYTES
    content[place + inside] ^= 0xFF
    log.write_bytes(content)
    found = read_journal(path)
    assert found is not None
    assert 0 < found.frames < whole.frames
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    journal_path(copy).write_bytes(content)
    conn = sqlite3.connect(copy)
    assert sqlite_says(conn) == found.frames
    conn.close()


def test_a_log_cut_short_ends_at_its_last_whole_commit(logged: sqlite3.Connection, path: Path):
    log = journal_path(path)
    whole = log.read_bytes()
    log.write_bytes(whole[: HEADER_BYTES + 100])
    found = read_journal(path)
    assert found is not None
    assert (found.frames, found.newest) == (0, {})


def test_a_log_written_the_other_way_round_reads_alike(logged: sqlite3.Connection, path: Path):
    """A machine of the other byte order writes another magic number and sums other words."""
    found = read_journal(path)
    assert found is not None
    log = journal_path(path)
    content = bytearray(log.read_bytes())
    content[3] ^= 1
    log.write_bytes(content)
    assert read_journal(path) is None, "the sums are of the first order"


def test_the_index_knows_which_pages_frames_hold(path: Path):
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA wal_autocheckpoint = 0")
    conn.execute("CREATE TABLE t (x)")
    conn.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) "
        "INSERT INTO t SELECT zeroblob(4000) FROM n"
    )
    found = read_journal(path)
    assert found is not None
    assert found.frames > 2 * 4_096, "more than two blocks"
    with journal_path(path).open("rb") as log, index_path(path).open("rb", buffering=0) as index:
        numbers = numbers_of_frames(index, 1, found.frames)
        step = 97
        for frame in {*range(1, found.frames, step), 4_062, 4_063, 8_158, 8_159}:
            assert numbers[frame - 1] == page_of_frame(log, frame, 4_096)[0]
        for first, last in ((1, 1), (4_060, 4_070), (4_063, 8_158), (5_000, 4_999)):
            assert numbers_of_frames(index, first, last) == numbers[first - 1 : last]
        with pytest.raises(OSError, match="cut short"):
            numbers_of_frames(index, 1, 1_000_000)
    conn.close()
