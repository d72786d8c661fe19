"""What a scrub found is put right, asked of others, or left for a person with the next step."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.storage import (
    catalogue,
    deals,
    mailbox,
    mending,
    objects,
    offers_sent,
    outbox,
    wanted,
)
from node.storage.database import Storage
from node.storage.mending import mend, scrub_closed
from node.storage.page_sums import sums_path
from node.storage.scrub import Damage, DamageKind, ScrubReport, letter_damage, object_damage
from node.storage.sizes import size_of
from protocol.ids import LetterHash, NodeId, ObjectId, OfferId, blake2b_256
from protocol.market.deal import DealState, Role
from tests.parties import NOW_MS, make_agreement, make_cast
from tests.unit.node.storage.furniture import PAGE, furnished, page_with, spoil
from tests.unit.node.storage.test_references import ROOT, add_cast, add_thread


def agreed(conn: sqlite3.Connection):
    """Keep a whole agreement and its deal."""
    found = make_agreement()
    for part in found.parts():
        objects.insert(conn, part, own=True, now_ms=NOW_MS)
    assert found.agreed is not None
    deals.insert(
        conn,
        deals.Deal(
            deal_id=found.acceptance.id,
            role=Role.BUYER,
            own_ctx=b"c" * 16,
            cast_id=found.cast.id,
            offer_id=found.offer.id,
            other_key=found.offer.header.key,
            state=DealState.AGREED,
            confirm_by=found.acceptance.body.confirm_by,
            confirmed_id=found.confirmed.id,
            agreed_id=found.agreed.id,
            created_ms=1,
            updated_ms=1,
        ),
    )
    return found


@pytest.fixture
async def agreement(storage: Storage):
    return await storage.write(agreed)


async def damage(storage: Storage, sql: str, *parameters) -> None:
    assert await storage.write(lambda conn: conn.execute(sql, parameters).rowcount) == 1


async def mended(storage: Storage) -> ScrubReport:
    return await mend(storage, await storage.scrub(), NOW_MS)


async def all_wanted(storage: Storage) -> dict[bytes, bytes | None]:
    rows = await storage.read(lambda db: wanted.load_all(db, limit=100))
    return {row.id: row.deal_id for row in rows}


ROT = "UPDATE objects SET raw = CAST(x'00' || substr(raw, 2) AS BLOB) WHERE id = ?"


async def test_a_whole_home_is_left_alone(storage: Storage, agreement):
    report = await mended(storage)
    assert report.clean
    assert report.is_mended


async def test_a_carried_object_is_let_go(storage: Storage):
    cast = make_cast()
    await storage.write(lambda conn: objects.insert(conn, cast, own=False, now_ms=1))
    await damage(storage, ROT, cast.id)
    assert (await mended(storage)).is_mended
    assert (await storage.scrub()).clean
    assert await storage.write(lambda conn: objects.row_of(conn, cast.id)) is None


async def test_an_object_of_a_deal_is_asked_of_its_other_party(storage: Storage, agreement):
    deal_id = agreement.acceptance.id
    for part in agreement.parts():
        await damage(storage, ROT, part.id)
    report = await mended(storage)
    assert report.is_mended, [each.sentence for each in report.damages if not each.mended]
    asked = await all_wanted(storage)
    assert {agreement.offer.id, deal_id, agreement.confirmed.id, agreement.agreed.id} <= set(asked)
    assert asked[agreement.offer.id] == deal_id
    for part in agreement.parts():
        await storage.write(partial(objects.insert, verified=part, own=True, now_ms=NOW_MS))
    assert await all_wanted(storage) == {}
    assert (await storage.scrub()).clean


async def test_an_object_a_deal_misses_is_asked_for(storage: Storage, agreement):
    await damage(storage, "DELETE FROM objects WHERE id = ?", agreement.confirmed.id)
    report = await mended(storage)
    assert [each.what for each in report.damages] == [DamageKind.ROW]
    assert report.is_mended
    assert await all_wanted(storage) == {agreement.confirmed.id: agreement.acceptance.id}


async def test_an_own_request_is_asked_of_the_network(storage: Storage):
    cast = make_cast()
    await storage.write(lambda conn: objects.insert(conn, cast, own=True, now_ms=1))
    await damage(storage, ROT, cast.id)
    assert (await mended(storage)).is_mended
    assert await all_wanted(storage) == {cast.id: None}


async def test_a_sealed_object_of_no_deal_needs_a_backup(storage: Storage):
    offer = make_agreement().offer
    await storage.write(lambda conn: objects.insert(conn, offer, own=True, now_ms=1))
    await damage(storage, ROT, offer.id)
    report = await mended(storage)
    assert not report.is_mended
    assert "restore" in report.damages[0].fix


@pytest.mark.parametrize(
    "column",
    ["checksum = x'00'", "exp = 1", "own = own, at = 7", "kind = 'offer'", "key = x'01'"],
)
async def test_what_stands_beside_good_bytes_is_written_again(storage: Storage, column: str):
    cast = make_cast()
    await storage.write(lambda conn: objects.insert(conn, cast, own=True, now_ms=1))
    before = await storage.read(lambda db: objects.load_row(db, cast.id))
    await damage(storage, f"UPDATE objects SET {column} WHERE id = ?", cast.id)
    assert (await storage.scrub()).objects == (cast.id,)
    assert (await mended(storage)).is_mended
    assert await storage.read(lambda db: objects.load_row(db, cast.id)) == before
    assert (await storage.scrub()).clean


async def test_a_wrong_name_is_put_right(storage: Storage):
    cast = make_cast()
    await storage.write(lambda conn: objects.insert(conn, cast, own=True, now_ms=1))
    await damage(storage, "UPDATE objects SET id = ? WHERE id = ?", b"x" * 32, cast.id)
    assert (await mended(storage)).is_mended
    assert await storage.read(lambda db: objects.load_raw(db, cast.id)) == cast.raw


def outgoing(envelope_id: bytes, state: outbox.OutgoingState) -> outbox.Outgoing:
    return outbox.Outgoing(
        envelope_id=ObjectId(envelope_id),
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
        state=state,
        updated_ms=1,
    )


async def test_a_sealed_object_of_a_thread_is_asked_of_its_other_party(storage: Storage):
    found = make_agreement()

    def keep(conn):
        objects.insert(conn, found.offer, own=True, now_ms=1)
        add_thread(conn, cast_id=found.cast.id)

    await storage.write(keep)
    await damage(storage, ROT, found.offer.id)
    report = await mended(storage)
    assert report.is_mended
    assert "party of its thread" in report.damages[0].fix
    assert await all_wanted(storage) == {found.offer.id: found.cast.id}


async def test_what_nobody_can_be_asked_for_is_not_waited_for(storage: Storage):
    offer = make_agreement().offer
    await storage.write(lambda conn: objects.insert(conn, offer, own=True, now_ms=1))
    await damage(storage, ROT, offer.id)
    await mended(storage)
    assert await all_wanted(storage) == {}


async def test_an_object_that_is_spoken_of_and_gone_is_asked_for(storage: Storage):
    cast = make_cast()
    names = {name: name * 32 for name in (b"o", b"s")}

    def speak(conn):
        add_cast(conn, cast.id, cast.id)
        add_thread(conn, offer_id=OfferId(names[b"o"]))
        offers_sent.claim(
            conn,
            cast_id=ROOT,
            own_ctx=b"profile",
            round_number=0,
            offer_id=OfferId(names[b"s"]),
            now_ms=1,
            exp=2,
        )

    await storage.write(speak)
    report = await mended(storage)
    by_id = {each.id: each for each in report.damages}
    assert set(by_id) == {cast.id, *names.values()}
    assert by_id[cast.id].mended
    assert by_id[names[b"o"]].mended
    # Nothing says to whom that offer went.
    assert not by_id[names[b"s"]].mended
    assert "restore" in by_id[names[b"s"]].fix
    assert "ic-" in by_id[names[b"s"]].sentence
    assert await all_wanted(storage) == {cast.id: None, names[b"o"]: ROOT}


async def test_what_went_by_itself_since_the_look_is_no_loss(storage: Storage):
    report = ScrubReport(damages=(object_damage(b"x" * 32),))
    assert (await mend(storage, report, NOW_MS)).is_mended
    assert await all_wanted(storage) == {}


async def test_a_row_nothing_of_which_can_be_read_makes_way(storage: Storage, agreement):
    confirmed = agreement.confirmed.id
    await damage(storage, ROT, confirmed)
    await damage(storage, "UPDATE objects SET kind = ? WHERE id = ?", "\0\0\0", confirmed)
    assert (await mended(storage)).is_mended
    assert await storage.write(lambda conn: objects.row_of(conn, confirmed)) is None
    assert await all_wanted(storage) == {confirmed: agreement.acceptance.id}


@pytest.mark.parametrize("state", list(outbox.OutgoingState))
async def test_a_letter_is_sealed_again_or_emptied(storage: Storage, state):
    cast = make_cast()
    await storage.write(lambda conn: outbox.add(conn, outgoing(cast.id, state)))
    await damage(storage, "UPDATE outbox SET letter = x'00'")
    report = await mended(storage)
    assert report.is_mended
    is_pending = state is outbox.OutgoingState.PENDING
    assert await all_wanted(storage) == ({cast.id: None} if is_pending else {})
    row = await storage.write(lambda conn: outbox.by_envelope(conn, cast.id))
    assert row is not None, "how it ended stays on record"
    assert row.state is state
    assert not outbox.is_whole(row)
    assert row.letter == (b"\0" if is_pending else b"")
    if is_pending:
        await storage.write(lambda conn: outbox.drop(conn, row.id))
    assert (await storage.scrub()).clean


def put(conn: sqlite3.Connection) -> None:
    mailbox.open_box(conn, b"r" * 32, NOW_MS, 1)
    mailbox.put_letter(
        conn,
        reader=b"r" * 32,
        letter_hash=LetterHash(blake2b_256(b"letter")),
        letter=b"letter",
        depositor=NodeId(b"d" * 32),
        bits=8,
        now_ms=1,
    )


@pytest.mark.parametrize(
    ("rotten", "whole"), [("outbox", "served_letters"), ("served_letters", "outbox")]
)
@pytest.mark.parametrize("state", list(outbox.OutgoingState))
async def test_a_whole_copy_of_a_rotten_letter_stays(storage: Storage, rotten, whole, state):
    await storage.write(put)
    await storage.write(lambda conn: outbox.add(conn, outgoing(make_cast().id, state)))
    await damage(storage, f"UPDATE {rotten} SET letter = x'00'")
    assert (await mended(storage)).is_mended
    sql = f"SELECT letter FROM {whole}"
    assert await storage.write(lambda conn: conn.execute(sql).fetchone()[0]) == b"letter"


async def test_a_letter_that_is_whole_by_now_is_let_be(storage: Storage):
    pending = outbox.OutgoingState.PENDING
    await storage.write(put)
    await storage.write(lambda conn: outbox.add(conn, outgoing(make_cast().id, pending)))
    report = ScrubReport(damages=(letter_damage(blake2b_256(b"letter")),))
    assert (await mend(storage, report, NOW_MS)).is_mended
    assert await all_wanted(storage) == {}
    assert (await storage.write(lambda conn: size_of(conn, "served_letters"))).rows == 1


async def test_a_letter_held_for_others_is_let_go(storage: Storage):
    await storage.write(put)
    await damage(storage, "UPDATE served_letters SET letter = x'0102'")
    assert (await mended(storage)).is_mended
    assert (await storage.write(lambda conn: size_of(conn, "served_letters"))).rows == 0


async def test_an_article_goes_until_its_feed_is_imported(storage: Storage):
    item = catalogue.Item(sku="S-1", source="f", title="t", category="c", cur="USD", price_minor=1)
    await storage.write(lambda conn: catalogue.put(conn, [item], NOW_MS))
    await damage(storage, "UPDATE items SET content = '{}'")
    report = await mended(storage)
    assert not report.is_mended
    assert "Import the feed" in report.damages[0].fix
    assert await storage.read(lambda db: catalogue.find(db, "S-1")) is None


async def test_counters_are_counted(storage: Storage):
    await damage(storage, "UPDATE sizes SET rows = 9 WHERE name = 'outbox'")
    assert (await mended(storage)).is_mended
    assert (await storage.scrub()).clean


async def test_a_deal_that_says_otherwise_needs_a_backup(storage: Storage, agreement):
    await damage(storage, "UPDATE deals SET confirm_by = 1")
    report = await mended(storage)
    assert not report.is_mended
    assert "deal-" in report.damages[0].sentence
    assert "restore" in report.damages[0].fix


async def test_a_deal_whose_state_nobody_knows_needs_a_backup(storage: Storage, agreement):
    await damage(storage, "UPDATE deals SET state = 'odd'")
    report = await mended(storage)
    assert "cannot be read" in report.damages[0].sentence
    assert not report.is_mended


async def test_indexes_are_made_anew(storage: Storage):
    await storage.write(lambda conn: objects.insert(conn, make_cast(), own=True, now_ms=1))

    report = ScrubReport(
        damages=(
            Damage(
                what=DamageKind.FILE, sentence="row 1 missing from index objects_profile", fix="x"
            ),
        )
    )
    assert (await mend(storage, report, NOW_MS)).is_mended
    torn = ScrubReport(
        damages=(Damage(what=DamageKind.FILE, sentence="btreeInitPage() fails", fix="x"),)
    )
    assert not (await mend(storage, torn, NOW_MS)).is_mended


async def test_rows_are_left_alone_where_the_tables_are_broken(storage: Storage):
    await storage.write(lambda conn: objects.insert(conn, make_cast(), own=False, now_ms=1))
    await damage(storage, ROT, make_cast().id)
    found = await storage.scrub()
    torn = Damage(what=DamageKind.FILE, sentence="btreeInitPage() fails", fix="x")
    report = await mend(storage, found.with_damages(torn), NOW_MS)
    assert not any(each.mended for each in report.damages)
    assert "restore" in report.damages[0].fix
    assert (await storage.scrub()).objects == (make_cast().id,)


@pytest.mark.parametrize(
    ("code", "is_told"), [("E-STORAGE", False), ("E-DB-DAMAGED", False), ("E-DISK-FULL", True)]
)
async def test_an_index_that_cannot_be_made_anew(storage: Storage, monkeypatch, code, is_told):
    def fails(_conn):
        raise StorageError("no", code=code)

    monkeypatch.setattr(mending, "_reindex", fails)
    found = ScrubReport(
        damages=(Damage(what=DamageKind.FILE, sentence="row 1 missing from index x", fix="x"),)
    )
    if is_told:
        with pytest.raises(StorageError):
            await mend(storage, found, NOW_MS)
    else:
        assert not (await mend(storage, found, NOW_MS)).is_mended


async def test_an_index_is_made_anew_before_a_row_is_looked_up_by_it(path, clock):
    storage = await Storage.open(path, clock=clock)
    agreement = await storage.write(agreed)
    await storage.close()
    sums_path(path).unlink()
    with closing(sqlite3.connect(path)) as conn:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_deals_1'"
        page = conn.execute(sql).fetchone()[0]
    content = bytearray(path.read_bytes())
    at = content.find(agreement.acceptance.id, (page - 1) * PAGE)
    assert at < page * PAGE
    content[at + 16] ^= 1
    path.write_bytes(content)
    report = await scrub_closed(path, clock=clock)
    assert not report.clean
    assert {each.what for each in report.damages} == {DamageKind.FILE}
    assert report.is_mended
    assert (await scrub_closed(path, clock=clock)).clean


# --- a closed home -------------------------------------------------------------------------------


async def test_a_closed_home_is_scrubbed_and_mended(path: Path, clock: ManualClock):
    await furnished(path, clock)
    looked: list[str] = []
    report = await scrub_closed(
        path, clock=clock, progress=lambda what, _count: looked.append(what)
    )
    assert report.clean
    assert report.checked > 40
    assert report.pages > 50
    assert {"the file", "objects", "articles"} <= set(looked)
    spoil(path, page_with(path, "objects", index=True))
    report = await scrub_closed(path, clock=clock)
    assert not report.clean
    assert report.is_mended
    assert str(report.damages[0]).endswith("; mended")
    found = report.as_json()["damaged"][0]
    assert set(found) == {"what", "id", "sentence", "fix", "mended"}
    assert (await scrub_closed(path, clock=clock)).clean


async def test_a_lost_object_is_told_once(path: Path, clock: ManualClock):
    lost = make_cast(title="lost " * 20)
    storage = await Storage.open(path, clock=clock)
    await storage.write(agreed)

    def speak(conn):
        objects.insert(conn, lost, own=True, now_ms=1)
        add_cast(conn, lost.id, lost.id)

    await storage.write(speak)
    await storage.close()
    spoil(path, page_with(path, "objects"), at=0)
    report = await scrub_closed(path, clock=clock)
    assert [each.id for each in report.damages].count(lost.id) == 1
    again = await scrub_closed(path, clock=clock)
    assert [each.id for each in again.damages].count(lost.id) == 1
    assert again.is_mended


async def test_a_closed_home_that_is_gone_is_named(path: Path, clock: ManualClock):
    await furnished(path, clock)
    path.unlink()
    report = await scrub_closed(path, clock=clock)
    assert [each.what for each in report.damages] == [DamageKind.FILE]
    assert "gone" in report.damages[0].sentence


async def test_a_file_that_is_no_database_is_named(path: Path, clock: ManualClock):
    path.write_bytes(b"my holiday photographs " * 1_000)
    report = await scrub_closed(path, clock=clock)
    assert not report.is_mended
    assert "not an intentcast database" in report.damages[0].sentence


async def test_a_newer_file_is_no_damage(path: Path, clock: ManualClock):
    await furnished(path, clock)
    sums_path(path).unlink()
    conn = sqlite3.connect(path)
    conn.execute("PRAGMA user_version = 9999")
    conn.close()
    with pytest.raises(StorageError) as refused:
        await scrub_closed(path, clock=clock)
    assert refused.value.code == "E-DB-NEWER"


async def test_a_file_that_cannot_be_read_is_an_error(path: Path, clock: ManualClock, monkeypatch):
    def broken(_path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(mending, "examine", broken)
    with pytest.raises(StorageError) as refused:
        await scrub_closed(path, clock=clock)
    assert refused.value.code == "E-DB-WRITE"
