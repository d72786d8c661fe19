"""The live table: dedupe, order, expiry, quotas, and what revokes do."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from protocol import limits
from protocol.errors import Reason
from protocol.ids import ObjectId, blake2b_256
from protocol.network.live import (
    LiveEntry,
    LiveTable,
    aim_of,
    entry_of,
    prefix_of,
)
from protocol.now import DAY_MS
from protocol.objects.envelope import text_digest
from protocol.objects.header import Kind
from protocol.values.place import Where
from tests.parties import NET, NOW_MS, make_cast, vendor_bo
from tests.unit.protocol.network.driver import make_revoke

EXP = NOW_MS + 1_000_000


def entry(name: str, **facts: Any) -> LiveEntry:
    fields: dict[str, Any] = {
        "id": ObjectId(blake2b_256(name.encode())),
        "kind": Kind.INTENTCAST,
        "key": blake2b_256(b"author"),
        "at": NOW_MS,
        "exp": EXP,
        "text": text_digest(name.encode()),
    }
    return LiveEntry(**{**fields, **facts})


def revoke(name: str, target: LiveEntry, **facts: Any) -> LiveEntry:
    return entry(name, kind=Kind.REVOKE, target=target.id, **facts)


def name_of(of: LiveEntry) -> bytes:
    return prefix_of(of.id)


def test_the_aim_of_a_cast_is_the_same_from_its_body_and_from_its_tree():
    for cast in (make_cast(), make_cast(where=Where(remote=True))):
        tree = msgspec.to_builtins(cast.body)
        found = aim_of(tree["category"], tree["where"])
        assert found == aim_of(cast.body.category, cast.body.where)
        kept = entry_of(cast)
        assert (kept.category, kept.cell, kept.radius_km) == found


def test_casts_of_one_place_share_its_number():
    one, other = (entry_of(make_cast(title=title)) for title in ("One", "Other"))
    assert one.cell > 2**32
    assert one.cell is other.cell


def test_an_object_has_one_place():
    table = LiveTable(net=NET)
    one = entry("one")
    assert table.place(one).refused is None
    assert table.place(one).refused is Reason.DUPLICATE
    assert len(table) == 1
    assert name_of(one) in table
    assert table.get(name_of(one)) == one
    assert table.get(b"unknown") is None


def test_a_second_signature_over_the_same_text_has_none():
    table = LiveTable(net=NET)
    one = entry("one")
    table.place(one)
    twin = entry("twin", text=one.text)
    assert table.has_text(one.text)
    assert table.place(twin).refused is Reason.DUPLICATE
    table.remove(name_of(one))
    assert not table.has_text(one.text)
    assert table.place(twin).refused is None


def test_the_table_is_capped_for_others():
    table = LiveTable(net=NET, entries_max=2)
    for name in ("one", "two"):
        assert table.place(entry(name), wall_ms=NOW_MS).refused is None
    long = NOW_MS + 50 * DAY_MS
    table.place(entry("paid", exp=long, surplus=1), wall_ms=NOW_MS)
    table.place(entry("paid too", exp=long, surplus=1), wall_ms=NOW_MS)
    assert len(table) == 2
    assert table.place(entry("three"), wall_ms=NOW_MS).refused is Reason.QUOTA
    junk = revoke("junk", entry("far"))
    assert table.place(junk, wall_ms=NOW_MS).refused is Reason.QUOTA
    assert table.place(entry("own", exempt=True), wall_ms=NOW_MS).refused is None
    assert table.place(entry("kept"), is_kept=True).refused is None
    assert (len(table), table.of_others) == (4, 3)
    assert table.place(entry("own", exempt=True)).refused is Reason.DUPLICATE


def test_what_there_is_too_much_of_is_let_go():
    table = LiveTable(net=NET, entries_max=2)
    for number in range(6):
        table.place(entry(f"{number}", exp=EXP + number * 1_000_000), is_kept=True)
    table.place(entry("own", exempt=True, exp=EXP * 2), is_kept=True)
    gone = table.shrink(NOW_MS, 3)
    assert [each.id for each in gone] == [entry(f"{number}").id for number in (5, 4, 3)]
    assert len(table.shrink(NOW_MS, 3)) == 1
    assert (len(table), table.of_others) == (3, 2)
    assert table.shrink(NOW_MS, 3) == []
    alone = LiveTable(net=NET, entries_max=-1)
    alone.place(entry("own", exempt=True))
    assert alone.shrink(NOW_MS, 3) == []


def test_what_leaves_and_comes_back_leaves_no_trace():
    table = LiveTable(net=NET)
    one, other = entry("one"), entry("other", exp=EXP + 5)
    table.place(other)
    for _ in range(5_000):
        table.place(one)
        table.remove(name_of(one))
    assert len(table._expiries) == 1
    assert len(table.holdings.whole) == 1
    table.place(one)
    assert table.expire(EXP) == [one]
    assert table.expire(EXP + 5) == [other]


def test_what_expires_goes_once():
    table = LiveTable(net=NET)
    first, second = entry("one", exp=EXP), entry("two", exp=EXP + 5)
    for each in (first, second):
        table.place(each)
    assert table.expire(EXP - 1) == []
    table.remove(name_of(first))
    table.place(first)
    assert table.expire(EXP) == [first]
    assert table.expire(EXP + 5) == [second]
    assert len(table) == 0
    assert table.remove(name_of(first)) is None


def compared(table: LiveTable) -> list[bytes]:
    order = table.holdings.whole
    return order.names(0, len(order))


def test_what_is_held_is_compared_in_order():
    table = LiveTable(net=NET)
    entries = [entry(f"n{n}", at=NOW_MS + n // 3) for n in range(10)]
    for each in reversed(entries):
        table.place(each)
    order = sorted((each.at, name_of(each)) for each in entries)
    assert compared(table) == [name for _, name in order]


def test_what_has_expired_is_compared_no_more_and_still_known():
    table = LiveTable(net=NET)
    entries = [entry(f"n{n}", at=NOW_MS + n, exp=EXP + n) for n in range(6)]
    for each in entries:
        table.place(each)
    table.remove(name_of(entries[3]))
    table.retire(EXP + 1)
    assert compared(table) == [name_of(entries[n]) for n in (2, 4, 5)]
    assert name_of(entries[0]) in table
    assert table.expire(EXP) == [entries[0]]
    assert table.expire(EXP + 3) == [entries[1], entries[2]]
    table.place(entries[3])
    assert compared(table) == [name_of(entries[n]) for n in (3, 4, 5)]


def test_an_object_may_leave_and_return_to_its_place():
    table = LiveTable(net=NET)
    entries = [entry(f"n{n}", at=NOW_MS + n) for n in range(8)]
    for each in entries:
        table.place(each)
    table.remove(name_of(entries[2]))
    table.place(entries[2])
    assert compared(table) == [name_of(each) for each in entries]


def test_what_expired_and_left_is_not_expired_again():
    table = LiveTable(net=NET)
    one = entry("one", exp=EXP)
    table.place(one)
    table.retire(EXP)
    table.remove(name_of(one))
    assert table.expire(EXP) == []


# --- revokes -------------------------------------------------------------------------------------


def test_a_revoke_takes_the_place_of_its_target():
    table = LiveTable(net=NET)
    target = entry("target")
    table.place(target)
    placed = table.place(revoke("revoke", target))
    assert (placed.refused, placed.replaced) == (None, target.id)
    assert name_of(target) not in table
    assert table.place(target).refused is Reason.WITHDRAWN


def test_only_the_author_revokes_and_only_for_the_same_life():
    table = LiveTable(net=NET)
    target = entry("target")
    table.place(target)
    stranger = revoke("stranger", target, key=blake2b_256(b"stranger"))
    assert table.place(stranger).refused is Reason.NOT_PARTY
    assert table.place(revoke("longer", target, exp=EXP + 1)).refused is Reason.MISMATCH
    assert name_of(target) in table


def test_a_revoke_that_comes_first_blocks_its_target():
    table = LiveTable(net=NET)
    target = entry("target")
    waiting = revoke("revoke", target)
    assert table.place(waiting).refused is None
    assert table.place(target).refused is Reason.WITHDRAWN
    assert name_of(waiting) in table


def test_a_false_revoke_that_comes_first_goes_when_the_target_comes():
    table = LiveTable(net=NET)
    target = entry("target")
    false = revoke("false", target, key=blake2b_256(b"stranger"))
    table.place(false)
    placed = table.place(target)
    assert (placed.refused, placed.removed) == (None, (false.id,))
    assert name_of(false) not in table
    assert name_of(target) in table


def test_of_a_true_and_a_false_revoke_the_true_one_stays():
    table = LiveTable(net=NET)
    target = entry("target")
    false = revoke("false", target, key=blake2b_256(b"stranger"))
    true = revoke("true", target)
    for each in (false, true):
        assert table.place(each).refused is None
    placed = table.place(target)
    assert (placed.refused, placed.removed) == (Reason.WITHDRAWN, (false.id,))
    assert name_of(true) in table


def test_a_revoke_is_compared_in_place_of_its_target():
    target = entry("target")
    table = LiveTable(net=NET)
    table.place(target)
    table.place(revoke("back", target))
    assert compared(table) == [name_of(revoke("back", target))]


def test_of_two_revokes_by_one_author_every_node_keeps_the_same():
    target = entry("target")
    pair = [revoke("first", target), revoke("second", target)]
    smaller, larger = sorted(pair, key=lambda each: each.id)
    table = LiveTable(net=NET)
    table.place(smaller)
    assert table.place(larger).refused is Reason.DUPLICATE
    other = LiveTable(net=NET)
    other.place(larger)
    assert other.place(smaller).removed == (larger.id,)
    assert compared(other) == [name_of(smaller)]
    assert other.place(target).refused is Reason.WITHDRAWN


def crowd(target: LiveEntry, count: int, **facts: Any) -> list[LiveEntry]:
    """Revokes of one target by as many strangers, the smallest id first."""
    made = [
        revoke(f"crowd {n} {facts}", target, key=blake2b_256(b"stranger", bytes([n])), **facts)
        for n in range(count)
    ]
    return sorted(made, key=lambda each: each.id)


def test_of_many_revokes_of_one_unknown_target_the_smallest_stay_whatever_the_order():
    target = entry("target")
    made = crowd(target, 3 * limits.revokes_waiting_max)
    kept = {name_of(each) for each in made[: limits.revokes_waiting_max]}
    for order in (made, made[::-1], made[1::2] + made[::2]):
        table = LiveTable(net=NET)
        placed = [table.place(each) for each in order]
        refused = [each.refused for each in placed if each.refused is not None]
        evicted = [each.evicted for each in placed if each.evicted is not None]
        assert set(compared(table)) == kept
        assert set(refused) <= {Reason.QUOTA}
        assert len(refused) + len(evicted) == len(made) - len(kept)
        assert len(table.place(target).removed) == len(kept)
        assert table._revokes == {}


@pytest.mark.parametrize("is_first", [True, False])
def test_what_took_back_its_target_gives_way_to_no_crowd(is_first: bool):
    target = entry("target")
    true, *others = crowd(target, 12)[::-1]
    target = msgspec.structs.replace(target, key=true.key)
    table = LiveTable(net=NET)
    for each in (target, true) if is_first else (true, target):
        table.place(each)
    for each in others:
        table.place(each)
    assert name_of(true) in table
    assert len(table) == limits.revokes_waiting_max
    assert table.place(target).refused is Reason.WITHDRAWN
    smaller = msgspec.structs.replace(true, id=ObjectId(bytes(32)), text=b"again")
    assert table.place(smaller).removed == (true.id,)
    for each in crowd(entry("target"), 12, exp=EXP + 1):
        table.place(each)
    assert name_of(smaller) in table, "nor does what says the same"


def test_what_was_kept_before_and_our_own_gives_way_to_no_crowd():
    target = entry("target")
    made = crowd(target, 30)
    table = LiveTable(net=NET)
    for each in made[20:]:
        assert table.place(each, is_kept=True).refused is None
    own = msgspec.structs.replace(made[19], exempt=True)
    assert table.place(own).refused is None
    assert [table.place(each).refused for each in made[:2]] == [None, None], "two more than cap"
    assert table.place(made[2]).refused is Reason.QUOTA
    held = {name_of(each) for each in (*made[20:28], own, *made[:2])}
    assert set(compared(table)) == held


def test_a_revoke_cannot_be_revoked():
    table = LiveTable(net=NET)
    target = entry("target")
    first = revoke("first", target)
    table.place(first)
    assert table.place(revoke("undo", first)).refused is Reason.MISMATCH
    early = revoke("early", entry("second"))
    table.place(early)
    assert table.place(entry("second")).refused is Reason.WITHDRAWN


def test_expired_revokes_block_nothing():
    table = LiveTable(net=NET)
    target = entry("target")
    table.place(revoke("revoke", target))
    table.expire(EXP)
    assert table.place(msgspec.structs.replace(target, exp=EXP + 9)).refused is None


def test_entries_are_made_of_verified_objects():
    cast = make_cast()
    made = entry_of(cast)
    assert (made.id, made.key, made.exp, made.target) == (
        cast.id, cast.header.key, cast.header.exp, None,
    )  # fmt: skip
    assert made.text == text_digest(cast.signed)
    assert entry_of(make_revoke(cast)).target == cast.id
    table = LiveTable(net=NET)
    table.place(made)
    assert table.place(entry_of(make_revoke(cast, by=vendor_bo))).refused is Reason.NOT_PARTY
    assert table.place(entry_of(make_revoke(cast))).replaced == cast.id


@pytest.mark.parametrize("kind", [Kind.ROTATION, Kind.REVOCATION])
def test_a_statement_about_a_key_cannot_be_taken_back(kind: Kind):
    """Whoever stole a key would take back what was said of it."""
    statement = entry("statement", kind=kind)
    table = LiveTable(net=NET)
    table.place(statement)
    assert table.place(revoke("r", statement)).refused is Reason.MISMATCH
    late = LiveTable(net=NET)
    waiting = revoke("r", statement)
    late.place(waiting)
    placed = late.place(statement)
    assert (placed.refused, placed.removed) == (None, (waiting.id,))
