"""Interest: what a leaf wants, asked the same way on both ends of a link."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from protocol import limits
from protocol.channel.messages import Interest, Objects, RangesQuery, Wants
from protocol.errors import MessageError, Reason
from protocol.ids import PeerId
from protocol.network.events import ChangeInterest, InterestReceived
from protocol.network.interest import (
    EVERYTHING,
    Changes,
    Filter,
    Interests,
    cells_of,
    check_interest,
    footprint,
)
from protocol.network.live import LiveEntry, LiveTable, entry_of, prefix_of
from protocol.objects.header import Kind
from protocol.values.place import Where, cell_of
from tests.parties import NET, SHOP, WANTED, make_cast, make_profile
from tests.unit.protocol.network.driver import Bench, joined, make_revoke, peer
from tests.unit.protocol.network.test_live import entry

LEAF, OTHER, RELAY = PeerId(b"leaf"), PeerId(b"other"), PeerId(b"relay")
PARK_CITY = int(WANTED.cell or "", 16)
BERLIN = int(cell_of(52.52, 13.40, 6), 16)


def cast(category: str = "electronics/cameras", cell: int = PARK_CITY, km: int = 80) -> LiveEntry:
    return entry(f"{category} {cell} {km}", category=category, cell=cell, radius_km=km)


def interest(categories: list[str] | None = None, *areas: Where) -> Interest:
    return Interest(categories=categories, cells=cells_of(areas))


def test_who_says_nothing_wants_everything():
    assert EVERYTHING.wants(cast())
    assert Filter(interest()).wants(cast())


@pytest.mark.parametrize(
    ("category", "is_wanted"),
    [
        ("electronics/cameras", True),
        ("electronics/cameras/compact", True),
        ("electronics", True),
        ("electronics/camerasx", False),
        ("electronics/phones", False),
        ("books", False),
    ],
)
def test_a_category_stands_for_all_below_it_and_for_what_it_lies_in(category, is_wanted):
    assert Filter(interest(["electronics/cameras", "toys"])).wants(cast(category)) is is_wanted


def test_an_empty_list_of_categories_wants_no_cast_but_all_else():
    nothing = Filter(interest([]))
    assert not nothing.wants(cast())
    assert nothing.wants(entry_of(make_profile()))
    assert nothing.wants(entry("statement", kind=Kind.ROTATION))


def test_places_are_wanted_where_the_circles_may_touch():
    near = Filter(interest(None, SHOP))
    assert near.wants(cast())
    assert not near.wants(cast(cell=BERLIN))
    assert near.wants(cast(cell=BERLIN, km=limits.place_radius_km_max))
    assert near.wants(cast(cell=0, km=0))
    assert not near.wants(cast("electronics", cell=BERLIN, km=500))


def test_a_coarse_cell_is_met_by_the_finer_ones_in_it_and_the_other_way_round():
    coarse = int(cell_of(40.65, -111.5, 2), 16)
    assert Filter(interest(None, Where(cell=f"{coarse:x}"))).wants(cast(km=0))
    assert Filter(interest(None, WANTED)).wants(cast(cell=coarse, km=0))


def test_no_cells_want_only_what_may_be_met_anywhere():
    remote = Filter(Interest(categories=None, cells=[]))
    assert remote.wants(cast(cell=0, km=0))
    assert not remote.wants(cast())


def test_areas_become_few_cells():
    assert cells_of([]) is None
    assert cells_of([SHOP, Where(remote=True)]) is None
    assert cells_of([Where(cell=SHOP.cell, radius_km=limits.place_radius_km_max)]) is None
    for radius in (0, 5, 30, 80, 300, 1_000):
        areas = [Where(cell=SHOP.cell, radius_km=radius), WANTED]
        cells = cells_of(areas)
        assert cells is not None
        assert 0 < len(cells) <= limits.interest_cells_max
        assert cells == sorted(set(cells))
    assert cells_of([SHOP]) == [int(SHOP.cell or "", 16)]


def test_more_areas_than_cells_are_everywhere():
    assert cells_of([SHOP, WANTED], cells_max=1) is None


def test_a_wide_circle_is_covered_by_few_cells_and_the_widest_by_none():
    assert 1 < len(footprint(PARK_CITY, 80).cells) <= 37
    assert 1 < len(footprint(PARK_CITY, 800).cells) <= 37
    assert not footprint(PARK_CITY, 10_000).cells
    assert footprint(PARK_CITY, 0).cells == {PARK_CITY}


def test_a_revoke_goes_where_its_target_went():
    table = LiveTable(net=NET)
    asked = make_cast()
    table.place(entry_of(asked))
    taken_back = entry_of(make_revoke(asked))
    assert taken_back.category == ""
    assert Filter(interest([])).wants(taken_back)
    table.place(taken_back)
    kept = table.get(prefix_of(taken_back.id))
    assert kept is not None
    assert (kept.category, kept.cell, kept.radius_km) == ("electronics/cameras", PARK_CITY, 80)
    assert not Filter(interest([])).wants(kept)
    assert Filter(interest(["electronics"], SHOP)).wants(kept)


def test_each_peer_is_asked_for_itself():
    interests = Interests()
    interests.put(LEAF, interest(["books"]))
    interests.put(OTHER, interest(None, WANTED))
    interests.put(RELAY, None)
    near, book = cast(), cast("books", BERLIN)
    for _ in range(2):
        assert [interests.wants(peer, near) for peer in (LEAF, OTHER, RELAY)] == [False, True, True]
        assert [interests.wants(peer, book) for peer in (LEAF, OTHER, RELAY)] == [True, False, True]
        assert interests.unwanted_by(near) == {LEAF}
        assert interests.unwanted_by(book) == {OTHER}
        assert interests.unwanted_by(cast("cars")) == {LEAF}
        assert interests.unwanted_by(cast("cars", cell=0)) == {LEAF}
    assert interests.wants(LEAF, entry("statement", kind=Kind.ROTATION))
    interests.put(LEAF, interest(["electronics"]))
    assert interests.wants(LEAF, near)
    interests.put(LEAF, None)
    assert interests.wants(LEAF, book)
    interests.put(LEAF, interest(None, WANTED))
    interests.lose(LEAF)
    interests.lose(OTHER)
    interests.lose(OTHER)
    assert interests.wants(OTHER, book)
    assert interests.unwanted_by(book) == frozenset()
    assert not interests._places._cells
    assert not interests._places._above
    assert not interests._places._anywhere


def test_two_ends_compare_what_the_narrower_one_wants():
    relay, leaf = Interests(), Interests()
    said = interest(["books"])
    relay.put(LEAF, said)
    leaf.own = Filter(said)
    for end in (relay.between(LEAF), leaf.between(RELAY)):
        assert end.wants(cast("books"))
        assert not end.wants(cast())
    assert relay.of(OTHER) is EVERYTHING


def test_answers_are_kept_within_a_bound(monkeypatch):
    monkeypatch.setattr("protocol.network.interest._MEMO_MAX", 2)
    interests = Interests()
    interests.put(LEAF, interest(["a"], WANTED))
    for number in range(5):
        assert interests.unwanted_by(cast("a", PARK_CITY, number)) == frozenset()
        assert interests.unwanted_by(cast(f"b{number}")) == {LEAF}
    assert len(interests._by_category) <= 2


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (Interest(categories=["No Path"], cells=None), Reason.BAD_SHAPE),
        (Interest(categories=None, cells=[7]), Reason.OUT_OF_RANGE),
    ],
)
def test_an_interest_in_nothing_that_can_be_is_refused(broken, reason):
    with pytest.raises(MessageError) as caught:
        check_interest(broken)
    assert caught.value.reason is reason
    check_interest(interest(["books"], SHOP))
    check_interest(interest())


def wanting(name: str, said: Interest | None):
    event = joined(name)
    return replace(event, hello=msgspec.structs.replace(event.hello, interest=said))


def test_a_leaf_is_pushed_what_it_said_it_wants():
    bench = Bench()
    bench.join("source")
    bench.feed(wanting("near", interest(["electronics"], SHOP)))
    bench.feed(wanting("far", interest(["books"])))
    asked, profile = make_cast(), make_profile()
    bench.receive("source", asked.raw)
    bench.receive("source", profile.raw)
    assert bench.sent("near", Objects) == [Objects(raws=[asked.raw]), Objects(raws=[profile.raw])]
    assert bench.sent("far", Objects) == [Objects(raws=[profile.raw])]
    assert bench.gossip.narrows(peer("far"))
    assert not bench.gossip.narrows(peer("source"))
    assert bench.gossip.merit(peer("source")) == 2
    budget = bench.gossip.budget(peer("source"), bench.now)
    assert budget is not None
    assert budget.news_left == budget.news_burst - 2
    bench.receive("source", make_revoke(asked).raw)
    assert len(bench.sent("near", Objects)) == 3
    assert len(bench.sent("far", Objects)) == 1


def test_a_leaf_that_wants_something_else_gets_that_from_then_on():
    bench = Bench()
    bench.join("source")
    bench.feed(wanting("leaf", interest(["books"])))
    bench.feed(InterestReceived(peer=peer("leaf"), interest=None))
    bench.feed(InterestReceived(peer=peer("stranger"), interest=interest([])))
    bench.receive("source", make_cast().raw)
    assert len(bench.sent("leaf", Objects)) == 1
    assert peer("stranger") not in bench.gossip._carried.interests._filters


def test_a_change_of_our_own_is_told_to_every_peer_and_compared_anew():
    bench = Bench()
    bench.join("a", "b")
    said = interest(["books"])
    compared = len(bench.sent("a", RangesQuery))
    bench.feed(ChangeInterest(interest=said))
    for name in ("a", "b"):
        assert bench.sent(name, Wants) == [Wants(interest=said)]
        assert len(bench.sent(name, RangesQuery)) == compared + 1
    assert bench.gossip._carried.interests.own.interest == said


def test_a_link_changes_its_interest_so_often_and_the_last_word_waits():
    changes = Changes()
    words = [interest([f"c{number}"]) for number in range(limits.interest_burst + 3)]
    taken = [changes.take(LEAF, word, 1_000) for word in words]
    assert taken == [True] * limits.interest_burst + [False] * 3
    assert changes.take(OTHER, None, 1_000), "each link for itself"
    assert changes.due(1_000 + limits.interest_pause_ms - 1) == []
    assert changes.due(1_000 + limits.interest_pause_ms) == [(LEAF, words[-1])]
    assert changes.due(1_000 + 2 * limits.interest_pause_ms) == []
    assert changes.take(LEAF, None, 1_000 + 2 * limits.interest_pause_ms)
    assert not changes.take(LEAF, words[0], 1_000 + 2 * limits.interest_pause_ms)
    assert changes.take(LEAF, words[1], 1_000 + 3 * limits.interest_pause_ms)
    assert changes.due(10**9) == [], "a later word replaced it"
    changes.lose(LEAF)
    assert list(changes._spent_ms) == [OTHER]
