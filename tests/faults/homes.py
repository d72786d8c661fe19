"""Scenarios that need a home of their own: a first run, an older or damaged file, a later clock.

Enters: a street and a cell. Leaves: how often the point was hit, and what the judge found.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeAlias

from node.crashpoint import EXIT_CODE
from node.storage.connection import open_writer
from node.storage.examination import examine
from node.storage.exchange import kept_path
from node.storage.journal import journal_path
from node.storage.migrations import copy_database, copy_path, migrate, migrations
from node.storage.trees import Trees
from protocol.now import DAY_MS
from tests.faults.checker import ask_disk
from tests.faults.house import DiedError, House, environment, key_of
from tests.faults.points import BUYER, Cell, arrivals_max
from tests.faults.stories import Story
from tests.faults.street import BASE, CATEGORY, FEED, Street, Watch, write_shop

Found: TypeAlias = tuple[int, list[str]]
"""How often the point was hit; faults."""
_OPENING = """
import asyncio, pathlib, sys
from node.clock import SystemClock
from node.storage.database import Storage

async def opened():
    storage = await Storage.open(pathlib.Path(sys.argv[1]), clock=SystemClock())
    await storage.close()

asyncio.run(opened())
"""
_LEAVING = """
import asyncio, os, pathlib, sys
from node.clock import SystemClock
from node.storage import audit
from node.storage.database import Storage

async def left():
    storage = await Storage.open(pathlib.Path(sys.argv[1]), clock=SystemClock())
    await storage.write(lambda conn: audit.append(conn, at=1, what="left.behind"))
    os._exit(0)

asyncio.run(left())
"""
_SCRUBBING = """
import asyncio, pathlib, sys
from node.clock import SystemClock
from node.storage.mending import scrub_closed

report = asyncio.run(scrub_closed(pathlib.Path(sys.argv[1]), clock=SystemClock()))
sys.exit(0 if report.is_mended else 3)
"""
_PAGE_BYTES = 4_096


async def first_run(street: Street, cell: Cell) -> Found:
    """Somebody new moves in, dies while doing so, comes up as the same somebody, and trades."""
    house = street.house(f"{cell.side}_{cell.point}_{cell.seed}")
    house.settings |= {"peers": street.addresses()}
    is_buyer = cell.side == BUYER
    if not is_buyer:
        write_shop(house.home, house.name)
    arrival = min(cell.seed, arrivals_max(cell.point) or 1)
    with suppress(DiedError):
        await house.start(crash=f"{cell.point}:{arrival}")
    left = secrets_of(house.home) if house.process is None else {}
    watch = Watch(house)
    (street.buyers if is_buyer else street.vendors).append(house)
    try:
        await house.is_up.wait()
        faults = await (_buys(street, house, cell) if is_buyer else _sells(street, house, cell))
        faults += await street.settled_verdict()
    finally:
        await watch.let_go()
        hits = house.ended.count(EXIT_CODE)
        await house.kill()
    now = secrets_of(house.home)
    faults += [f"{name} was made anew" for name, data in left.items() if now.get(name) != data]
    return hits, faults + ([] if hits else ["the point was never reached"])


def secrets_of(home: Path) -> dict[str, bytes]:
    """Read every key file of a home."""
    return {path.name: path.read_bytes() for path in home.glob("*.key")}


async def _buys(street: Street, house: House, cell: Cell) -> list[str]:
    story = Story(street, f"{cell}")
    deal_id = await story.accept(await story.offer(await story.cast(house), buyer=house), house)
    await story.agreed(deal_id, buyer=house)
    return []


async def _sells(street: Street, house: House, cell: Cell) -> list[str]:
    await house.send_feed(FEED, source="street", category=CATEGORY)
    await street.until_profile(house)
    story = Story(street, f"{cell}")
    offer_id = await story.offer(await story.cast(), vendor=house)
    await story.agreed(await story.accept(offer_id), vendor=house)
    profiles = ask_disk(house.home, "SELECT 1 FROM objects WHERE kind = 'profile' AND own = 1")
    return [] if len(profiles) == 1 else [f"{len(profiles)} profiles were signed"]


# --- an older file -------------------------------------------------------------------------------


async def older_home(street: Street, cell: Cell) -> Found:
    """A home of the first version is brought to this one, killed at every step on the way."""
    await Story(street, f"{cell}").cast()
    old = street.folder / f"older-{cell.point}-{cell.seed}.db"
    older_file(street.buyer.home / "node.db", old)
    before = content_of(old)
    faults: list[str] = []
    hits = 0
    home = street.folder
    for number in range(1, len(migrations())):
        home = street.folder / f"older-{cell.point}-{cell.seed}-{number}"
        home.mkdir(mode=0o700)
        path = home / "node.db"
        shutil.copy(old, path)
        hits += await opening(path, f"{cell.point}:{number}") == EXIT_CODE
        code = await opening(path, "")
        if code:
            faults.append(f"after a death in step {number} the file opens with {code}")
        faults += [f"step {number}: {fault}" for fault in content_faults(path, before)]
    # The last of them becomes a node again: its identity lives elsewhere too.
    for key in street.buyer.home.glob("*.key"):
        shutil.copy(key, home)
    house = House("older", home, dict(BASE))
    # It knows addresses of the street: while it is up it reads what its other copy left for it.
    street.elsewhere.append(house)
    await house.start()
    await house.kill()
    await street.buyer.post("/v1/identity/this-one", {}, key=key_of(cell, "this"))
    if hits != len(migrations()) - 1:
        faults.append(f"{hits} of {len(migrations()) - 1} steps were struck")
    return hits, faults


def older_file(newer: Path, target: Path) -> None:
    """Write a file of the first version that holds what a file of today holds."""
    conn = open_writer(target)
    try:
        migrate(conn, target, migrations()[:1])
        conn.execute("ATTACH ? AS newer", (f"{newer.absolute().as_uri()}?mode=ro",))
        tables = conn.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall()
        # Sizes are kept by triggers; served letters name their boxes, which come first.
        names = [row[0] for row in tables if row[0] != "sizes" and not row[0].startswith("sqlite_")]
        conn.execute("BEGIN")
        for name in names:
            columns = ", ".join(shared_columns(conn, name))
            conn.execute(f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM newer.{name}")
        conn.execute("COMMIT")
        conn.execute("DETACH newer")
    finally:
        conn.close()


def shared_columns(conn: sqlite3.Connection, name: str) -> list[str]:
    old = [row[1] for row in conn.execute(f"PRAGMA main.table_info({name})")]
    new = {row[1] for row in conn.execute(f"PRAGMA newer.table_info({name})")}
    return [column for column in old if column in new]


def content_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Read every row of every table, by the columns the file has."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as conn:
        tables = conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        names = [row[0] for row in tables if not row[0].startswith("sqlite_")]
        found = {}
        for name in names:
            columns = [row[1] for row in conn.execute(f"PRAGMA table_info({name})")]
            listed = ", ".join(columns)
            rows = sorted(conn.execute(f"SELECT {listed} FROM {name}"), key=repr)
            found[f"{name}({listed})"] = rows
        return found


def content_faults(path: Path, before: dict[str, list[tuple[object, ...]]]) -> list[str]:
    """Say what of an older file is not in it any more, and whether its copies are whole."""
    faults = []
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as conn:
        version = conn.execute("PRAGMA user_version").fetchone()[0]
        if version != len(migrations()):
            faults.append(f"the file is of version {version}")
        if conn.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            faults.append("the file is damaged")
        for name, rows in before.items():
            table, _, listed = name.rstrip(")").partition("(")
            now = sorted(conn.execute(f"SELECT {listed} FROM {table}"), key=repr)
            # A step may begin to count more; what was counted stays.
            if set(rows) - set(now) if table == "sizes" else now != rows:
                faults.append(f"{table} does not hold what it held")
    copy = copy_path(path, len(migrations()))
    if not copy.exists():
        faults.append("no copy was kept before the last step")
    elif (was := _version(copy)) != len(migrations()) - 1:
        faults.append(f"the copy before the last step is of version {was}")
    return faults


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as conn:
        return int(conn.execute("PRAGMA user_version").fetchone()[0])


async def opening(path: Path, crash: str, script: str = _OPENING) -> int:
    """Open a database in a process of its own; give how it ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", script, str(path)),
        env=environment(crash),
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


# --- a damaged file ------------------------------------------------------------------------------


async def damaged_home(street: Street, cell: Cell) -> Found:
    """A damaged home is scrubbed and dies over it; the next start finds all of it."""
    await Story(street, f"{cell}").cast()
    home = street.folder / f"damaged-{cell.point}-{cell.seed}"
    home.mkdir(mode=0o700)
    path = home / "node.db"
    newest = f"{(street.buyer.home / 'node.db').absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(newest, uri=True)) as conn:
        copy_database(conn, path)
    # Its last change stands in the log alone, as after a power cut.
    faults = [] if await opening(path, "", _LEAVING) == 0 else ["it was never a home"]
    before = content_of(path)
    spoil_an_index(path, cell.seed)
    hits = int(await opening(path, cell.point, _SCRUBBING) == EXIT_CODE)
    if code := await opening(path, ""):
        faults.append(f"after a death in the middle of a mending the file opens with {code}")
    left = {each.name for each in home.glob("node.db*")} - {"node.db", "node.db-sums"}
    if left:
        faults.append(f"{sorted(left)} were left behind")
    if content_of(path) != before:
        faults.append("the mended file does not hold what the damaged one held")
    if not journal_path(kept_path(path)).exists():
        faults.append("the damaged file was kept without its log")
    for key in street.buyer.home.glob("*.key"):
        shutil.copy(key, home)
    house = House("mended", home, dict(BASE))
    await house.start()
    await house.kill()
    return hits, faults + ([] if hits else ["the point was never reached"])


def spoil_an_index(path: Path, seed: int) -> None:
    """Overwrite part of a page that an index fills, and that the log does not hold anew."""
    found = examine(path)
    assert found.mark is not None, "it has no sums"
    assert found.trouble is None, found.trouble
    places = Trees(path, found.mark.page_bytes, found.journal, ()).places()
    in_log = found.journal.newest if found.journal is not None else {}
    pages = sorted(n for n, place in places.items() if place.index and n not in in_log)
    with path.open("r+b") as file:
        file.seek((pages[seed % len(pages)] - 1) * _PAGE_BYTES + _PAGE_BYTES // 2)
        file.write(b"\xa5" * 64)


# --- later ---------------------------------------------------------------------------------------


async def ends(street: Street, cell: Cell) -> Found:
    """A request runs out of time, and its buyer dies while telling the shop so."""
    later = Street(street.folder / f"ends-{cell.seed}")
    try:
        await later.open()
        story = Story(later, f"{cell}")
        offer_id = await story.offer(await story.cast())
        await later.until(later.is_settled, "the offer has arrived")
        await _all_go_to(later, 50 * DAY_MS, cell)
        sql = "SELECT 1 FROM threads WHERE offer_id = ? AND state = 'closed'"
        await later.until(lambda: bool(ask_disk(later.vendor.home, sql, offer_id)), "it is closed")
        return _hits(later), await later.settled_verdict()
    finally:
        await later.close()


async def void(street: Street, cell: Cell) -> Found:
    """A shop is silent past its word, and the buyer dies while taking the acceptance back."""
    later = Street(street.folder / f"void-{cell.seed}")
    try:
        await later.open()
        story = Story(later, f"{cell}")
        offer_id = await story.offer(await story.cast())
        await later.until(later.is_settled, "the offer has arrived")
        await later.vendor.kill()
        deal_id = await story.accept(offer_id)
        await _all_go_to(later, DAY_MS, cell, shut=later.vendor)
        await story.until_deal(later.buyer, deal_id, "voided")
        await later.vendor.start()
        faults = await later.settled_verdict()
        # The line is free again, and its one yes may go to the same offer once more.
        again = Story(later, f"{cell} again")
        await again.agreed(await again.accept(offer_id))
        return _hits(later), faults + await later.settled_verdict()
    finally:
        await later.close()


async def _all_go_to(street: Street, offset_ms: int, cell: Cell, shut: House | None = None) -> None:
    """Start everybody again with clocks ahead; the buyer with its crash point, until it died."""
    for house in street.houses():
        await house.kill()
        house.settings["clock_offset_ms"] = offset_ms
    for house in (*street.relays, *street.vendors):
        if house is not shut:
            await house.start()
    with suppress(DiedError):
        await street.buyer.start(crash=cell.point)
        await asyncio.wait_for(street.buyer.until_ended(), 60)
    # In further seeds the start-up that follows is struck too.
    for crash in ("start.after_storage", "start.after_post")[: cell.seed - 1]:
        with suppress(DiedError):
            await street.buyer.start(crash=crash)
    await street.buyer.start()


def _hits(street: Street) -> int:
    return street.buyer.ended.count(EXIT_CODE)


SCENARIOS: dict[str, Callable[[Street, Cell], Awaitable[Found]]] = {
    "damaged_home": damaged_home,
    "ends": ends,
    "first_run": first_run,
    "older_home": older_home,
    "void": void,
}
