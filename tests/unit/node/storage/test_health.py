"""A look at a database from outside changes nothing and misses nothing it can see."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.storage import audit, health
from node.storage.database import Storage
from node.storage.exchange import draft_path, finish, kept_path, note_path
from node.storage.health import engine, look, look_while_open
from node.storage.page_sums import sums_path


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    path = tmp_path / "node.db"
    storage = await Storage.open(path, clock=ManualClock(wall_ms=1))
    for number in range(40):
        await storage.write(
            lambda conn, number=number: audit.append(  # type: ignore[misc]
                conn, what="test.line", ids=(), detail={"n": number, "text": "x" * 500}, at=number
            )
        )
    await storage.close()
    return path


def everything(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


async def test_a_sound_file(database: Path):
    before = everything(database.parent)
    found = look(database)
    assert found is not None
    assert found.is_ours
    assert found.schema == found.newest > 0
    assert (found.said, found.trouble, found.pages) == ((), "", 0)
    assert found.file_bytes == database.stat().st_size
    assert everything(database.parent) == before


def test_no_file_is_no_fault(tmp_path: Path):
    assert look(tmp_path / "node.db") is None


async def test_a_file_that_is_gone_is_one(database: Path):
    database.unlink()
    found = look(database)
    assert found is not None
    assert found.trouble == "missing"


async def test_a_mending_that_was_cut_is_no_loss(database: Path):
    draft_path(database).write_bytes(database.read_bytes())
    note_path(database).touch()
    database.replace(kept_path(database))
    before = everything(database.parent)
    found = look(database)
    assert found is not None
    assert found.trouble == "mending"
    assert everything(database.parent) == before
    finish(database)
    again = look(database)
    assert again is not None
    assert (again.trouble, again.said) == ("", ())


async def test_overwritten_pages_are_seen(database: Path):
    with database.open("r+b") as file:
        file.seek(3 * 4_096 + 700)
        file.write(b"\xff" * 64)
    found = look(database)
    assert found is not None
    assert found.trouble == "pages"
    assert found.pages == 1


async def test_a_broken_tree_is_seen_without_sums(database: Path):
    sums_path(database).unlink()
    with database.open("r+b") as file:
        for page in range(3, 12):
            file.seek(page * 4_096)
            file.write(b"\xff" * 100)
    found = look(database)
    assert found is not None
    assert found.said


@pytest.mark.parametrize("has_sums", [True, False])
async def test_damage_anywhere_is_told_and_never_raised_as_it_is(database: Path, has_sums: bool):
    content = database.read_bytes()
    if not has_sums:
        sums_path(database).unlink()
    dice = random.Random(1)
    codes = set()
    # A damaged name in the schema turns up in SQLite's own sentences, and is no UTF-8 any more.
    for page in range(len(content) // 4_096):
        for place in (2_048, dice.randrange(100, 4_096)):
            at = page * 4_096 + place
            flipped = bytes([content[at] ^ 0xFF])
            database.write_bytes(content[:at] + flipped + content[at + 1 :])
            try:
                found = look(database)
            except StorageError as error:
                codes.add(error.code)
                continue
            assert found is not None
            assert found.trouble == ("pages" if has_sums else "")
    assert codes == {"E-DB-DAMAGED"}


async def test_a_file_that_is_none(database: Path):
    sums_path(database).unlink()
    database.write_bytes(b"not a database at all " * 400)
    with pytest.raises(StorageError) as caught:
        look(database)
    assert caught.value.code == "E-DB-DAMAGED"


async def test_a_newer_and_a_foreign_file(database: Path):
    sums_path(database).unlink()
    with sqlite3.connect(database) as conn:
        conn.execute("PRAGMA user_version = 900")
        conn.execute("PRAGMA application_id = 7")
    conn.close()
    found = look(database)
    assert found is not None
    assert found.schema == 900 > found.newest
    assert not found.is_ours


async def test_a_running_node_is_looked_at_through_a_reader(tmp_path: Path):
    path = tmp_path / "node.db"
    storage = await Storage.open(path, clock=ManualClock(wall_ms=1))
    found = await storage.read(lambda db: look_while_open(db, path))
    await storage.close()
    assert found.is_ours
    assert found.schema == found.newest
    assert found.file_bytes > 0


@pytest.mark.parametrize(
    ("version", "enough", "can_lose"),
    [
        ((3, 36, 0), False, True),
        ((3, 37, 0), True, True),
        ((3, 40, 1), True, True),
        ((3, 44, 6), True, False),
        ((3, 45, 0), True, True),
        ((3, 50, 6), True, True),
        ((3, 50, 7), True, False),
        ((3, 51, 2), True, True),
        ((3, 51, 3), True, False),
        ((4, 0, 0), True, False),
    ],
    ids=str,
)
def test_which_engine(version: tuple[int, ...], *, enough: bool, can_lose: bool):
    found = engine(version)
    assert (found.is_new_enough, found.can_lose_commits) == (enough, can_lose)
    assert found.version == ".".join(map(str, version))


def test_the_engine_of_this_python():
    assert engine().version == sqlite3.sqlite_version
    assert health.engine().is_new_enough
