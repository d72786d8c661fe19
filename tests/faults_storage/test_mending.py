"""What a scrub of a closed home puts right, what it asks others for, and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.storage import mending, wanted
from node.storage.database import Storage
from node.storage.examination import examine
from node.storage.exchange import draft_path, finish, kept_path, note_path
from node.storage.scrub import DamageKind, ScrubReport
from node.storage.trees import Trees
from tests.faults_storage import lodging
from tests.faults_storage.test_corruption import clean, copied, expected, killed, overwrite
from tests.parties import NOW_MS

LONG = os.environ.get("INTENTCAST_LONG") == "1"
OVERWRITES = 200 if LONG else 24
SEED = 20_261_122
CLOCK = ManualClock(wall_ms=NOW_MS)

__all__ = ["clean", "expected", "killed"]

pytestmark = pytest.mark.timeout(1_200 if LONG else 90)


def scrubbed(home: Path) -> ScrubReport:
    return asyncio.run(mending.scrub_closed(home, clock=CLOCK))


def pages_of(home: Path, table: str, *, index: bool) -> list[int]:
    """Pages of a table or of its indexes, its roots last."""
    mark = examine(home).mark
    assert mark is not None
    places = Trees(home, mark.page_bytes, None, ()).places()
    found = [
        n for n, place in places.items() if place.table == table and bool(place.index) == index
    ]
    assert found, f"{table} fills no page"
    return sorted(found, reverse=True)


def spoil(home: Path, page: int, at: int = 2_000, count: int = 40) -> None:
    with home.open("r+b") as file:
        file.seek((page - 1) * 4_096 + at)
        file.write(random.Random(page).randbytes(count))


async def look(home: Path) -> tuple[ScrubReport, list[wanted.Wanted]]:
    storage = await Storage.open(home, clock=CLOCK)
    try:
        asked = await storage.read(lambda db: wanted.load_all(db, limit=100))
        return await storage.scrub(), asked
    finally:
        await storage.close()


def test_a_whole_home_has_nothing_to_mend(clean: Path, tmp_path: Path):
    home = copied(clean, tmp_path / "home")
    report = scrubbed(home)
    assert report.clean
    assert report.checked > 200
    assert report.pages > 200
    assert not kept_path(home).exists()


def test_damaged_objects_are_dropped_or_wanted_and_the_rest_is_as_before(
    clean: Path, expected: str, tmp_path: Path
):
    home = copied(clean, tmp_path / "home")
    for page in pages_of(home, "objects", index=False)[:6]:
        spoil(home, page)
    refused = lodging.answered(home)
    assert isinstance(refused, StorageError)
    assert "object ic-" in refused.sentence
    report = scrubbed(home)
    assert report.damages
    assert report.is_mended, [each.sentence for each in report.damages if not each.mended]
    assert kept_path(home).exists()
    after, asked = asyncio.run(look(home))
    assert asked, "own objects are asked for"
    assert {each.id for each in after.damages} <= {each.id for each in asked} | {
        each.deal_id for each in asked
    }
    assert all(each.deal_id is not None for each in asked), "all of them are part of a deal"


@pytest.mark.parametrize("table", ["objects", "deals", "threads", "outbox", "casts"])
def test_a_damaged_index_is_made_anew(clean: Path, expected: str, tmp_path: Path, table: str):
    home = copied(clean, tmp_path / "home")
    spoil(home, pages_of(home, table, index=True)[0])
    report = scrubbed(home)
    assert not report.clean
    assert report.is_mended
    assert lodging.answered(home) == expected
    assert scrubbed(home).clean


@pytest.mark.parametrize("table", ["nodes", "served_letters", "idempotency", "audit"])
def test_what_others_bring_again_is_let_go(clean: Path, tmp_path: Path, table: str):
    home = copied(clean, tmp_path / "home")
    spoil(home, pages_of(home, table, index=False)[0])
    report = scrubbed(home)
    assert any(f"table {table}" in each.sentence for each in report.damages)
    assert report.is_mended, [each.sentence for each in report.damages if not each.mended]
    assert asyncio.run(look(home))[0].clean


@pytest.mark.parametrize("table", ["deals", "casts", "boxes_own"])
def test_what_nobody_can_vouch_for_is_named_and_left_alone(clean: Path, tmp_path: Path, table: str):
    home = copied(clean, tmp_path / "home")
    spoil(home, pages_of(home, table, index=False)[0])
    before = home.read_bytes()
    report = scrubbed(home)
    told = [each for each in report.damages if not each.mended]
    assert any(f"table {table}" in each.sentence and "row" in each.sentence for each in told)
    assert all("restore" in each.fix for each in told)
    assert home.read_bytes() == before
    assert isinstance(lodging.answered(home), StorageError)


@pytest.mark.parametrize("state", ["missing", "foreign", "log"])
def test_what_is_not_the_homes_own_is_only_named(
    clean: Path, killed: Path, tmp_path: Path, state: str
):
    home = copied(killed, tmp_path / "home")
    if state == "missing":
        home.unlink()
    elif state == "log":
        home.with_name("home.db-wal").unlink()
    else:
        home.write_bytes(clean.read_bytes())
        home.with_name("home.db-wal").unlink()
    report = scrubbed(home)
    assert [each.what for each in report.damages] == [DamageKind.FILE]
    assert not report.is_mended
    assert report.damages[0].fix


def test_an_exchange_cut_at_any_step_ends_whole(clean: Path, expected: str, tmp_path: Path):
    for step in range(6):
        home = copied(clean, tmp_path / str(step))
        spoil(home, pages_of(home, "deals", index=True)[0])
        whole = copied(clean, tmp_path / f"whole {step}")
        whole.replace(draft_path(home))
        if step > 0:
            note_path(home).touch()
        if step > 1:
            home.replace(kept_path(home))
        if step > 2:
            home.with_name("home.db-sums").unlink()
        if step > 3:
            draft_path(home).replace(home)
        if step > 4:
            note_path(home).unlink()
        told = lodging.answered(home)
        if step == 0:
            assert isinstance(told, StorageError), "nothing was begun: the damage stands"
            continue
        assert told == expected
        assert not note_path(home).exists()
        assert not draft_path(home).exists()
    finish(tmp_path / "nowhere.db")


def test_random_damage_is_mended_or_named(clean: Path, killed: Path, tmp_path: Path):
    dice = random.Random(SEED)
    found: Counter[str] = Counter()
    for _ in range(OVERWRITES):
        whole = dice.choice([clean, killed])
        home = copied(whole, tmp_path / "home")
        overwrite(home, dice)
        report = scrubbed(home)
        for each in report.damages:
            assert each.sentence
            assert each.mended or each.fix
        if report.clean:
            found["harmless"] += 1
        elif report.is_mended:
            found["mended"] += 1
        else:
            found["named"] += 1
        if not report.is_mended:
            assert isinstance(lodging.answered(home), StorageError)
            continue
        after, asked = asyncio.run(look(home))
        # What is still damaged is asked for, and says so when it is read.
        assert len(after.damages) <= 2 * len(asked)
        told = lodging.answered(home)
        assert not isinstance(told, StorageError) or (asked and told.code == "E-DB-DAMAGED")
        with closing(sqlite3.connect(home)) as conn:
            assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    print(json.dumps(found))
    assert found["mended"] > 0
