"""Lost objects are named and asked for; what no hash covers falls on the side of keeping."""

from __future__ import annotations

import sqlite3

import pytest

from node.storage import casts, losses, objects, wanted
from node.storage.faults import RESTORE_FIX
from node.storage.losses import Listing, NamelessError, listing_of, make_safe, note_lost
from node.storage.trees import Place
from protocol.market.cast import CastState
from tests.parties import NOW_MS, make_acceptance, make_cast, make_offer, make_profile
from tests.unit.node.storage.test_objects import make_revoke
from tests.unit.node.storage.test_references import add_thread


def put(conn: sqlite3.Connection, verified, *, own: bool, pinned: bool = False) -> int:
    objects.insert(conn, verified, own=own, now_ms=1)
    if pinned:
        objects.pin(conn, [verified.id])
    return conn.execute("SELECT seq FROM objects WHERE id = ?", (verified.id,)).fetchone()[0]


@pytest.fixture
def shelf(conn: sqlite3.Connection):
    """A carried request, a request and an offer of ours in a thread, a profile pinned for it."""
    cast, profile = make_cast(title="ours"), make_profile()
    offer = make_offer(cast, profile)
    return {
        "carried": (put(conn, make_cast(title="carried"), own=False), make_cast(title="carried")),
        "cast": (put(conn, cast, own=True), cast),
        "profile": (put(conn, profile, own=False, pinned=True), profile),
        "offer": (put(conn, offer, own=True), offer),
        "acceptance": (put(conn, acceptance := make_acceptance(offer), own=True), acceptance),
    }


def test_whole_indexes_name_every_row(conn, shelf):
    found = listing_of(conn, [])
    assert set(found.numbers or ()) == {row for row, _ in shelf.values()}
    assert found.names == {row: verified.id for row, verified in shelf.values()}
    assert set(found.passing or ()) == {shelf["carried"][0]}
    cast = shelf["cast"][1].id
    assert found.threads == {shelf[name][0]: cast for name in ("offer", "acceptance")}
    assert found.has_threads


def test_an_index_with_a_damaged_page_is_not_believed(conn, shelf):
    names = ("sqlite_autoindex_objects_1", "objects_passing", "objects_thread")
    found = listing_of(conn, [Place(table="objects", index=name) for name in names])
    assert set(found.numbers or ()) == {row for row, _ in shelf.values()}
    assert (found.names, found.passing, found.threads, found.has_threads) == ({}, None, {}, False)
    both = [Place(table="objects", index=f"sqlite_autoindex_objects_{n}") for n in (1, 2)]
    assert listing_of(conn, both).numbers is None


def test_an_index_that_cannot_be_read_is_not_believed(conn):
    conn.execute("DROP INDEX objects_passing")
    assert listing_of(conn, []).passing is None


def gone(conn: sqlite3.Connection, number: int) -> None:
    conn.execute("DELETE FROM objects WHERE seq = ?", (number,))


def test_what_was_only_carried_is_no_loss(conn, shelf):
    listing = listing_of(conn, [])
    number, _ = shelf["carried"]
    gone(conn, number)
    assert note_lost(conn, listing, (listing.numbers or frozenset()) - {number}, NOW_MS) == []
    assert wanted.all_of(conn, limit=9) == []


def test_what_somebody_holds_is_asked_for_and_the_rest_is_named(conn, shelf):
    add_thread(conn, cast_id=shelf["cast"][1].id)
    lonely = make_offer(make_cast(title="another"), make_profile(), note="lonely")
    lost = {**shelf, "lonely": (put(conn, lonely, own=True), lonely)}
    listing = listing_of(conn, [])
    for number, _ in lost.values():
        gone(conn, number)
    found = {each.id: each for each in note_lost(conn, listing, [], NOW_MS)}
    assert set(found) == {verified.id for _, verified in lost.values()} - {lost["carried"][1].id}
    assert not found[lonely.id].mended
    assert found[lonely.id].fix == RESTORE_FIX
    asked = {row.id: row.deal_id for row in wanted.all_of(conn, limit=9)}
    root = shelf["cast"][1].id
    assert asked == {
        root: root,
        lost["offer"][1].id: root,
        lost["acceptance"][1].id: root,
        lost["profile"][1].id: None,
    }
    assert all(found[each].mended for each in asked)


def test_what_is_carried_and_needed_is_asked_for(conn, shelf):
    number, carried = shelf["carried"]
    casts.save(
        conn,
        casts.OwnCast(
            nonce=b"n" * 16,
            cast_id=carried.id,
            root_id=carried.id,
            state=CastState.OPEN,
            draft="{}",
            created_ms=1,
        ),
    )
    listing = listing_of(conn, [])
    gone(conn, number)
    assert [
        each.id for each in note_lost(conn, listing, (listing.numbers or frozenset()) - {number}, 1)
    ] == [carried.id]


def test_losses_without_a_name_are_not_hushed_up(conn, shelf):
    number, _ = shelf["offer"]
    rows = frozenset(row for row, _ in shelf.values())
    with pytest.raises(NamelessError):
        note_lost(conn, Listing(numbers=rows), rows - {number}, 1)
    with pytest.raises(NamelessError):
        note_lost(conn, Listing(), rows, 1)
    # What was only carried may go without one.
    assert note_lost(conn, Listing(numbers=rows, passing=rows), rows - {number}, 1) == []


# --- columns no hash covers ----------------------------------------------------------------------


def flags(conn: sqlite3.Connection, number: int) -> tuple[int, int]:
    return tuple(
        conn.execute("SELECT own, pinned FROM objects WHERE seq = ?", (number,)).fetchone()
    )


@pytest.mark.parametrize(
    ("name", "own", "pinned"),
    [
        ("carried", 0, 0),
        # Sealed: ours, whatever the row says now.
        ("acceptance", 1, 1),
        ("profile", 0, 1),
        ("cast", 1, 1),
    ],
)
def test_the_index_knows_what_may_go(conn, shelf, name, own, pinned):
    listing = listing_of(conn, [])
    number, _ = shelf[name]
    conn.execute(
        "UPDATE objects SET own = 0, pinned = ? WHERE seq = ?", (name == "profile", number)
    )
    make_safe(conn, listing, [number])
    assert flags(conn, number) == (own, pinned)


def test_without_the_index_everything_in_doubt_is_kept(conn, shelf):
    for number, _ in shelf.values():
        conn.execute("UPDATE objects SET own = 0, pinned = 0 WHERE seq = ?", (number,))
    make_safe(conn, Listing(), [number for number, _ in shelf.values()])
    assert all(flags(conn, number)[1] for number, _ in shelf.values())
    assert flags(conn, shelf["offer"][0]) == (1, 1)
    assert flags(conn, shelf["carried"][0]) == (0, 1)


def test_what_our_own_keys_signed_is_ours(conn, shelf):
    number, profile = shelf["profile"]
    conn.execute("UPDATE objects SET own = 0 WHERE seq = ?", (number,))
    conn.execute(
        "INSERT INTO generations (generation, key, rotation_id, at) VALUES (1, ?, zeroblob(32), 1)",
        (profile.header.key,),
    )
    make_safe(conn, Listing(), [number, 999])
    assert flags(conn, number) == (1, 1)


def test_files_without_generations_are_older_ones(conn, shelf):
    conn.execute("DROP TABLE generations")
    make_safe(conn, Listing(), [shelf["offer"][0]])
    assert flags(conn, shelf["offer"][0]) == (1, 1)


def test_what_took_an_objects_place_is_found_again(conn, shelf):
    number, cast = shelf["cast"]
    revoke = make_revoke(cast)
    objects.replace_by_revoke(conn, cast.id, revoke, own=True, now_ms=1)
    for damaged in (None, b"x" * 32, b"short"):
        conn.execute("UPDATE objects SET replaced_by = ? WHERE seq = ?", (damaged, number))
        make_safe(conn, Listing(), [number])
        row = objects.row_of(conn, cast.id)
        assert row is not None
        assert row.replaced_by == revoke.id
    gone(conn, put(conn, revoke, own=True))
    for damaged, left in ((b"x" * 32, b"x" * 32), (b"short", None)):
        conn.execute("UPDATE objects SET replaced_by = ? WHERE seq = ?", (damaged, number))
        make_safe(conn, Listing(), [number])
        row = objects.row_of(conn, cast.id)
        assert row is not None
        assert row.replaced_by == left


def test_the_names_are_those_of_the_schema(conn):
    names = {
        row["name"]
        for row in conn.execute(
            "SELECT name FROM sqlite_schema WHERE tbl_name = ?", (losses.TABLE,)
        )
    }
    assert {
        "objects",
        "sqlite_autoindex_objects_1",
        "sqlite_autoindex_objects_2",
        "objects_passing",
        "objects_thread",
    } <= names
