"""Budgets: what a link may bring, in the long run and at once, and what is asked for later."""

from __future__ import annotations

import pytest

from protocol import limits
from protocol.channel.messages import Objects, Want
from protocol.errors import Reason
from protocol.ids import PeerId
from protocol.network.actions import BlamePeer, Timer
from protocol.network.budgets import (
    BYTES,
    MESSAGES,
    PULLS,
    USUAL,
    Bucket,
    Budgets,
    Pace,
    Rate,
    Starts,
)
from protocol.network.events import IdsReceived, SeekObject, TimerFired
from protocol.network.verdicts import Verdict
from protocol.now import DAY_MS, HOUR_MS
from tests.parties import make_cast
from tests.unit.protocol.network.driver import Bench, later, of, peer

RATE = Rate(per_s=2, burst=5)
ONE = PeerId(b"one")


def links(count: int, *, net: str = "test", **facts: bool) -> Budgets:
    budgets = Budgets(net=net, **facts)
    for number in range(count):
        budgets.joined(PeerId(bytes([number])), 0)
    budgets.joined(ONE, 0)
    return budgets


def pushed(budgets: Budgets, mono_ms: int, tries: int = 10_000) -> int:
    """How many new objects one link brings at a moment."""
    return sum(budgets.may_push(ONE, mono_ms) for _ in range(tries))


# --- buckets -------------------------------------------------------------------------------------


def test_a_bucket_empties_and_fills_to_its_brim():
    bucket = Bucket(5, 0)
    assert [bucket.take(2, RATE, 0) for _ in range(3)] == [True, True, False]
    assert bucket.left(RATE, 400) == 1
    assert bucket.left(RATE, 500) == 2
    assert bucket.left(RATE, 60_000) == 5
    assert bucket.left(RATE, 0) == 5, "time does not run back"


def test_what_is_charged_in_any_case_is_owed():
    bucket = Bucket(5, 0)
    assert bucket.charge(4, RATE, 0) == 0
    assert bucket.charge(5, RATE, 0) == 2_000
    assert bucket.left(RATE, 0) == -4
    assert bucket.left(RATE, 2_000) == 0


def test_a_connection_beyond_its_pace_is_read_more_slowly():
    pace = Pace(0)
    assert pace.took(MESSAGES.burst, 100, 0) == 0
    assert pace.took(MESSAGES.per_s, 100, 0) == 1_000
    assert pace.took(1, 100, 1_010) == 0
    pace = Pace(0)
    assert pace.took(1, BYTES.burst + BYTES.per_s // 2, 0) == 500
    assert Pace(0, is_open=True).took(10_000, 10 * BYTES.burst, 0) == 0


# --- new objects ---------------------------------------------------------------------------------


def test_a_link_brings_its_burst_and_then_its_rate():
    budgets = links(limits.news_links)
    assert pushed(budgets, 0) == limits.news_burst
    assert pushed(budgets, 10_000) == 10 * limits.news_per_s
    view = budgets.view(ONE, 10_000)
    assert view is not None
    assert (view.news_left, view.news_burst, view.news_per_s) == (0, USUAL.burst, USUAL.per_s)
    assert view.refused == 20_000 - limits.news_burst - 10 * limits.news_per_s


def test_a_young_link_of_the_main_network_brings_little_and_begins_with_less():
    budgets = links(limits.news_links, net="main")
    assert pushed(budgets, 0) == limits.news_young_start
    assert pushed(budgets, HOUR_MS - 1) == limits.news_young_burst
    assert pushed(budgets, 2 * HOUR_MS) == limits.news_burst


def test_a_link_that_lasts_brings_more():
    budgets = links(limits.news_links)
    assert pushed(budgets, 0) == limits.news_burst
    assert pushed(budgets, DAY_MS) == limits.news_burst * limits.news_lasting_factor


@pytest.mark.parametrize(("others", "factor"), [(0, 8), (1, 4), (3, 2), (7, 1), (30, 1)])
def test_few_links_bring_what_many_would(others, factor):
    assert pushed(links(others), 0) == limits.news_burst * factor


def relinked(budgets: Budgets, turns: int, group: str | None = None, *, keys: int = 1) -> int:
    """How many new objects a host brings that links anew each 10 ms."""
    taken = 0
    for turn in range(turns):
        who = PeerId(b"evil %d" % (turn % keys))
        budgets.joined(who, 10 * turn, group)
        while budgets.may_push(who, 10 * turn):
            taken += 1
        budgets.lost(who, 10 * turn)
    return taken


@pytest.mark.parametrize(("net", "most"), [("main", 10), ("test", 607)])
def test_linking_anew_brings_no_new_budget(net: str, most: int):
    assert relinked(links(9, net=net), 100) == most
    assert relinked(links(9, net=net), 100, "8.8.0.0/16") == most


@pytest.mark.parametrize(("net", "most"), [("main", 43), ("test", 2_431)])
def test_new_keys_of_one_address_group_bring_a_few_budgets(net: str, most: int):
    assert relinked(links(9, net=net), 100, "8.8.0.0/16", keys=100) == most


def test_other_groups_and_those_who_rested_begin_with_all_they_may():
    budgets = links(limits.news_links)
    relinked(budgets, 10, "8.8.0.0/16", keys=10)
    budgets.joined(ONE, 100, "9.9.0.0/16")
    assert pushed(budgets, 100) == limits.news_burst
    budgets.joined(ONE, 200_000, "8.8.0.0/16")
    assert pushed(budgets, 200_000) == limits.news_burst


def test_those_who_linked_are_remembered_within_a_bound(monkeypatch):
    monkeypatch.setattr(limits, "news_starts_kept_max", 2)
    starts = Starts()
    for name in (b"a", b"b", b"b", b"c"):
        starts.take(PeerId(name), None, RATE, 0)
    assert starts.take(PeerId(b"b"), None, RATE, 0) == 0
    assert starts.take(PeerId(b"a"), None, RATE, 0) == RATE.burst, "the oldest is forgotten"


def test_a_link_that_breaks_and_comes_again_keeps_its_room():
    budgets = Budgets(net="test")
    budgets.joined(ONE, 0, "192.0.2")
    assert budgets.may_push(ONE, 0)
    view = budgets.view(ONE, 0)
    assert view is not None
    for turn in range(5):
        budgets.lost(ONE, turn)
        budgets.joined(ONE, turn, "192.0.2")
        assert budgets.may_push(ONE, turn)
    budgets.joined(ONE, 6, "192.0.2")
    after = budgets.view(ONE, 6)
    assert after is not None
    assert view.news_left - 6 <= after.news_left <= view.news_left + 1


def test_an_open_node_and_a_link_that_has_gone_have_no_bound():
    budgets = links(8, is_open=True)
    assert budgets.is_open
    assert pushed(budgets, 0) == 10_000
    assert budgets.may_ask(ONE, 0, is_found=True)
    assert budgets.view(ONE, 0) is None
    budgets = links(8)
    budgets.lost(ONE, 0)
    budgets.lost(ONE, 0)
    assert pushed(budgets, 0) == 10_000
    assert not budgets.is_fault(ONE, 0)
    assert budgets.view(ONE, 0) is None
    budgets.served(ONE, 8_000, 0)


def test_too_much_is_charged_once_a_second():
    budgets = links(8)
    assert [budgets.is_fault(ONE, ms) for ms in (0, 1, 999, 1_000, 1_500)] == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_what_a_comparison_found_is_asked_for_by_its_bytes():
    budgets = links(8)
    asked = sum(budgets.may_ask(ONE, 0, is_found=True) for _ in range(10_000))
    assert asked == PULLS.burst // limits.object_bytes_usual
    assert budgets.may_ask(ONE, 0, is_found=False), "news have their own budget"
    budgets.served(ONE, limits.object_bytes_usual, 0)
    budgets.served(ONE, limits.object_bytes_usual + PULLS.per_s, 0)
    assert not budgets.may_ask(ONE, 1_000, is_found=True)
    assert budgets.may_ask(ONE, 1_100, is_found=True)
    view = budgets.view(ONE, 1_000)
    assert view is not None
    assert view.pull_bytes_left < PULLS.burst


# --- on the way in -------------------------------------------------------------------------------


@pytest.fixture
def narrow(monkeypatch) -> Bench:
    """A machine whose links may bring one new object each, and one every ten seconds."""
    tight = Rate(per_s=1, burst=1)
    monkeypatch.setattr("protocol.network.budgets.USUAL", tight)
    monkeypatch.setattr("protocol.limits.news_links", 1)
    bench = Bench()
    bench.join("a", "b")
    return bench


def casts(count: int):
    return [make_cast(title=f"wish {number}") for number in range(count)]


def test_a_push_beyond_the_budget_is_not_taken_and_comes_by_another_link(narrow):
    first, second = casts(2)
    narrow.receive("a", first.raw)
    narrow.receive("a", second.raw)
    assert narrow.stored() == [first.id]
    assert narrow.blamed("a") == ["over_budget"]
    assert of(BlamePeer, narrow.actions)[0].points == 1
    assert narrow.gossip.verdicts[Verdict.IGNORED, Reason.OVER_BUDGET] == 1
    narrow.receive("b", second.raw)
    assert narrow.stored() == [first.id, second.id]


def test_a_push_beyond_the_budget_is_asked_for_when_there_is_room(narrow):
    first, second = casts(2)
    narrow.receive("a", first.raw)
    narrow.receive("a", second.raw)
    narrow.now = later(limits.pull_wait_ms_min)
    narrow.feed(TimerFired(timer=Timer.PULL))
    assert narrow.sent("a", Want) == []
    narrow.now = later(1_000)
    narrow.feed(TimerFired(timer=Timer.PULL))
    assert narrow.sent("a", Want) == [Want(ids=[second.id[:16]])]
    narrow.receive("a", second.raw)
    assert narrow.stored() == [first.id, second.id]
    assert narrow.blamed("a") == ["over_budget"]


def test_what_is_announced_is_asked_for_within_the_budget(narrow):
    wishes = casts(3)
    ids = tuple(each.id[:16] for each in wishes)
    narrow.feed(IdsReceived(peer=peer("a"), ids=ids))
    for seconds in (1, 2, 3):
        narrow.now = later(1_000 * seconds)
        narrow.feed(TimerFired(timer=Timer.PULL))
        assert sum(len(each.ids) for each in narrow.sent("a", Want)) == seconds
    assert narrow.blamed("a") == []


def test_what_this_node_seeks_is_nobodys_news(narrow):
    first, second = casts(2)
    narrow.receive("a", first.raw)
    narrow.feed(SeekObject(id=second.id))
    narrow.receive("a", second.raw)
    assert narrow.stored() == [first.id, second.id]
    third = make_cast(title="wish 3")
    narrow.feed(SeekObject(id=third.id))
    narrow.join("c")
    narrow.receive("b", third.raw)
    assert narrow.stored() == [first.id, second.id, third.id]


def test_an_open_node_takes_what_comes(monkeypatch):
    monkeypatch.setattr("protocol.network.budgets.USUAL", Rate(per_s=1, burst=1))
    bench = Bench(is_open=True)
    bench.join("a", "b")
    for wish in casts(3):
        bench.receive("a", wish.raw)
    assert len(bench.stored()) == 3
    assert len(bench.sent("b", Objects)) == 3
