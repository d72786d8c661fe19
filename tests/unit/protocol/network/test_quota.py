"""Quota: who has a place in a store that grows full, who gives way, and what a stockpile can do."""

from __future__ import annotations

import msgspec
import pytest

from protocol import limits
from protocol.errors import Reason
from protocol.network.actions import DropObject, Timer
from protocol.network.chance import Chance
from protocol.network.events import PublishObject, Started, TimerFired
from protocol.network.live import LiveEntry, LiveTable, entry_of, prefix_of, surplus_of
from protocol.network.quota import Quota, rank
from protocol.network.verdicts import Verdict
from protocol.now import DAY_MS
from protocol.objects.header import Kind
from tests.parties import NET, NOW_MS, make_cast, make_profile
from tests.unit.protocol.network.driver import NOW, Bench, of
from tests.unit.protocol.network.test_live import entry, name_of


def lasting(name: str, days: float, **facts) -> LiveEntry:
    return entry(name, exp=NOW_MS + int(days * DAY_MS), **facts)


def test_the_longest_life_that_is_sure_falls_by_half_and_once_more():
    quota = Quota(1_000)
    lives = [quota.life_ms_max(Kind.INTENTCAST, n) // DAY_MS for n in (0, 799, 800, 900, 2_000)]
    assert lives == [60, 60, 30, 15, 15]
    assert quota.life_ms_max(Kind.PROFILE, 900) == limits.long_ttl_ms_max // 4
    assert quota.life_ms_max(Kind.ROTATION, 900) == limits.statement_ttl_ms_max
    assert quota.is_sure(lasting("long", 59), 799, NOW_MS)
    assert not quota.is_sure(lasting("long", 59), 800, NOW_MS)
    assert quota.is_sure(lasting("short", 14), 1_000, NOW_MS)


def test_work_stands_before_life_and_life_is_a_part_of_what_the_kind_may():
    long, short = lasting("long", 50), lasting("short", 5)
    assert (
        rank(long, NOW_MS)
        < rank(short, NOW_MS)
        < rank(msgspec.structs.replace(long, surplus=1), NOW_MS)
    )
    profile = lasting("profile", 200, kind=Kind.PROFILE)
    assert rank(long, NOW_MS) < rank(profile, NOW_MS)
    assert rank(short, NOW_MS + 9 * DAY_MS) == (0, 0)
    statement = lasting("statement", 3_000, kind=Kind.ROTATION)
    assert rank(statement, NOW_MS) == (0, 0)


def test_who_gives_way():
    quota, long, short = Quota(2), lasting("long", 50), lasting("short", 5)
    assert quota.gives_way([short, long], lasting("new", 20), 2, NOW_MS) == long
    assert quota.gives_way([short, long], lasting("new", 50), 2, NOW_MS) is None
    assert quota.gives_way([short], lasting("new", 14), 2, NOW_MS) == short
    paid = msgspec.structs.replace(short, surplus=1)
    assert quota.gives_way([paid], lasting("new", 1), 2, NOW_MS) is None
    assert quota.gives_way([paid], lasting("new", 40, surplus=2), 2, NOW_MS) == paid
    assert quota.gives_way([], short, 2, NOW_MS) is None


def test_surplus_is_what_was_committed_to_beyond_what_was_due():
    cast = make_cast()
    assert surplus_of(cast.header, len(cast.signed)) == 0
    assert (
        surplus_of(
            msgspec.structs.replace(cast.header, target=cast.header.target + 3), len(cast.signed)
        )
        == 3
    )
    assert surplus_of(msgspec.structs.replace(cast.header, target=0), len(cast.signed)) == 0


@pytest.mark.parametrize("spread", ["evenly", "all at the longest", "all short"])
def test_stockpiled_work_fills_no_store(spread: str):
    """Five stores full of precomputed objects are released at once."""
    size = 1_000
    table = LiveTable(net=NET, entries_max=size, chance=Chance(b"quota"))
    own = [lasting(f"own {number}", 60, exempt=True) for number in range(50)]
    for each in own:
        table.place(each, wall_ms=NOW_MS)
    sure = []
    for number in range(5 * size):
        days = {
            "evenly": 60 * (number * 7_919 % 1_000 + 1) / 1_000,
            "all at the longest": 60,
            "all short": 1,
        }[spread]
        table.place(lasting(f"hostile {number}", days), wall_ms=NOW_MS)
        sure.append(table.quota.life_ms_max(Kind.INTENTCAST, table.of_others))
        assert table.of_others <= size
    assert min(sure) < limits.cast_ttl_ms_max, "the longest life that is sure has fallen"
    honest = [lasting(f"honest {number}", 14) for number in range(size // 20)]
    taken = [table.place(each, wall_ms=NOW_MS).refused is None for each in honest]
    assert sum(taken) >= 0.95 * len(honest)
    assert all(name_of(each) in table for each in own)
    assert table.of_others <= size


# --- on the way in -------------------------------------------------------------------------------


def test_who_gives_way_is_deleted_and_not_asked_for_again():
    bench = Bench(objects_max=1)
    bench.join("a")
    long = make_cast(title="long", header={"exp": NOW_MS + 50 * DAY_MS})
    short = make_cast(title="short")
    own = make_profile()
    bench.feed(PublishObject(verified=own))
    bench.receive("a", long.raw)
    bench.receive("a", short.raw)
    assert bench.stored() == [long.id, short.id]
    assert bench.dropped() == [long.id]
    assert bench.gossip._carried.knows(prefix_of(long.id))
    before = len(bench.actions)
    bench.receive("a", long.raw)
    assert len(bench.stored()) == 2
    assert of(DropObject, bench.actions[before:]) == []
    late = make_cast(title="late", header={"exp": NOW_MS + 40 * DAY_MS})
    bench.receive("a", late.raw)
    assert bench.gossip.verdicts[Verdict.IGNORED, Reason.QUOTA] == 1
    assert prefix_of(own.id) in bench.gossip.live


def test_after_a_start_what_is_kept_stands_and_the_rest_is_let_go():
    bench = Bench(objects_max=1)
    casts = [make_cast(title=f"{days}", header={"exp": NOW_MS + days * DAY_MS}) for days in (8, 9)]
    pinned = make_cast(title="pinned", header={"exp": NOW_MS + 20 * DAY_MS})
    entries = (*map(entry_of, casts), entry_of(pinned, exempt=True))
    bench.feed(Started(entries=entries, records=()))
    assert len(bench.gossip.live) == 3
    bench.now = NOW
    bench.feed(TimerFired(timer=Timer.SWEEP))
    assert bench.dropped() == [casts[1].id]
    assert len(bench.gossip.live) == 2
