"""Silent damage is found, byte by byte."""

from __future__ import annotations

import pytest

from node.storage import mailbox, objects, outbox, scrub
from node.storage.database import Storage
from node.storage.objects import checksum
from protocol.ids import LetterHash, NodeId, ObjectId, blake2b_256
from tests.parties import NOW_MS, make_cast
from tests.unit.node.storage.test_references import add_cast

HASH = LetterHash(blake2b_256(b"letter"))


@pytest.fixture
async def filled(storage: Storage, monkeypatch) -> Storage:
    monkeypatch.setattr(scrub, "_ROWS_PER_QUESTION", 2)

    def fill(conn):
        for n in range(5):
            objects.insert(conn, make_cast(title=str(n)), own=False, now_ms=NOW_MS)
        mailbox.open_box(conn, b"r" * 32, NOW_MS, 1)
        mailbox.put_letter(
            conn,
            reader=b"r" * 32,
            letter_hash=HASH,
            letter=b"letter",
            depositor=NodeId(b"d" * 32),
            bits=8,
            now_ms=1,
        )
        outbox.add(
            conn,
            outbox.Outgoing(
                envelope_id=ObjectId(blake2b_256(b"offer")),
                kind="offer",
                own_ctx=b"profile",
                to_key=b"k" * 32,
                thread=None,
                letter=b"letter",
                letter_hash=HASH,
                reader=b"r" * 32,
                mailboxes=(),
                priority=1,
                next_at=1,
                expires_at=2,
                updated_ms=1,
            ),
        )

    await storage.write(fill)
    return storage


async def damage(storage: Storage, sql: str, *parameters) -> None:
    assert await storage.write(lambda conn: conn.execute(sql, parameters).rowcount) == 1


async def test_every_counter_is_held_against_its_table(storage: Storage):
    names = await storage.write(
        lambda conn: {row["name"] for row in conn.execute("SELECT name FROM sizes")}
    )
    assert names == set(scrub.COUNTED)
    for name in names:
        await damage(storage, "UPDATE sizes SET rows = rows + 1 WHERE name = ?", name)
    found = await storage.scrub()
    assert len(found.damages) == len(names)


async def test_an_undamaged_home_is_clean(filled: Storage):
    report = await filled.scrub()
    assert report.clean
    assert report.checked == 7


async def test_a_changed_byte_of_an_object_is_found(filled: Storage):
    target = make_cast(title="3").id
    await damage(
        filled,
        "UPDATE objects SET raw = CAST(x'00' || substr(raw, 2) AS BLOB) WHERE id = ?",
        target,
    )
    report = await filled.scrub()
    assert report.objects == (target,)
    assert not report.clean


@pytest.mark.parametrize("raw", [b"no envelope", make_cast(title="another").raw])
async def test_an_object_under_a_wrong_name_is_found(filled: Storage, raw: bytes):
    target = make_cast(title="3").id
    await damage(
        filled,
        "UPDATE objects SET raw = ?, checksum = ? WHERE id = ?",
        raw,
        checksum(target, raw),
        target,
    )
    assert (await filled.scrub()).objects == (target,)


@pytest.mark.parametrize("table", ["outbox", "served_letters"])
async def test_a_changed_letter_is_found(filled: Storage, table: str):
    await damage(filled, f"UPDATE {table} SET letter = x'00'")
    assert (await filled.scrub()).letters == (HASH,)


async def test_an_ended_letter_may_be_empty(filled: Storage):
    await damage(filled, "UPDATE outbox SET letter = x''")
    assert (await filled.scrub()).letters == (HASH,)
    await damage(filled, "UPDATE outbox SET state = 'acked'")
    assert (await filled.scrub()).clean


async def test_an_object_that_is_spoken_of_has_to_be_here(filled: Storage):
    cast = make_cast(title="3")
    await filled.write(lambda conn: add_cast(conn, cast.id, cast.id))
    assert (await filled.scrub()).clean
    await damage(filled, "DELETE FROM objects WHERE id = ?", cast.id)
    report = await filled.scrub()
    assert report.objects == (cast.id,)
    assert "of which a request speaks, is missing" in report.damages[0].sentence
    assert report.damages[0].fix


async def test_what_sqlite_says_is_passed_on(filled: Storage):
    def break_index(conn):
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'next_at', 'tries') "
            "WHERE name = 'outbox_due'"
        )
        conn.execute("PRAGMA writable_schema = OFF")

    await filled.write(break_index)
    path = filled.path
    await filled.close()
    from node.clock import ManualClock

    again = await Storage.open(path, clock=ManualClock())
    report = await again.scrub()
    await again.close()
    assert any("outbox_due" in sentence for sentence in report.file)
