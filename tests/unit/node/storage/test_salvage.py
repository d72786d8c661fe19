"""A new file out of a damaged one: all that proves itself, nothing that does not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.storage import audit, idempotency, outbox
from node.storage import migrations as steps
from node.storage import salvage as room
from node.storage.database import Storage
from node.storage.examination import Examination, examine
from node.storage.exchange import draft_path, kept_path
from node.storage.migrations import Migration, migrations
from node.storage.salvage import Salvage, salvage
from node.storage.scrub import DamageKind
from protocol.ids import LetterHash, ObjectId, blake2b_256
from tests.parties import NOW_MS, make_cast
from tests.unit.node.storage.furniture import PAGE, furnished, page_with, places, spoil


def rows(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as conn:
        return conn.execute(sql).fetchall()


def whole(path: Path) -> bool:
    return rows(path, "PRAGMA integrity_check") == [("ok",)]


async def test_without_sums_nothing_is_salvaged(path: Path):
    assert salvage(path, Examination(), NOW_MS) == Salvage()


@pytest.mark.parametrize("table", ["objects", "audit"])
async def test_an_index_is_made_anew(path: Path, clock: ManualClock, table: str):
    await furnished(path, clock)
    before = rows(path, f"SELECT * FROM {table}")
    indexes = [n for n, at in places(path).items() if at.index and at.table == "objects"]
    spoil(path, max(indexes))
    result = salvage(path, examine(path), NOW_MS)
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
    assert salvage(path, examine(path), NOW_MS).is_made
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
    assert salvage(path, examine(path), NOW_MS).is_made
    assert rows(path, "SELECT seq FROM objects ORDER BY seq")[: len(kept)] == kept
    assert whole(path)


async def test_letters_that_prove_themselves_stay(path, clock):
    await furnished(path, clock)
    pages = [n for n, at in places(path).items() if at.table == "served_letters" and at.low == 1]
    spoil(path, max(pages))
    assert salvage(path, examine(path), NOW_MS).is_made
    assert rows(path, "SELECT count(*) FROM served_letters") == [(0,)]
    assert rows(path, "SELECT letters, bytes FROM served_boxes") == [(0, 0)]
    assert rows(path, "SELECT rows, bytes FROM sizes WHERE name = 'served_letters'") == [(0, 0)]


async def test_numbers_are_never_used_twice(path, clock):
    await furnished(path, clock)
    (before,) = rows(path, "SELECT max(seq) FROM audit")
    spoil(path, page_with(path, "audit"))
    assert salvage(path, examine(path), NOW_MS).is_made
    storage = await Storage.open(path, clock=clock)
    after = await storage.write(lambda conn: audit.append(conn, at=1, what="next"))
    await storage.close()
    assert after > before[0]


def counted(path: Path) -> dict[str, int]:
    return dict(rows(path, "SELECT name, seq FROM sqlite_sequence"))


async def remember(path: Path, clock: ManualClock) -> None:
    """Write one line of history, and one answer."""
    storage = await Storage.open(path, clock=clock)
    await storage.write(lambda conn: audit.append(conn, at=1, what="next"))
    await storage.write(lambda conn: idempotency.remember(conn, "next", b"h" * 32, b"a", NOW_MS))
    await storage.close()


@pytest.mark.parametrize("table", ["audit", "items", "sqlite_sequence"])
async def test_the_next_change_lets_nothing_go(path, clock, table):
    await furnished(path, clock)
    await remember(path, clock)
    storage = await Storage.open(path, clock=clock)
    await storage.write(lambda conn: outbox.add(conn, letter()))
    await storage.write(lambda conn: conn.execute("DELETE FROM outbox"))
    await storage.close()
    before = counted(path)
    spoil(path, page_with(path, table), at=0 if table == "sqlite_sequence" else 3_000)
    assert salvage(path, examine(path), NOW_MS).is_made
    counts = {each: rows(path, f"SELECT count(*) FROM {each}") for each in ("audit", "idempotency")}
    assert counts["audit"][0][0] > 10
    after = counted(path)
    # What was never used has no row there, or is counted from well past nothing.
    assert all(after[name] >= seq for name, seq in before.items())
    assert set(after) == {"audit", "dropped", "idempotency", "outbox", "served_letters"}
    if table != "sqlite_sequence":
        assert {name: seq for name, seq in after.items() if seq} == before
    await remember(path, clock)
    for each, found in counts.items():
        now = rows(path, f"SELECT count(*) FROM {each}")
        assert now[0][0] == found[0][0] + (each == "audit"), "the answer of that key was replaced"


def letter() -> outbox.Outgoing:
    return outbox.Outgoing(
        envelope_id=ObjectId(b"e" * 32),
        kind="offer",
        own_ctx=b"profile",
        to_key=b"k" * 32,
        thread=None,
        letter=b"letter",
        letter_hash=LetterHash(blake2b_256(b"letter")),
        reader=b"r" * 32,
        mailboxes=(),
        priority=1,
        next_at=1,
        expires_at=2,
        updated_ms=1,
    )


# --- lost objects --------------------------------------------------------------------------------


async def test_objects_that_are_lost_are_asked_for_or_named(path, clock):
    await furnished(path, clock)
    page = page_with(path, "objects")
    before = rows(path, "SELECT seq, id, own FROM objects")
    spoil(path, page, at=0)
    result = salvage(path, examine(path), NOW_MS)
    assert result.is_made
    left = {row[0] for row in rows(path, "SELECT seq FROM objects")}
    lost = {object_id for seq, object_id, own in before if own and seq not in left}
    assert lost
    named = [each for each in result.damages if each.what is DamageKind.OBJECT]
    assert {each.id for each in named} == lost
    assert all(each.mended and "asked again" in each.fix for each in named)
    assert {row[0] for row in rows(path, "SELECT id FROM wanted")} == lost


async def test_losses_nobody_can_name_change_nothing(path, clock):
    await furnished(path, clock)
    spoil(path, page_with(path, "objects"), at=0)
    indexes = [n for n, at in places(path).items() if at.index.startswith("sqlite_autoindex_obj")]
    for page in indexes:
        spoil(path, page, at=0)
    content = path.read_bytes()
    result = salvage(path, examine(path), NOW_MS)
    assert not result.is_made
    assert not any(each.mended for each in result.damages)
    assert path.read_bytes() == content


def place_of(path: Path, object_id: bytes) -> int:
    """Find an object's id where its row has it, not an index."""
    content = path.read_bytes()
    pages = [n for n, at in places(path).items() if at.table == "objects" and not at.index]
    found = (content.find(object_id, (n - 1) * PAGE, n * PAGE) for n in pages)
    return next(at for at in found if at >= 0)


def type_of_own(path: Path, object_id: bytes) -> int:
    """Find the byte that says what stands in the column `own` of a row: 8 is no, 9 is yes."""
    # The first types of a request's row: its number, two hashes, its kind, its signer.
    head = bytes([0, 76, 44, 33, 76])
    return path.read_bytes().rfind(head, 0, place_of(path, object_id)) + 11


@pytest.mark.parametrize(("own", "byte"), [(1, 8), (0, 9)])
async def test_who_owns_an_object_is_not_taken_from_a_damaged_page(path, clock, own, byte):
    await furnished(path, clock)
    seq, object_id = rows(path, f"SELECT seq, id FROM objects WHERE own = {own} LIMIT 1")[0]
    content = bytearray(path.read_bytes())
    place = type_of_own(path, object_id)
    assert content[place] == 8 + own
    content[place] = byte
    path.write_bytes(content)
    assert salvage(path, examine(path), NOW_MS).is_made
    assert rows(path, f"SELECT own FROM objects WHERE seq = {seq}") == [(own,)]
    # Its neighbours on the page are what they were.
    assert rows(path, "SELECT count(*) FROM objects WHERE own = 1") == [(20,)]
    assert rows(path, "SELECT count(*) FROM objects WHERE own = 0 AND pinned = 1") == [(0,)]


async def test_a_damaged_name_is_read_from_its_index(path, clock):
    await furnished(path, clock)
    sql = "SELECT id, raw FROM objects ORDER BY seq LIMIT 1 OFFSET 3"
    before = rows(path, sql)
    at, content = place_of(path, before[0][0]), path.read_bytes()
    path.write_bytes(content[:at] + b"?" + content[at + 1 :])
    assert salvage(path, examine(path), NOW_MS).is_made
    assert rows(path, sql) == before


async def test_the_homes_own_number_stays(path, clock):
    await furnished(path, clock)
    before = rows(path, "SELECT id FROM origin")
    spoil(path, page_with(path, "origin"), at=4_000, count=90)
    assert salvage(path, examine(path), NOW_MS).is_made
    assert rows(path, "SELECT id FROM origin") == before


async def test_what_nobody_can_vouch_for_stays_untouched(path, clock):
    await furnished(path, clock)
    spoil(path, page_with(path, "deals"))
    content = path.read_bytes()
    result = salvage(path, examine(path), NOW_MS)
    assert not result.is_made
    assert [each.mended for each in result.damages] == [False]
    assert "table deals" in result.damages[0].sentence
    assert path.read_bytes() == content


async def test_a_file_too_broken_to_read_stays_untouched(path, clock):
    await furnished(path, clock)
    spoil(path, 1, at=0)
    content = path.read_bytes()
    result = salvage(path, examine(path), NOW_MS)
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
    assert salvage(path, examine(path), NOW_MS).is_made
    assert rows(path, "PRAGMA user_version") == [(len(shipped),)]
    assert rows(path, "SELECT id FROM objects ORDER BY seq") == ids


async def test_tables_of_another_program_stay_untouched(path, clock, monkeypatch):
    await furnished(path, clock)
    spoil(path, page_with(path, "objects", index=True))
    monkeypatch.setattr(room, "version_of", id)
    assert not salvage(path, examine(path), NOW_MS).is_made


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
        salvage(path, examine(path), NOW_MS)
    assert refused.value.code == code
    assert path.read_bytes() == content
    assert not draft_path(path).exists()
