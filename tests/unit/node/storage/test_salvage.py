"""A new file out of a damaged one: all that proves itself, nothing that does not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.storage import migrations as steps
from node.storage import salvage as room
from node.storage.database import Storage
from node.storage.examination import Examination, examine
from node.storage.exchange import draft_path, kept_path
from node.storage.migrations import Migration, migrations
from node.storage.salvage import Salvage, salvage
from tests.parties import make_cast
from tests.unit.node.storage.furniture import furnished, page_with, places, spoil


def rows(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as conn:
        return conn.execute(sql).fetchall()


def whole(path: Path) -> bool:
    return rows(path, "PRAGMA integrity_check") == [("ok",)]


async def test_without_sums_nothing_is_salvaged(path: Path):
    assert salvage(path, Examination()) == Salvage()


@pytest.mark.parametrize("table", ["objects", "audit"])
async def test_an_index_is_made_anew(path: Path, clock: ManualClock, table: str):
    await furnished(path, clock)
    before = rows(path, f"SELECT * FROM {table}")
    indexes = [n for n, at in places(path).items() if at.index and at.table == "objects"]
    spoil(path, max(indexes))
    result = salvage(path, examine(path))
    assert result.is_made
    assert [each.mended for each in result.damages] == [True]
    assert rows(path, f"SELECT * FROM {table}") == before
    assert whole(path)
    assert kept_path(path).exists()
    assert not draft_path(path).exists()


async def test_damaged_objects_stay_marked_and_their_neighbours_whole(path, clock):
    await furnished(path, clock)
    ids = rows(path, "SELECT id FROM objects ORDER BY seq")
    raws = rows(path, "SELECT id, raw FROM objects")
    at = path.read_bytes().find(make_cast(title="cast 7").raw) + 300
    spoil(path, at // 4_096 + 1, at=at % 4_096, count=30)
    assert salvage(path, examine(path)).is_made
    assert rows(path, "SELECT id FROM objects ORDER BY seq") == ids
    changed = set(rows(path, "SELECT id, raw FROM objects")) - set(raws)
    assert len(changed) == 1
    assert whole(path)


async def test_a_torn_page_costs_its_own_rows_alone(path, clock):
    await furnished(path, clock)
    page = page_with(path, "objects")
    at = places(path)[page]
    kept = rows(path, f"SELECT seq FROM objects WHERE seq < {at.low} ORDER BY seq")
    spoil(path, page, at=0)
    assert salvage(path, examine(path)).is_made
    assert rows(path, "SELECT seq FROM objects ORDER BY seq")[: len(kept)] == kept
    assert whole(path)


async def test_letters_that_prove_themselves_stay(path, clock):
    await furnished(path, clock)
    pages = [n for n, at in places(path).items() if at.table == "served_letters" and at.low == 1]
    spoil(path, max(pages))
    assert salvage(path, examine(path)).is_made
    assert rows(path, "SELECT count(*) FROM served_letters") == [(0,)]
    assert rows(path, "SELECT letters, bytes FROM served_boxes") == [(0, 0)]
    assert rows(path, "SELECT rows, bytes FROM sizes WHERE name = 'served_letters'") == [(0, 0)]


async def test_numbers_are_never_used_twice(path, clock):
    await furnished(path, clock)
    (before,) = rows(path, "SELECT max(seq) FROM audit")
    spoil(path, page_with(path, "audit"))
    assert salvage(path, examine(path)).is_made
    storage = await Storage.open(path, clock=clock)
    from node.storage import audit

    after = await storage.write(lambda conn: audit.append(conn, at=1, what="next"))
    await storage.close()
    assert after > before[0]


async def test_the_homes_own_number_stays(path, clock):
    await furnished(path, clock)
    before = rows(path, "SELECT id FROM origin")
    spoil(path, page_with(path, "origin"), at=4_000, count=90)
    assert salvage(path, examine(path)).is_made
    assert rows(path, "SELECT id FROM origin") == before


async def test_what_nobody_can_vouch_for_stays_untouched(path, clock):
    await furnished(path, clock)
    spoil(path, page_with(path, "deals"))
    content = path.read_bytes()
    result = salvage(path, examine(path))
    assert not result.is_made
    assert [each.mended for each in result.damages] == [False]
    assert "table deals" in result.damages[0].sentence
    assert path.read_bytes() == content


async def test_a_file_too_broken_to_read_stays_untouched(path, clock):
    await furnished(path, clock)
    spoil(path, 1, at=0)
    content = path.read_bytes()
    result = salvage(path, examine(path))
    assert not result.is_made
    assert not any(each.mended for each in result.damages)
    assert path.read_bytes() == content
    assert not draft_path(path).exists()


async def test_a_home_of_an_older_program_is_salvaged_as_it_was(path, clock, monkeypatch):
    await furnished(path, clock)
    spoil(path, page_with(path, "objects", index=True))
    ids = rows(path, "SELECT id FROM objects ORDER BY seq")
    shipped = migrations()
    later = Migration(version=len(shipped) + 1, name="later.sql", sql="CREATE TABLE later (x)")
    for module in (room, steps):
        monkeypatch.setattr(module, "migrations", lambda: (*shipped, later), raising=False)
    assert salvage(path, examine(path)).is_made
    assert rows(path, "PRAGMA user_version") == [(len(shipped),)]
    assert rows(path, "SELECT id FROM objects ORDER BY seq") == ids


async def test_tables_of_another_program_stay_untouched(path, clock, monkeypatch):
    await furnished(path, clock)
    spoil(path, page_with(path, "objects", index=True))
    monkeypatch.setattr(room, "version_of", id)
    assert not salvage(path, examine(path)).is_made


@pytest.mark.parametrize(
    ("error", "code"),
    [(OSError(28, "full"), "E-DB-WRITE"), (sqlite3.SQLITE_FULL, "E-DISK-FULL")],
)
async def test_a_full_disk_changes_nothing(path, clock, monkeypatch, error, code):
    await furnished(path, clock)
    spoil(path, page_with(path, "objects", index=True))
    content = path.read_bytes()

    def full(*_args):
        if isinstance(error, OSError):
            raise error
        raised = sqlite3.OperationalError("database or disk is full")
        raised.sqlite_errorcode = error
        raise raised

    monkeypatch.setattr(room, "_copy", full)
    with pytest.raises(StorageError) as refused:
        salvage(path, examine(path))
    assert refused.value.code == code
    assert path.read_bytes() == content
    assert not draft_path(path).exists()
