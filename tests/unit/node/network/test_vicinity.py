"""Who is around: bounded, the owner's own first, a false place left out."""

from __future__ import annotations

import pytest

from node.network.announcement import Ignored, Sighting
from node.network.vicinity import DISTRUST_MS, Vicinity
from protocol import limits
from protocol.ids import NodeId, blake2b_256


def key(name: object) -> NodeId:
    return NodeId(blake2b_256(str(name).encode()))


def sighting(name: object, *addresses: str) -> Sighting:
    return Sighting(key=key(name), addresses=addresses or (f"10.0.0.{name}:1",))


class Owner:
    """Says whom they want and whom not."""

    def __init__(self) -> None:
        self.wanted: set[NodeId] = set()
        self.refused: set[NodeId] = set()


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def vicinity(owner: Owner) -> Vicinity:
    return Vicinity(is_wanted=owner.wanted.__contains__, is_hidden=owner.refused.__contains__)


def test_a_node_comes_and_goes(vicinity: Vicinity):
    assert vicinity.see("a", sighting(1), 5)
    (found,) = vicinity.nodes(9)
    assert (found.key, found.addresses, found.since_ms) == (key(1), ("10.0.0.1:1",), 5)
    assert vicinity.names() == ["a"]
    assert vicinity.lose("a")
    assert not vicinity.lose("a")
    assert vicinity.nodes(9) == []


def test_saying_the_same_again_is_no_news(vicinity: Vicinity):
    vicinity.see("a", sighting(1), 5)
    assert not vicinity.see("a", sighting(1), 8)
    assert vicinity.see("a", sighting(1, "10.0.0.2:1"), 9)
    (found,) = vicinity.nodes(9)
    assert (found.since_ms, found.seen_ms, found.addresses) == (5, 9, ("10.0.0.2:1",))


def test_a_name_that_changes_its_key_is_another_node(vicinity: Vicinity):
    vicinity.see("a", sighting(1), 5)
    vicinity.see("a", sighting(2), 9)
    assert [(found.key, found.since_ms) for found in vicinity.nodes(9)] == [(key(2), 9)]


def test_two_announcements_of_one_node_are_one_entry(vicinity: Vicinity):
    vicinity.see("a", sighting(1, "10.0.0.1:1"), 5)
    vicinity.see("b", sighting(1, "10.0.0.2:1", "10.0.0.1:1"), 6)
    (found,) = vicinity.nodes(9)
    assert found.addresses == ("10.0.0.2:1", "10.0.0.1:1")
    vicinity.forget(key(1))
    assert len(vicinity) == 0


def test_a_flood_of_strangers_is_cut_off(vicinity: Vicinity, owner: Owner):
    for number in range(10_000):
        vicinity.see(f"n{number}", sighting(number, f"10.0.{number % 200}.{number % 250}:1"), 1)
    assert len(vicinity.nodes(1)) == limits.nearby_nodes_max
    assert len(vicinity) == limits.nearby_nodes_max
    assert vicinity.ignored[Ignored.FULL] > 9_000
    # Whom the owner wants has a place of its own.
    owner.wanted.add(key("friend"))
    assert vicinity.see("f", sighting("friend", "10.0.9.9:1"), 2)
    assert vicinity.addresses_of(key("friend"), 2) == ["10.0.9.9:1"]
    # Wanted nodes take nobody else's place either.
    vicinity.lose("n0")
    assert vicinity.see("late", sighting("late", "10.0.250.1:1"), 3)


def test_one_host_cannot_be_everybody(vicinity: Vicinity):
    for number in range(50):
        vicinity.see(f"n{number}", sighting(number, f"10.0.0.7:{number + 1}"), 1)
    assert len(vicinity.nodes(1)) == limits.nearby_per_host_max
    assert vicinity.ignored[Ignored.CROWDED_HOST] == 50 - limits.nearby_per_host_max
    assert vicinity.see("other", sighting("other", "10.0.0.8:1"), 1)


def test_one_node_cannot_have_endless_names(vicinity: Vicinity, owner: Owner):
    owner.wanted.add(key(1))
    for number in range(1_000):
        vicinity.see(f"n{number}", sighting(1, f"10.0.0.{number % 250 + 1}:{number + 1}"), 1)
    assert len(vicinity) == limits.nearby_names_max
    assert len(vicinity.addresses_of(key(1), 1)) == limits.nearby_names_max
    assert vicinity.names()[-1] == "n999"


def test_whom_the_owner_refused_is_not_there(vicinity: Vicinity, owner: Owner):
    owner.refused.add(key(1))
    assert not vicinity.see("a", sighting(1), 1)
    assert (vicinity.nodes(1), vicinity.ignored[Ignored.REFUSED]) == ([], 1)


def test_a_false_place_is_left_out_for_a_while(vicinity: Vicinity):
    vicinity.see("a", sighting(1, "10.0.0.1:1"), 1)
    vicinity.see("b", sighting(1, "10.0.0.2:1"), 1)
    vicinity.distrust(key(1), "10.0.0.2:1", 10)
    assert vicinity.addresses_of(key(1), 10) == ["10.0.0.1:1"]
    vicinity.distrust(key(1), "10.0.0.1:1", 10)
    assert vicinity.nodes(10) == []
    assert vicinity.ignored[Ignored.SPOOFED] == 2
    assert len(vicinity.addresses_of(key(1), 10 + DISTRUST_MS)) == 2


def test_what_is_remembered_of_false_places_is_bounded(vicinity: Vicinity):
    for number in range(1_000):
        vicinity.distrust(key(1), f"10.0.0.1:{number + 1}", 1)
    assert len(vicinity._distrusted) == 256


def test_what_leads_nowhere_is_counted_and_forgotten(vicinity: Vicinity):
    vicinity.see("a", sighting(1), 1)
    vicinity.ignore(Ignored.TOO_OFTEN)
    assert len(vicinity) == 1
    vicinity.ignore(Ignored.BAD_TXT, "a")
    assert len(vicinity) == 0
    assert dict(vicinity.ignored) == {Ignored.TOO_OFTEN: 1, Ignored.BAD_TXT: 1}


def test_in_another_place_nobody_is_known(vicinity: Vicinity):
    vicinity.see("a", sighting(1), 1)
    vicinity.clear()
    assert vicinity.nodes(1) == []
