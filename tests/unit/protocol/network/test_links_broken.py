"""Links that broke: who is looked after, and whose link ends for who is back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol import limits
from protocol.ids import NodeId, PeerId
from protocol.network.actions import ClosePeer, DialPeer, Timer
from protocol.network.events import (
    AlreadyLinked,
    DialFailed,
    DialOutcome,
    PeerLost,
    TimerFired,
)
from tests.unit.protocol.network.desk import Desk, key
from tests.unit.protocol.network.driver import joined, later, of, peer


def lose_and_look(desk: Desk, name: str, *, broke: bool = True, after_ms: int = 60_000):
    """Lose a link after a while, let another node take its place, and look who is back."""
    desk.now = later(after_ms, desk.now)
    desk.feed(PeerLost(peer=peer(name), broke=broke))
    desk.feed(TimerFired(timer=Timer.DIAL))
    if peer("late") not in desk.links.peers:
        desk.feed(replace(joined("late"), address="9.9.0.1"))
    desk.now = later(2 * limits.return_ms, desk.now)
    return of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL)))


def full(names: str = "abc") -> Desk:
    desk = Desk(outbound_max=len(names))
    for number, name in enumerate(names):
        desk.feed(replace(joined(name), address=f"9.{number}.0.1"))
    return desk


def test_who_is_back_gets_the_place_of_the_one_that_came_for_it():
    desk = full()
    (dial,) = lose_and_look(desk, "b")
    assert dial.key == key("b")
    back = desk.feed(replace(joined("b"), address="9.1.0.1"))
    assert [close.peer for close in of(ClosePeer, back)] == [peer("late")]
    desk.feed(PeerLost(peer=peer("late")))
    assert set(desk.links.peers) == {peer("a"), peer("b"), peer("c")}
    assert desk.links.relies_on(peer("b"))
    desk.now = later(2 * limits.return_ms, desk.now)
    dialled = [dial.key for dial in of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL)))]
    assert key("b") not in dialled, "nobody is missed"


def test_who_is_back_takes_a_free_place_where_there_is_one():
    desk = full("abcd")
    desk.now = later(60_000)
    for name in "cd":
        desk.feed(PeerLost(peer=peer(name), broke=True))
    desk.feed(replace(joined("late"), address="9.9.0.1"))
    desk.feed(DialFailed(key=key("c"), outcome=DialOutcome.UNREACHABLE))
    desk.feed(DialFailed(key=key("d"), outcome=DialOutcome.UNREACHABLE))
    desk.now = later(2 * limits.return_ms, desk.now)
    dialled = [dial.key for dial in of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL)))]
    assert dialled
    back = desk.feed(replace(joined("c"), address="9.2.0.1"))
    assert of(ClosePeer, back) == []


def test_only_the_one_in_its_place_gives_way():
    desk = full()
    (dial,) = lose_and_look(desk, "b")
    assert dial.key == key("b")
    # It is back in the group of a link that is older than the break.
    back = desk.feed(replace(joined("b"), address="9.0.7.7"))
    assert [close.peer for close in of(ClosePeer, back)] == [peer("b")]
    assert peer("late") in desk.links.peers


def test_the_one_in_its_place_may_be_of_its_address_group():
    desk = full()
    (dial,) = lose_and_look(desk, "b")
    assert dial.key == key("b")
    back = desk.feed(replace(joined("b"), address="9.9.7.7"))
    assert [close.peer for close in of(ClosePeer, back)] == [peer("late")]


def look(desk: Desk, wait_ms: int = 2 * limits.return_ms) -> list[NodeId]:
    desk.now = later(wait_ms, desk.now)
    return [dial.key for dial in of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL)))]


def break_off(desk: Desk, *names: str) -> None:
    """Let links break after a while; others take their places, one after another."""
    desk.now = later(60_000, desk.now)
    for name in names:
        desk.feed(PeerLost(peer=peer(name), broke=True))
        desk.feed(DialFailed(key=key(name), outcome=DialOutcome.UNREACHABLE))
        desk.feed(replace(joined(f"for-{name}"), address=f"9.{100 + ord(name)}.0.1"))


def come_back(desk: Desk, name: str, address: str) -> list[PeerId]:
    """Wait until a node is looked after, and let it be there; gives whose links end for it."""
    assert look(desk) == [key(name)]
    back = desk.feed(replace(joined(name), address=address))
    closed = [close.peer for close in of(ClosePeer, back)]
    for each in closed:
        desk.feed(PeerLost(peer=each))
    return closed


def test_all_who_are_back_get_their_places_and_none_takes_that_of_another():
    desk = full()
    break_off(desk, "b", "c")
    assert come_back(desk, "b", "9.1.0.1") == [peer("for-b")]
    assert come_back(desk, "c", "9.2.0.1") == [peer("for-c")]
    assert set(desk.links.peers) == {peer("a"), peer("b"), peer("c")}


def test_many_keys_that_broke_in_one_place_come_back_to_that_one_place():
    desk = full()
    break_off(desk, "c")
    desk.now = later(60_000, desk.now)
    desk.feed(PeerLost(peer=peer("for-c"), broke=True))
    desk.feed(replace(joined("last"), address="9.90.0.1"))
    # Younger than both breaks, but in a place that neither had.
    desk.feed(PeerLost(peer=peer("b")))
    desk.feed(replace(joined("young"), address="9.91.0.1"))
    assert come_back(desk, "c", "9.2.0.1") == [peer("last")]
    assert come_back(desk, "for-c", "9.199.0.1") == [peer("c")]
    assert set(desk.links.peers) == {peer("a"), peer("young"), peer("for-c")}


@pytest.mark.parametrize(("lasted_ms", "is_missed"), [(60_000, False), (11 * 60_000, True)])
def test_who_came_back_and_soon_breaks_again_is_looked_after_no_more(
    *, lasted_ms: int, is_missed: bool
):
    desk = full()
    break_off(desk, "b")
    assert come_back(desk, "b", "9.1.0.1") == [peer("for-b")]
    desk.now = later(lasted_ms, desk.now)
    desk.feed(PeerLost(peer=peer("b"), broke=True))
    desk.feed(replace(joined("last"), address="9.90.0.1"))
    assert (key("b") in look(desk)) is is_missed


def test_who_is_back_on_demand_gets_its_place_again_too():
    desk = full()
    break_off(desk, "b")
    desk.feed(replace(joined("b"), address="9.1.0.1", asked=True))
    assert look(desk) == [key("b")]
    done = desk.feed(AlreadyLinked(key=key("b")))
    assert [close.peer for close in of(ClosePeer, done)] == [peer("for-b")]
    assert desk.links.relies_on(peer("b"))
    desk.feed(PeerLost(peer=peer("for-b")))
    assert key("b") not in look(desk)


def test_who_was_chosen_meanwhile_is_missed_no_more():
    desk = full()
    break_off(desk, "b")
    desk.feed(PeerLost(peer=peer("for-b")))
    desk.feed(replace(joined("b"), address="9.1.0.1"))
    desk.now = later(60_000, desk.now)
    desk.feed(PeerLost(peer=peer("b")))
    desk.feed(replace(joined("last"), address="9.90.0.1"))
    assert key("b") not in look(desk), "it said goodbye"


@pytest.mark.parametrize(("broke", "after_ms"), [(False, 60_000), (True, 1_000)])
def test_who_said_goodbye_or_hardly_lasted_is_not_missed(*, broke: bool, after_ms: int):
    assert lose_and_look(full(), "b", broke=broke, after_ms=after_ms) == []
