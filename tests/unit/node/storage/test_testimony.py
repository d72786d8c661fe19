"""A file whose sums cannot be believed speaks for itself: whole is whole, and damage is named."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.storage import wanted
from node.storage.database import Storage
from node.storage.page_sums import sums_path
from node.storage.testimony import is_newer, wrongs_of
from protocol.ids import to_text
from tests.parties import make_cast
from tests.unit.node.storage.furniture import furnished, page_with, spoil
from tests.unit.node.storage.test_examination import flip, killed


@pytest.fixture
def home(path: Path, clock: ManualClock) -> Path:
    return asyncio.run(furnished(path, clock))


def changed(home: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    """Change a home as damage would, without its sums."""
    sums_path(home).unlink(missing_ok=True)

    async def run() -> None:
        storage = await Storage.open(home, clock=ManualClock(wall_ms=1))
        await storage.write(change)
        await storage.close()

    asyncio.run(run())


def test_a_whole_file_is_whole(home: Path):
    before = home.read_bytes()
    assert wrongs_of(home) == []
    assert home.read_bytes() == before


def test_a_killed_home_is_whole_and_keeps_its_log(path: Path, clock: ManualClock, tmp_path: Path):
    left = asyncio.run(killed(path, clock, tmp_path / "left"))
    log = left.with_name("home.db-wal").read_bytes()
    assert wrongs_of(left) == []
    assert left.with_name("home.db-wal").read_bytes() == log


def test_an_empty_file_says_nothing(path: Path):
    path.touch()
    assert wrongs_of(path) == []


def test_a_damaged_object_is_named(home: Path):
    target = make_cast(title="cast 7")
    flip(home, home.read_bytes().find(target.raw) + 300)
    assert any(to_text("ic", target.id) in each for each in wrongs_of(home))


def test_what_is_asked_for_already_is_no_news(home: Path):
    target = make_cast(title="cast 7")
    want = wanted.Wanted(id=target.id, deal_id=None, found_ms=1)
    changed(home, lambda conn: wanted.want(conn, want))
    flip(home, home.read_bytes().find(target.raw) + 300)
    assert wrongs_of(home) == []
    changed(home, lambda conn: conn.execute("UPDATE sizes SET rows = 77"))
    assert any("counter" in each for each in wrongs_of(home))


@pytest.mark.parametrize("at", [0, 100], ids=["no database", "no schema"])
def test_a_file_that_does_not_answer_is_not_whole(home: Path, at: int):
    spoil(home, 1, at=at)
    assert wrongs_of(home)


def test_a_torn_page_is_not_whole(home: Path):
    spoil(home, page_with(home, "audit"), at=0)
    assert wrongs_of(home)


def test_an_older_file_is_asked_less(home: Path):
    changed(home, lambda conn: conn.execute("UPDATE sizes SET rows = 77"))
    conn = sqlite3.connect(home)
    conn.execute("PRAGMA user_version = 3")
    conn.close()
    assert wrongs_of(home) == []
    assert not is_newer(home)
    flip(home, home.read_bytes().find(make_cast(title="cast 7").raw) + 300)
    assert wrongs_of(home) == ["it cannot be read through"]


def test_a_newer_file_is_known(home: Path):
    assert not is_newer(home)
    conn = sqlite3.connect(home)
    conn.execute("PRAGMA user_version = 9999")
    conn.close()
    assert is_newer(home)
    spoil(home, 1, at=0)
    assert not is_newer(home)
