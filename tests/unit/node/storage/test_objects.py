"""Signed objects: once, as they came, checked on reading, gone when their time is over."""

from __future__ import annotations

import sqlite3
from functools import partial

import msgspec
import pytest

from node.errors import StorageError
from node.storage import bounds, objects
from node.storage.database import Storage
from node.storage.objects import Inserted, Known, Revoked, Twin
from protocol import signing
from protocol.errors import LocalProtocolError
from protocol.ids import ObjectId, to_text
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.envelope import open_stored
from protocol.objects.header import Kind
from protocol.objects.revoke import Revoke
from tests.parties import (
    NET,
    NOW_MS,
    Party,
    _object,
    buyer_ana,
    make_cast,
    make_offer,
    make_profile,
    vendor_bo,
)


def make_revoke(target, party: Party = buyer_ana, **header):
    fields = {"exp": target.header.exp, "to": target.header.to, **header}
    fields["thread"] = target.header.thread or target.id
    return _object(party, Kind.REVOKE, Revoke(target=target.id), fields)


def insert(conn, verified, *, own: bool = False, now_ms: int = NOW_MS):
    return objects.insert(conn, verified, own=own, now_ms=now_ms)


def test_stored_bytes_are_the_bytes_that_came(conn: sqlite3.Connection):
    cast = make_cast()
    assert insert(conn, cast) == Inserted()
    raw = objects.raw_of(conn, cast.id)
    assert raw == cast.raw
    assert raw is not None
    assert open_stored(raw, net=NET) == cast
    row = objects.row_of(conn, cast.id)
    assert row is not None
    assert (row.id, row.kind, row.key, row.to) == (cast.id, Kind.INTENTCAST, buyer_ana.key, None)
    assert (row.at, row.exp, row.stored_ms) == (cast.header.at, cast.header.exp, NOW_MS)
    assert not row.own
    assert not row.pinned


def test_a_known_object_changes_nothing_but_may_become_ours(conn: sqlite3.Connection):
    cast = make_cast()
    insert(conn, cast)
    assert insert(conn, cast, now_ms=NOW_MS + 5) == Known()
    row = objects.row_of(conn, cast.id)
    assert row is not None
    assert row.stored_ms == NOW_MS
    assert insert(conn, cast, own=True) == Known()
    assert insert(conn, cast) == Known()
    row = objects.row_of(conn, cast.id)
    assert row is not None
    assert row.own
    assert len(objects.live_index(conn, 0)) == 1


def test_a_second_signature_over_the_same_text_is_a_twin(conn: sqlite3.Connection):
    cast = make_cast()
    insert(conn, cast)
    other = msgspec.structs.replace(
        cast, id=ObjectId(b"o" * 32), signature=b"s" * signing.SIGNATURE_BYTES
    )
    assert insert(conn, other) == Twin(id=cast.id)
    assert objects.raw_of(conn, other.id) is None


def test_the_same_object_with_other_work_keeps_the_first_bytes(conn: sqlite3.Connection):
    cast = make_cast()
    insert(conn, cast)
    nonce = bytes(8)
    again = msgspec.structs.replace(cast, raw=cast.raw[: -len(nonce)] + nonce)
    assert insert(conn, again) == Known()
    assert objects.raw_of(conn, cast.id) == cast.raw


@pytest.mark.parametrize("column", ["raw", "checksum", "pow"])
async def test_damage_is_noticed_on_reading_and_names_the_object(storage: Storage, column: str):
    cast = make_cast()
    await storage.write(lambda conn: insert(conn, cast))
    # The last byte of an envelope is its work nonce, of which the id knows nothing.
    sql = "UPDATE objects SET raw = CAST(substr(raw, 1, length(raw) - 1) || x'00' AS BLOB)"
    if column == "raw":
        sql = "UPDATE objects SET raw = CAST(x'00' || substr(raw, 2) AS BLOB)"
    if column == "checksum":
        sql = "UPDATE objects SET checksum = x'00'"
    await storage.write(lambda conn: conn.execute(sql).rowcount)
    for question in (
        storage.write(lambda conn: objects.raw_of(conn, cast.id)),
        storage.read(lambda db: objects.load_raw(db, cast.id)),
    ):
        with pytest.raises(StorageError) as refused:
            await question
        assert refused.value.code == "E-DB-DAMAGED"
        assert to_text("ic", cast.id) in refused.value.sentence
    assert await storage.read(lambda db: objects.load_raws(db, [cast.id])) == {}
    # A peer's copy takes the place of the damaged one.
    assert await storage.write(lambda conn: insert(conn, cast)) == Known()
    assert await storage.read(lambda db: objects.load_raw(db, cast.id)) == cast.raw


async def test_many_envelopes_come_in_one_question(storage: Storage, monkeypatch):
    monkeypatch.setattr(objects, "_IDS_PER_QUESTION", 2)
    casts = [make_cast(title=f"cast {n}") for n in range(5)]
    await storage.write(lambda conn: [insert(conn, each) for each in casts])
    ids = [each.id for each in casts]
    found = await storage.read(lambda db: objects.load_raws(db, [*ids, b"?" * 32]))
    assert found == {each.id: each.raw for each in casts}
    assert await storage.read(lambda db: objects.load_raws(db, [])) == {}


async def test_unknown_ids_are_not_here(storage: Storage):
    nobody = b"?" * 32
    assert await storage.read(lambda db: objects.load_raw(db, nobody)) is None
    assert await storage.read(lambda db: objects.load_row(db, nobody)) is None
    assert await storage.read(lambda db: objects.load_newest_profile(db, nobody)) is None
    assert await storage.write(lambda conn: objects.raw_of(conn, nobody)) is None
    assert await storage.write(lambda conn: objects.row_of(conn, nobody)) is None
    assert await storage.write(lambda conn: objects.newest_profile(conn, nobody)) is None


async def test_live_index_lists_public_unexpired_objects_without_bodies(storage: Storage):
    late = make_cast(title="late", header={"exp": NOW_MS + 9 * DAY_MS})
    soon = make_cast(title="soon", header={"exp": NOW_MS + 8 * DAY_MS})
    over = make_cast(title="over", header={"exp": NOW_MS + 7 * DAY_MS})
    offer = make_offer(late, make_profile())

    def fill(conn):
        for each in (soon, late, over, offer):
            insert(conn, each)
        objects.pin(conn, [late.id])

    await storage.write(fill)
    now_ms = over.header.exp
    wanted = [
        (each.header.at, each.id, Kind.INTENTCAST, each.header.exp, each is late)
        for each in (soon, late)
    ]
    assert await storage.write(lambda conn: objects.live_index(conn, now_ms)) == wanted
    assert await storage.read(lambda db: objects.load_live_index(db, now_ms)) == wanted


async def test_the_newest_profile_of_a_key_wins(storage: Storage):
    newer = make_profile(name="New Bo's", header={"at": NOW_MS + MINUTE_MS})
    older = make_profile()
    await storage.write(lambda conn: [insert(conn, each) for each in (newer, older)])
    assert await storage.write(lambda c: objects.newest_profile(c, vendor_bo.key)) == newer.raw
    assert (
        await storage.read(lambda db: objects.load_newest_profile(db, vendor_bo.key)) == newer.raw
    )


async def test_a_thread_lists_its_root_and_all_after_it(storage: Storage):
    cast, profile = make_cast(), make_profile()
    offer = make_offer(cast, profile)
    await storage.write(lambda conn: [insert(conn, each) for each in (cast, profile, offer)])
    rows = await storage.write(lambda conn: objects.thread_of(conn, cast.id))
    assert [row.id for row in rows] == [cast.id, offer.id]
    assert rows[1].to == buyer_ana.key
    assert rows[1].thread == cast.id
    assert await storage.read(lambda db: objects.load_thread(db, cast.id)) == rows
    assert await storage.read(lambda db: objects.load_row(db, offer.id)) == rows[1]


async def test_a_shortened_id_finds_its_object(storage: Storage):
    casts = [make_cast(title=f"cast {n}") for n in range(40)]
    await storage.write(lambda conn: [insert(conn, each) for each in casts])
    for cast in casts[:5]:
        text = to_text("cast", cast.id)
        for handle in (text, text.lower(), text[:14], text[:-1], text[5:]):
            question = partial(objects.load_by_handle, prefix="cast", handle=handle)
            found = await storage.read(question)
            assert [row.id for row in found] == [cast.id]
    first = [each.id for each in casts if to_text("cast", each.id).startswith("cast-0")]
    found = await storage.read(lambda db: objects.load_by_handle(db, "cast", "0", limit=40))
    assert [row.id for row in found] == sorted(first)
    text = to_text("cast", casts[0].id)
    wrong = text[:-1] + ("0" if text[-1] != "0" else "1")
    assert await storage.read(lambda db: objects.load_by_handle(db, "cast", wrong)) == []
    with pytest.raises(LocalProtocolError):
        await storage.read(lambda db: objects.load_by_handle(db, "cast", "!!"))


def test_a_row_whose_kind_cannot_be_read_is_damaged_and_stops_no_list(conn: sqlite3.Connection):
    whole, broken = make_cast(title="whole"), make_cast(title="broken")
    for each in (whole, broken):
        insert(conn, each)
    conn.execute("UPDATE objects SET kind = 'odd', thread = ? WHERE id = ?", (whole.id, broken.id))
    with pytest.raises(StorageError) as refused:
        objects.row_of(conn, broken.id)
    assert refused.value.code == "E-DB-DAMAGED"
    assert [row.id for row in objects.thread_of(conn, whole.id)] == [whole.id]
    assert [row.id for row in objects.live_index(conn, NOW_MS)] == [whole.id]


# --- revokes -------------------------------------------------------------------------------------


def test_a_revoke_takes_the_place_of_its_target(conn: sqlite3.Connection):
    cast = make_cast()
    revoke = make_revoke(cast)
    insert(conn, cast)
    outcome = objects.replace_by_revoke(conn, cast.id, revoke, own=False, now_ms=NOW_MS)
    assert outcome == Inserted()
    assert objects.raw_of(conn, cast.id) is None
    assert [entry.id for entry in objects.live_index(conn, NOW_MS)] == [revoke.id]
    assert insert(conn, cast) == Revoked(by=revoke.id)
    again = objects.replace_by_revoke(conn, cast.id, revoke, own=False, now_ms=NOW_MS)
    assert again == Known()


def test_a_revoked_object_of_ours_stays_readable_and_is_not_carried(conn: sqlite3.Connection):
    cast, pinned = make_cast(), make_cast(title="pinned")
    insert(conn, cast, own=True)
    insert(conn, pinned)
    objects.pin(conn, [pinned.id])
    for target in (cast, pinned):
        revoke = make_revoke(target)
        objects.replace_by_revoke(conn, target.id, revoke, own=True, now_ms=NOW_MS)
        row = objects.row_of(conn, target.id)
        assert row is not None
        assert row.replaced_by == revoke.id
        assert target.id not in {entry.id for entry in objects.live_index(conn, NOW_MS)}


def test_a_revoke_that_came_first_keeps_its_target_out_unless_ours(conn: sqlite3.Connection):
    cast, own = make_cast(), make_cast(title="own")
    for target in (cast, own):
        insert(conn, make_revoke(target))
    assert insert(conn, cast) == Revoked(by=make_revoke(cast).id)
    assert insert(conn, own, own=True) == Inserted()
    row = objects.row_of(conn, own.id)
    assert row is not None
    assert row.replaced_by == make_revoke(own).id


@pytest.mark.parametrize("header", [{}, {"exp": NOW_MS + 9 * DAY_MS}])
def test_nobody_elses_revoke_keeps_an_object_out(conn: sqlite3.Connection, header):
    # By another key, or for another life than its target's: not this author's word.
    party = buyer_ana if header else Party("vendor_mallory")
    cast = make_cast()
    false = make_revoke(cast, party, **header)
    assert insert(conn, false) == Inserted()
    assert insert(conn, cast) == Inserted()
    objects.replace_by_revoke(conn, cast.id, false, own=False, now_ms=NOW_MS)
    row = objects.row_of(conn, cast.id)
    assert row is not None
    assert row.replaced_by is None


def test_the_revoke_that_counts_is_named_among_false_ones(conn: sqlite3.Connection):
    cast = make_cast()
    for each in (make_revoke(cast, Party("vendor_mallory")), make_revoke(cast)):
        insert(conn, each)
    assert insert(conn, cast) == Revoked(by=make_revoke(cast).id)


def test_a_twin_of_a_revoke_replaces_nothing(conn: sqlite3.Connection):
    cast = make_cast()
    revoke = make_revoke(cast)
    insert(conn, revoke)
    twin = msgspec.structs.replace(revoke, id=ObjectId(b"t" * 32))
    outcome = objects.replace_by_revoke(conn, cast.id, twin, own=False, now_ms=NOW_MS)
    assert outcome == Twin(id=revoke.id)


# --- ends ----------------------------------------------------------------------------------------


def test_expired_objects_go_and_ours_stay(conn: sqlite3.Connection):
    carried, own, pinned, later = (make_cast(title=title) for title in ("a", "b", "c", "d"))
    later = make_cast(title="later", header={"exp": carried.header.exp + 1})
    insert(conn, carried)
    insert(conn, own, own=True)
    insert(conn, pinned)
    insert(conn, later)
    objects.pin(conn, [pinned.id])
    assert objects.delete_expired(conn, carried.header.exp - 1) == []
    assert objects.delete_expired(conn, carried.header.exp) == [carried.id]
    assert objects.raw_of(conn, own.id) == own.raw
    assert objects.raw_of(conn, pinned.id) == pinned.raw
    assert objects.raw_of(conn, later.id) == later.raw


def test_sealed_objects_outlive_their_expiry(conn: sqlite3.Connection):
    offer = make_offer(make_cast(), make_profile())
    insert(conn, offer)
    assert objects.delete_expired(conn, offer.header.exp + bounds.sealed_kept_ms - 1) == []
    assert objects.delete_expired(conn, offer.header.exp + bounds.sealed_kept_ms) == [offer.id]


def test_a_sweep_is_bounded_and_goes_on(conn: sqlite3.Connection, monkeypatch):
    monkeypatch.setattr(bounds, "sweep_rows_max", 2)
    casts = [make_cast(title=str(n)) for n in range(3)]
    for cast in casts:
        insert(conn, cast)
    end = casts[0].header.exp
    assert len(objects.delete_expired(conn, end)) == 2
    assert len(objects.delete_expired(conn, end)) == 1
    assert objects.live_index(conn, 0) == []


def test_carried_objects_can_be_let_go_early(conn: sqlite3.Connection):
    carried, own = make_cast(), make_cast(title="own")
    insert(conn, carried)
    insert(conn, own, own=True)
    assert objects.remove(conn, [carried.id, own.id, b"?" * 32]) == 1
    assert objects.raw_of(conn, own.id) == own.raw
