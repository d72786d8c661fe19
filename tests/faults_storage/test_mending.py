"""What a scrub of a closed home puts right, what it asks others for, and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.storage import audit, casts, idempotency, mending, objects, threads, wanted
from node.storage.database import Storage
from node.storage.examination import examine
from node.storage.exchange import draft_path, finish, kept_path, note_path
from node.storage.scrub import DamageKind, ScrubReport
from node.storage.trees import Trees
from protocol.ids import OfferId
from protocol.market.cast import CastState
from protocol.market.deal import Role
from protocol.market.thread import ThreadState
from tests.faults_storage import lodging
from tests.faults_storage.test_corruption import clean, copied, expected, killed, overwrite
from tests.parties import NOW_MS, make_cast, make_offer, make_profile

LONG = os.environ.get("INTENTCAST_LONG") == "1"
OVERWRITES = 200 if LONG else 24
SEED = 20_261_122
TALKS = 12
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


# --- what is left after a mending ----------------------------------------------------------------

NEVER_LET_GO = ("boxes_own", "casts", "deals", "disclosed", "offers_sent", "outbox", "threads")
"""Tables whose rows are all there after a mending, whatever else was damaged."""


def more(conn: sqlite3.Connection, n: int) -> None:
    """Talk with a shop that came to no deal: our request, its offer, a profile pinned for it."""
    cast, profile = make_cast(title=f"open {n}"), make_profile(name=f"stall {n}")
    offer = make_offer(cast, profile, note="z" * 600)
    for verified, own in ((cast, True), (profile, False), (offer, True)):
        objects.insert(conn, verified, own=own, now_ms=NOW_MS)
    objects.pin(conn, [profile.id])
    ctx = lodging.name("open", n)[:16]
    casts.save(
        conn,
        casts.OwnCast(
            nonce=ctx,
            cast_id=cast.id,
            root_id=cast.id,
            state=CastState.OPEN,
            draft="{}",
            created_ms=n,
        ),
    )
    threads.save(
        conn,
        threads.Thread(
            cast_id=cast.id,
            role=Role.BUYER,
            own_ctx=ctx,
            other_key=offer.header.key,
            state=ThreadState.OFFERED,
            offer_id=OfferId(offer.id),
            profile_id=profile.id,
            last_other_id=offer.id,
            other_reply=b"reply",
            updated_ms=1,
        ),
    )


@pytest.fixture(scope="module")
def talkative(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with objects beyond those of deals."""
    home = copied(clean, tmp_path_factory.mktemp("talkative"))

    async def talk() -> None:
        storage = await Storage.open(home, clock=CLOCK)
        try:
            for n in range(TALKS):
                await storage.write(partial(more, n=n))
        finally:
            await storage.close()

    asyncio.run(talk())
    return home


def table_of(home: Path, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(home)) as conn:
        return conn.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()


def objects_of(home: Path) -> dict[bytes, tuple[bytes, int, int]]:
    """Give the bytes of each object, whether it is ours and whether it is pinned."""
    with closing(sqlite3.connect(home)) as conn:
        rows = conn.execute("SELECT id, raw, own, pinned FROM objects").fetchall()
    return {row[0]: row[1:] for row in rows}


def assert_nothing_is_lost(whole: Path, home: Path, report: ScrubReport) -> None:
    """Hold a mended home against what it was: the same, asked for, or named."""
    for table in NEVER_LET_GO:
        assert table_of(home, table) == table_of(whole, table), table
    now, (_, asked) = objects_of(home), asyncio.run(look(home))
    told = {each.id for each in asked} | {each.id for each in report.damages if not each.mended}
    for object_id, (raw, own, pinned) in objects_of(whole).items():
        if object_id in told:
            continue
        if object_id not in now:
            assert not own, f"{object_id.hex()} was ours, is gone, and nobody is asked for it"
            assert not pinned, f"{object_id.hex()} was needed, is gone, and nobody is asked for it"
            continue
        assert now[object_id][0] == raw, f"{object_id.hex()} is another"
        assert now[object_id][1] >= own, f"{object_id.hex()} was ours"
        assert own or now[object_id][2] >= pinned, f"{object_id.hex()} was pinned"
    before = {table: table_of(home, table) for table in ("audit", "idempotency")}
    asyncio.run(write_one_of_each(home))
    for table, rows in before.items():
        assert table_of(home, table)[: len(rows)] == rows, f"a change let rows of {table} go"


async def write_one_of_each(home: Path) -> None:
    storage = await Storage.open(home, clock=CLOCK)
    try:
        await storage.write(lambda conn: audit.append(conn, at=1, what="mended"))
        await storage.write(lambda conn: idempotency.remember(conn, "new", b"h" * 32, b"a", NOW_MS))
    finally:
        await storage.close()


def leaves_of(home: Path, table: str) -> list[int]:
    content = home.read_bytes()
    pages = pages_of(home, table, index=False)
    return [page for page in pages if content[(page - 1) * 4_096] == 0x0D]


@pytest.mark.parametrize("first", [0, 3, 12, 30])
def test_objects_of_destroyed_pages_are_asked_for(talkative: Path, tmp_path: Path, first: int):
    home = copied(talkative, tmp_path / "home")
    for page in leaves_of(home, "objects")[first : first + 3]:
        spoil(home, page, at=0, count=400)
    report = scrubbed(home)
    assert report.is_mended, [each.sentence for each in report.damages if not each.mended]
    assert any("is lost" in each.sentence for each in report.damages)
    assert_nothing_is_lost(talkative, home, report)
    after, asked = asyncio.run(look(home))
    assert not after.clean, "what is missing is told until it is here"
    assert {each.id for each in after.damages if each.what is DamageKind.OBJECT} <= {
        each.id for each in asked
    }


@pytest.mark.parametrize("table", ["audit", "idempotency", "nodes", "served_letters"])
def test_the_next_change_after_a_mending_lets_nothing_go(
    talkative: Path, tmp_path: Path, table: str
):
    home = copied(talkative, tmp_path / "home")
    spoil(home, pages_of(home, table, index=False)[0])
    report = scrubbed(home)
    assert report.is_mended
    assert_nothing_is_lost(talkative, home, report)
    for each in {"audit", "idempotency"} - {table}:
        assert table_of(home, each)[:-1] == table_of(talkative, each)


def test_the_damaged_file_is_kept_with_its_log(killed: Path, tmp_path: Path):
    home = copied(killed, tmp_path / "home")
    told = lodging.answered(copied(killed, tmp_path / "other"))
    spoil(home, max(set(pages_of(home, "deals", index=True)) - in_log(home)))
    assert scrubbed(home).is_mended
    assert lodging.answered(home) == told
    # With its log, the damaged file still knows what was said last.
    sql = f"SELECT count(*) FROM deals WHERE created_ms >= {lodging.LODGERS}"
    with closing(sqlite3.connect(kept_path(home))) as conn:
        assert conn.execute(sql).fetchone() == (lodging.LATE,)


def in_log(home: Path) -> set[int]:
    journal = examine(home).journal
    assert journal is not None
    return set(journal.newest)


# --- what a mending puts right, and what it leaves -----------------------------------------------


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
    assert_nothing_is_lost(clean, home, report)


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


def test_random_damage_is_mended_or_named(
    clean: Path, killed: Path, talkative: Path, tmp_path: Path
):
    dice = random.Random(SEED)
    found: Counter[str] = Counter()
    # Read as a file of its own: reading one that was killed brings its log home.
    pristine = {
        each: copied(each, tmp_path / each.parent.name) for each in (clean, killed, talkative)
    }
    for home in pristine.values():
        lodging.answered(home)
    for _ in range(OVERWRITES):
        whole = dice.choice([clean, killed, talkative])
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
        if not report.is_mended and not kept_path(home).exists():
            assert isinstance(lodging.answered(home), StorageError)
            continue
        # What is not mended although the file was made anew is named, one by one.
        assert all(each.mended or each.what is DamageKind.OBJECT for each in report.damages)
        if kept_path(home).exists():
            assert_nothing_is_lost(pristine[whole], home, report)
        after, asked = asyncio.run(look(home))
        # What is still damaged is asked for, and says so when it is read.
        assert len(after.damages) <= 2 * len(asked)
        told = lodging.answered(home)
        assert not isinstance(told, StorageError) or (asked and told.code == "E-DB-DAMAGED")
        with closing(sqlite3.connect(home)) as conn:
            assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    print(json.dumps(found))
    assert found["mended"] > 0
