"""Which table and which rows a page holds, the same as SQLite's own answer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.storage import trees
from node.storage.journal import read_journal
from node.storage.trees import FREE, ROW_MAX, ROW_MIN, Place, in_words, places_of
from tests.unit.node.storage.furniture import LONG, PAGE, furnished, page_with, places, spoil


async def test_every_page_of_every_tree_is_placed(path: Path, clock: ManualClock):
    await furnished(path, clock)
    found = places(path)
    with closing(sqlite3.connect(path)) as conn:
        names = dict(conn.execute("SELECT name, tbl_name FROM sqlite_schema").fetchall())
        try:
            told = conn.execute("SELECT pageno, name FROM dbstat").fetchall()
        except sqlite3.OperationalError:
            pytest.skip("this SQLite has no dbstat to compare with")
    for page, name in told:
        assert (found[page].index or found[page].table) == name
        assert found[page].table == names.get(name, name)
    assert set(found) == {page for page, _ in told}


async def test_rows_are_where_they_are_said_to_be(path: Path, clock: ManualClock):
    await furnished(path, clock)
    leaves = {n: at for n, at in places(path).items() if at.table == "objects" and not at.index}
    with closing(sqlite3.connect(path)) as conn:
        rows = [row[0] for row in conn.execute("SELECT seq FROM objects ORDER BY seq")]
    assert len(leaves) > 3
    content = path.read_bytes()
    for seq in rows:
        narrow = [n for n, at in leaves.items() if at.low <= seq <= at.high]
        title = f"cast {seq - 1}".encode()
        assert any(title in content[(n - 1) * PAGE : n * PAGE] for n in narrow)


async def test_long_rows_own_the_pages_they_go_on_in(path: Path, clock: ManualClock):
    await furnished(path, clock)
    content = path.read_bytes()
    owners = [
        at
        for n, at in places(path).items()
        if content[(n - 1) * PAGE : n * PAGE].count(LONG[:1]) > PAGE // 2
    ]
    assert len(owners) >= 2
    assert {(at.table, at.low, at.high) for at in owners} == {("served_letters", 1, 1)}


async def test_a_damaged_page_is_not_believed(path: Path, clock: ManualClock):
    await furnished(path, clock)
    page = page_with(path, "objects")
    before = places(path)[page]
    spoil(path, page, at=0)
    assert places(path, (page,))[page] == before
    # Unannounced damage is survived, too.
    assert places(path)[page].table == "objects"


async def test_the_log_is_read_where_it_is_newer(path: Path, clock: ManualClock):
    from node.storage.database import Storage
    from tests.unit.node.storage.furniture import furnish

    storage = await Storage.open(path, clock=clock)
    await storage.write(furnish)
    journal = read_journal(path)
    assert journal is not None
    found = trees.Trees(path, PAGE, journal, ()).places()
    assert sum(at.table == "objects" for at in found.values()) > 5
    await storage.close()


async def test_pages_nobody_uses_are_free(path: Path, clock: ManualClock):
    await furnished(path, clock)
    assert places_of(path, [9_999], PAGE, None) == {9_999: FREE}


def test_places_in_words():
    assert in_words(FREE) == "an unused page"
    assert in_words(Place(table="deals", index="deals_state")) == "an index of table deals"
    assert in_words(Place(table="deals", low=4, high=4)) == "table deals, row 4"
    assert in_words(Place(table="deals", low=4, high=9)) == "table deals, row 4 to 9"
    whole = Place(table="deals", low=ROW_MIN, high=ROW_MAX)
    assert in_words(whole) == "table deals, the first row to the last"


@pytest.mark.parametrize("value", [0, 127, 128, 16_383, 16_384, (1 << 63) - 1, (1 << 64) - 1])
def test_numbers_are_read_as_sqlite_writes_them(value: int):
    assert trees._varint(written(value) + b"tail", 0) == (value, len(written(value)))


def written(value: int) -> bytes:
    """Write a number as SQLite does."""
    if value >= 1 << 56:
        low = bytes([value & 0xFF])
        high = value >> 8
        return bytes(high >> shift & 0x7F | 0x80 for shift in range(49, -1, -7)) + low
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))
