"""Making room: the one with most links to spare goes, and nobody who is needed."""

from __future__ import annotations

from protocol import limits
from protocol.errors import Reason
from protocol.ids import NodeId, PeerId
from protocol.network.actions import ClosePeer
from protocol.network.chance import Chance
from protocol.network.link import Link
from protocol.network.room import Room
from tests.unit.protocol.network.driver import NOW, later, peer, record_of


class House:
    """A full node: some inbound links, by name with the outbound links each says it has."""

    def __init__(self, inbound_max: int, **told: int) -> None:
        self.links: dict[PeerId, Link] = {}
        self.firsts: dict[PeerId, int] = {}
        self.kept: set[PeerId] = set()
        self.room = Room(
            self.links,
            chance=Chance(b"room"),
            inbound_max=inbound_max,
            firsts=lambda who: self.firsts.get(who, 0),
            is_kept=self.kept.__contains__,
        )
        for name, count in told.items():
            self.link(name, count)

    def link(self, name: str, told: int, *, outbound: bool = False) -> None:
        self.links[peer(name)] = Link(
            record=record_of(name),
            is_own=False,
            outbound=outbound,
            address="x",
            group=name,
            since_ms=NOW.mono_ms,
            clock_ms=0,
            agent="",
            told=told,
        )

    def come(self, told: int, group: str = "g", now=NOW) -> list[ClosePeer]:
        return self.room.receive(peer("newcomer"), told, group, now)


def gone(closes: list[ClosePeer]) -> list[PeerId]:
    assert all(close.reason is Reason.QUOTA and close.detail for close in closes)
    return [close.peer for close in closes]


def test_while_there_is_room_nobody_goes():
    house = House(3, a=9, b=9)
    house.link("out", 9, outbound=True)
    assert house.room.count() == 2
    assert house.come(0) == []


def test_the_one_with_most_links_of_its_own_goes():
    house = House(3, a=4, b=9, c=7)
    assert gone(house.come(2)) == [peer("b")]
    assert house.room.count() == 2, "b is as good as gone"
    del house.links[peer("b")]
    house.room.lost(peer("b"))
    house.link("newcomer", 2)
    assert house.room.count() == 3


def test_nobody_goes_for_one_who_is_hardly_worse_off():
    house = House(2, a=5, b=5)
    assert house.come(4) == []
    assert gone(house.come(3)) in ([peer("a")], [peer("b")])


def test_one_a_minute_for_newcomers_of_one_group():
    house = House(1, **{f"p{n}": 9 for n in range(6)})
    assert len(gone(house.come(0, "one"))) == 1
    assert house.come(0, "one") == []
    assert len(gone(house.come(0, "two"))) == 1
    almost = later(limits.room_pause_ms - 1)
    assert house.come(0, "one", almost) == []
    assert len(gone(house.come(0, "one", later(limits.room_pause_ms)))) == 1


def test_groups_are_remembered_within_a_bound(monkeypatch):
    monkeypatch.setattr(limits, "room_groups_max", 1)
    house = House(1, **{f"p{n}": 9 for n in range(6)})
    assert len(house.come(0, "one")) == len(house.come(0, "two")) == len(house.come(0, "one")) == 1


def test_whoever_was_first_with_anything_in_the_last_hour_stays():
    house = House(1, a=9)
    house.firsts[peer("a")] = 1
    assert house.come(0) == []
    assert house.come(0, now=later(limits.first_protects_ms - 1)) == []
    assert gone(house.come(0, now=later(limits.first_protects_ms))) == [peer("a")]


def test_what_was_first_is_noted_with_every_sweep():
    house = House(9, a=9)
    house.firsts[peer("a")] = 1
    assert house.room.sweep(NOW) == []
    house.firsts[peer("a")] = 2
    late = later(limits.first_protects_ms)
    house.room.sweep(late)
    assert house.links[peer("a")].first_ms == late.mono_ms


def test_kept_peers_and_the_spared_stay_and_kept_ones_take_no_room():
    house = House(1, kept=9, guest=9)
    house.kept.add(peer("kept"))
    assert house.room.count() == 1
    house.room.is_spared = lambda key: key == NodeId(peer("guest"))
    assert house.come(0) == []


def test_a_visitor_stays_for_a_while_and_the_rest_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "inbound_reserve", 2)
    house = House(1, a=0, b=0)
    assert house.come(0) == []
    house.link("c", 0)
    assert gone(house.come(0)) == [peer("newcomer")]
    assert house.room.sweep(later(limits.visit_ms - 1)) == []
    house.room.is_spared = lambda key: key == NodeId(peer("c"))
    assert gone(house.room.sweep(later(limits.visit_ms))) == [peer("b"), peer("a")]
    assert house.room.sweep(later(limits.visit_ms)) == [], "c came for its letters"
    assert house.room.count() == 1
