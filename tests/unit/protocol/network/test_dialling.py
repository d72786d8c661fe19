"""Dialling: as many links as wanted, patience with the silent, every address and group in turn."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from protocol import limits
from protocol.ids import NodeId
from protocol.network import book as book_room
from protocol.network.actions import DialPeer
from protocol.network.addresses import NodeRecord, Role
from protocol.network.book import Book
from protocol.network.chance import Chance
from protocol.network.dialling import FAILING, SETTLED_MS, Dialling, Outlook, Purpose
from tests.unit.protocol.network.driver import NOW, later, peer, record_of

MIN_MS = limits.dial_backoff_ms_min


def relays(count: int) -> list[NodeRecord]:
    return [record_of(f"relay{n}") for n in range(count)]


class Stand:
    """A dialling machine, a book it dials from, and the links there are."""

    def __init__(self, records: list[NodeRecord], outbound_max: int = 3) -> None:
        self.machine = Dialling(chance=Chance(b"seed"), outbound_max=outbound_max)
        self.book = Book(
            own=NodeId(peer("own")), secret=b"s" * 32, is_failing=self.machine.is_failing
        )
        self.now = NOW
        self.linked: dict[NodeId, str] = {}
        for record in records:
            source = record.addresses[0]
            assert self.book.add(record, proven=False, wall_ms=NOW.wall_ms, source=source)

    def choose(self, **facts: object) -> list[DialPeer]:
        outlook: Mapping[str, object] = {
            "is_free": lambda key: key not in self.linked,
            "groups": frozenset(self.linked.values()),
            "chosen": len(self.linked),
            "outbound": len(self.linked),
        }
        seen = Outlook(**{**outlook, **facts})  # type: ignore[arg-type]
        dials, self.delay_ms = self.machine.choose(self.book, seen, self.now)
        return dials

    def fail(self, dials: list[DialPeer]) -> None:
        for dial in dials:
            self.machine.failed(dial.key, self.now.mono_ms)

    def link(self, dials: list[DialPeer]) -> None:
        for dial in dials:
            came_of = self.machine.joined(dial.key, outbound=True)
            assert came_of
            self.linked[dial.key] = came_of.group


def keys(dials: list[DialPeer]) -> set[NodeId]:
    return {dial.key for dial in dials}


def test_as_many_are_dialled_as_are_wanted():
    stand = Stand(relays(6))
    dials = stand.choose()
    assert len(keys(dials)) == stand.machine.in_flight == 3
    assert stand.choose() == []
    stand.link(dials)
    assert stand.choose() == []
    stand.linked.popitem()
    assert len(stand.choose()) == 1


def test_who_may_not_be_dialled_is_not():
    known = relays(3)
    stand = Stand(known)
    dials = stand.choose(is_free=lambda key: key != known[0].key)
    assert keys(dials) == {known[1].key, known[2].key}


def test_one_is_dialled_of_each_address_group():
    block = [record_of(f"n{n}", addresses=[f"8.8.{n}.1:7440"]) for n in range(5)]
    stand = Stand([*block, *relays(1)])
    dials = stand.choose()
    assert len(dials) == 2
    stand.fail(dials)
    stand.now = later(2 * MIN_MS)
    assert len(stand.choose(groups=frozenset({"8.8.0.0/16"}))) == 1
    assert stand.choose(groups=frozenset({"8.8.0.0/16"})) == []
    assert stand.delay_ms == limits.sweep_ms


def test_dials_in_flight_are_bounded():
    stand = Stand(relays(40), outbound_max=100)
    assert len(stand.choose()) == limits.dials_open_max
    gentle = Stand(relays(40), outbound_max=100)
    assert len(gentle.choose(outbound=limits.links_needed)) == limits.dials_gentle_max


def test_in_need_as_many_more_are_dialled_as_failed_of_late():
    stand = Stand(relays(40), outbound_max=4)
    first = stand.choose()
    assert len(first) == 4
    assert {dial.within_ms for dial in first} == {limits.dial_ms_needed}
    stand.fail(first)
    second = stand.choose()
    assert len(second) == 8
    assert not keys(first) & keys(second)
    stand.fail(second)
    assert len(stand.choose()) == limits.dials_open_max
    # Not in need it takes its time, and gives theirs to others.
    stand = Stand(relays(9), outbound_max=4)
    (dial,) = stand.choose(chosen=3, outbound=3)
    assert dial.within_ms == limits.handshake_ms_max


def test_who_was_too_slow_gets_longer_the_next_time():
    stand = Stand(relays(1))
    times = []
    for _ in range(5):
        dials = stand.choose()
        times.append(dials[0].within_ms)
        stand.fail(dials)
        stand.now = later(limits.dial_backoff_ms_max, stand.now)
    assert times == [2_000, 4_000, 8_000, 10_000, 10_000]


def test_a_dial_nobody_tells_the_end_of_is_forgotten():
    stand = Stand(relays(3))
    assert len(stand.choose()) == 3
    stand.now = later(limits.dial_ms_max - 1)
    assert stand.choose() == []
    stand.now = later(limits.dial_ms_max)
    assert len(stand.choose()) == 3


def test_a_peer_that_comes_by_itself_ends_no_dial():
    stand = Stand(relays(1))
    (dial,) = stand.choose()
    assert stand.machine.joined(dial.key, outbound=False) is None
    assert stand.machine.in_flight == 1
    came_of = stand.machine.joined(dial.key, outbound=True)
    assert came_of
    assert (came_of.purpose, came_of.address) == (Purpose.LINK, dial.address)
    assert stand.machine.joined(dial.key, outbound=True) is None


def test_who_does_not_answer_is_left_alone_ever_longer():
    stand = Stand(relays(1))
    (record,) = relays(1)
    waits = []
    for _ in range(14):
        dials = stand.choose()
        assert keys(dials) == {record.key}
        stand.fail(dials)
        assert stand.choose() == []
        wait = stand.machine._retry_ms(record.key) - stand.now.mono_ms
        assert stand.delay_ms == min(limits.sweep_ms, max(MIN_MS, wait))
        waits.append(wait)
        stand.now = later(wait, stand.now)
    assert waits[0] < 1_300
    assert waits[3] > 2 * waits[0]
    assert max(waits) <= limits.dial_backoff_ms_max * 6 // 5
    assert stand.machine.failures_of(record.key) == 14
    assert stand.machine.is_failing(record.key)


def test_who_failed_least_is_tried_first():
    known = relays(4)
    stand = Stand(known, outbound_max=1)
    for record in known[:3]:
        stand.machine.rest(record.key, NOW.mono_ms - limits.dial_backoff_ms_max)
    assert keys(stand.choose()) == {known[3].key}


def test_everybodys_first_peer_is_left_to_those_who_have_no_other():
    first = record_of("first", roles=[Role.BOOTSTRAP, Role.RELAY])
    stand = Stand([first, *relays(2)], outbound_max=2)
    assert first.key not in keys(stand.choose())
    alone = Stand([first], outbound_max=2)
    assert keys(alone.choose()) == {first.key}


def test_every_address_is_tried_in_turn():
    stand = Stand([record_of("relay", addresses=["a.example:1", "b.example:2"])])
    places = []
    for _ in range(3):
        dials = stand.choose()
        places.append(dials[0].address)
        stand.fail(dials)
        stand.now = later(limits.dial_backoff_ms_max, stand.now)
    assert places == ["a.example:1", "b.example:2", "a.example:1"]


@pytest.mark.parametrize(("lasted_ms", "again"), [(SETTLED_MS, 1), (SETTLED_MS - 1, 0)])
def test_only_a_link_that_lasted_is_dialled_again_at_once(lasted_ms: int, again: int):
    stand = Stand(relays(1))
    (record,) = relays(1)
    stand.machine.failed(record.key, 0)
    stand.machine.lost(record.key, lasted_ms, NOW.mono_ms)
    assert len(stand.choose()) == again


def test_failures_are_remembered_of_so_many_only(monkeypatch):
    monkeypatch.setattr(limits, "known_nodes_max", 2)
    known = relays(3)
    stand = Stand(known, outbound_max=9)
    for record in known:
        stand.machine.failed(record.key, NOW.mono_ms)
    assert keys(stand.choose()) == {known[0].key}


# --- anchors -------------------------------------------------------------------------------------


def test_the_links_of_the_last_run_come_first():
    known = relays(30)
    stand = Stand(known, outbound_max=2)
    anchors = [record.key for record in known[:2]]
    stand.machine.begin_with([*anchors, known[5].key, NodeId(peer("unknown"))])
    assert keys(stand.choose()) == set(anchors)
    stand = Stand(known, outbound_max=2)
    stand.machine.begin_with([NodeId(peer("unknown"))])
    assert len(stand.choose()) == 2


# --- a large book --------------------------------------------------------------------------------


def test_in_a_large_book_not_every_node_is_looked_at(monkeypatch):
    monkeypatch.setattr(book_room, "DRAWS_MAX", 8)
    stand = Stand(relays(60), outbound_max=20)
    looked: list[NodeId] = []

    def is_free(key: NodeId) -> bool:
        looked.append(key)
        return False

    assert stand.choose(is_free=is_free) == []
    assert len(looked) <= 8
    assert stand.delay_ms == limits.dial_backoff_ms_min
    assert stand.choose(is_free=is_free, outbound=5) == []
    assert stand.delay_ms == limits.dial_pause_ms


# --- feelers -------------------------------------------------------------------------------------


def test_a_node_with_all_its_links_looks_after_one_it_never_reached():
    known = relays(3)
    stand = Stand(known, outbound_max=1)
    stand.link(stand.choose())
    full = {"outbound": limits.links_needed}
    assert stand.choose(**full) == []
    period_ms = stand.delay_ms
    assert limits.feeler_ms * 4 // 5 <= period_ms <= limits.feeler_ms * 6 // 5
    stand.now = later(period_ms)
    (dial,) = stand.choose(**full)
    assert dial.key not in stand.linked
    assert stand.delay_ms >= limits.feeler_ms * 4 // 5
    assert stand.choose(**full) == []
    came_of = stand.machine.joined(dial.key, outbound=True)
    assert came_of
    assert came_of.purpose is Purpose.FEELER
    stand.book.reached(dial.key, came_of.address, stand.now.wall_ms)
    stand.now = later(limits.feeler_ms * 6 // 5, stand.now)
    assert stand.book.tried_count == 1
    (other,) = stand.choose(**full)
    assert other.key not in {dial.key, *stand.linked}
    stand.now = later(limits.feeler_ms * 6 // 5, stand.now)
    stand.book.reached(other.key, came_of.address, stand.now.wall_ms)
    stand.link([])
    stand.linked[other.key] = "x"
    assert stand.choose(**full) == [], "nobody new is left"


def test_the_holder_of_a_contested_place_is_looked_after_first(monkeypatch):
    known = relays(5)
    holder, rival, linked = known[0], known[1], known[2]
    stand = Stand(known, outbound_max=1)
    stand.linked[linked.key] = "a group"
    full = {"outbound": limits.links_needed}
    stand.choose(**full)
    stand.now = later(limits.feeler_ms * 2)
    monkeypatch.setattr(stand.book, "contested", lambda: holder.key)
    (dial,) = stand.choose(**full)
    assert dial.key == holder.key
    # One that is linked is there: nothing has to be looked after.
    decided: list[tuple[NodeId, bool]] = []
    monkeypatch.setattr(stand.book, "contested", lambda: linked.key)
    note = lambda key, *, is_there, **_: decided.append((key, is_there))  # noqa: E731
    monkeypatch.setattr(stand.book, "decide", note)
    stand.now = later(limits.feeler_ms * 2, stand.now)
    assert len(stand.choose(**full)) == 1
    assert decided == [(linked.key, True)]
    assert rival.key not in stand.linked


def test_one_whose_link_broke_is_looked_after_before_others():
    known = relays(3)
    stand = Stand(known, outbound_max=1)
    stand.link(stand.choose())
    full = {"outbound": limits.links_needed}
    stand.choose(**full)
    missed = next(each for each in known if each.key not in stand.linked)
    stand.machine.broke(missed.key, 4, stand.now.mono_ms)
    assert stand.choose(**full) == []
    assert stand.delay_ms <= limits.return_ms * 6 // 5
    assert stand.choose(outbound=0) == [], "a node in need looks for anybody"
    assert stand.delay_ms > limits.return_ms * 6 // 5
    stand.now = later(2 * limits.return_ms)
    (dial,) = stand.choose(**full)
    assert dial.key == missed.key
    came_of = stand.machine.joined(dial.key, outbound=True)
    assert came_of
    assert came_of.purpose is Purpose.RETURN
    assert stand.machine.back(dial.key) == 4
    assert stand.machine.back(dial.key) is None


def test_one_that_nobody_knows_any_more_is_not_looked_after():
    stand = Stand(relays(1), outbound_max=1)
    stand.link(stand.choose())
    stand.machine.broke(NodeId(peer("gone")), 0, stand.now.mono_ms)
    stand.now = later(2 * limits.return_ms)
    assert stand.choose(outbound=limits.links_needed) == []


def test_failing_counts_from_three():
    stand = Stand(relays(1))
    (record,) = relays(1)
    for _ in range(FAILING - 1):
        stand.machine.rest(record.key, 0)
    assert not stand.machine.is_failing(record.key)
    stand.machine.rest(record.key, 0)
    assert stand.machine.is_failing(record.key)
    stand.machine.settled(record.key)
    assert stand.machine.failures_of(record.key) == 0


def test_a_place_that_many_keys_name_is_dialled_as_if_it_were_one():
    named = [record_of(f"relay{n}", addresses=["203.0.113.9:1"]) for n in range(20)]
    stand = Stand([])
    for record, source in zip(named, relays(20), strict=True):
        stand.book.add(record, proven=False, wall_ms=NOW.wall_ms, source=source.addresses[0])
    assert stand.book.new_count >= 5
    dialled = 0
    for _ in range(20):
        dials = stand.choose()
        dialled += len(dials)
        stand.fail(dials)
        stand.now = later(100, stand.now)
    assert 2 <= dialled <= 3
    assert stand.delay_ms <= limits.sweep_ms


def test_who_was_reached_at_a_place_is_dialled_whoever_else_is_said_to_be_there():
    [honest] = relays(1)
    stand = Stand([honest])
    stand.link(stand.choose())
    stand.linked.clear()
    others = Stand([record_of("false", addresses=list(honest.addresses))])
    others.machine = stand.machine
    others.fail(others.choose())
    stand.now = later(1)
    assert others.choose() == []
    assert keys(stand.choose()) == {honest.key}
