"""Links made on demand: two pools, and who makes room in each."""

from __future__ import annotations

import pytest

from node.network.errands import Errand
from node.runtime.demand import Demand
from protocol import limits
from protocol.ids import NodeId, blake2b_256


def key(name: str) -> NodeId:
    return NodeId(blake2b_256(name.encode()))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "links_on_demand_max", 4)
    monkeypatch.setattr(limits, "links_for_guests_max", 2)


def test_of_our_own_the_longest_unused_makes_room():
    demand = Demand(lambda _key: True)
    assert [demand.made(key(name), Errand.POST) for name in "ab"] == [None, None]
    assert demand.used(key("a"), Errand.POST) is None
    assert demand.made(key("c"), Errand.POST) == key("b")
    demand.lost(key("a"))
    demand.lost(key("a"))
    assert demand.made(key("d"), Errand.POST) is None


@pytest.mark.parametrize("errand", [Errand.OWNER, Errand.LINK])
def test_links_nobody_needs_for_an_errand_are_in_no_pool(errand: Errand):
    demand = Demand(lambda _key: False)
    assert [demand.made(key(name), errand) for name in "abcd"] == [None] * 4
    assert demand.used(key("a"), Errand.POST) is None


def test_guests_end_none_of_ours():
    demand = Demand(lambda _key: False)
    for name in "ab":
        demand.made(key(name), Errand.POST)
    ended = [demand.made(key(name), Errand.GUEST) for name in "wxyz"]
    assert ended == [None, None, key("w"), key("x")]
    # What a guest uses of ours is not kept longer for it.
    assert demand.used(key("a"), Errand.GUEST) is None
    assert demand.made(key("c"), Errand.POST) == key("a")


def test_a_link_that_carries_a_tunnel_is_not_ended_for_another_guest():
    busy = {key("a"), key("b")}
    demand = Demand(busy.__contains__)
    assert [demand.made(key(name), Errand.GUEST) for name in "abc"] == [None, None, key("c")]
    busy.clear()
    assert demand.used(key("a"), Errand.GUEST) is None
    assert demand.made(key("d"), Errand.GUEST) == key("b"), "the longest unused"


def test_a_guests_link_that_we_use_ourselves_becomes_ours():
    demand = Demand(lambda _key: False)
    demand.made(key("guest"), Errand.GUEST)
    for name in "ab":
        demand.made(key(name), Errand.POST)
    assert demand.used(key("guest"), Errand.POST) == key("a")
    assert [demand.made(key(name), Errand.GUEST) for name in "xyz"] == [None, None, key("x")]
