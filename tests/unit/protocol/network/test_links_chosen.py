"""Links this node chose: one of each group, looked after, kept over restarts, given up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from protocol import limits
from protocol.channel.messages import (
    Outbound,
)
from protocol.errors import Reason
from protocol.network.actions import (
    ClosePeer,
    DialPeer,
    SaveAnchors,
    SaveReached,
    SendMessage,
    Timer,
)
from protocol.network.addresses import Role
from protocol.network.events import (
    DialFailed,
    DialOutcome,
    NodeMemory,
    NothingServed,
    OutboundTold,
    PeerLost,
    PeersKept,
    RecordFound,
    Started,
    TimerFired,
)
from protocol.network.independence import Dependence
from tests.unit.protocol.network.desk import Desk, key, messages, started
from tests.unit.protocol.network.driver import NOW, joined, later, of, peer, record_of

WALL = NOW.wall_ms


# --- reached, feelers, groups ---------------------------------------------------------------------


def at(event: Any, address: str) -> Any:
    return replace(event, address=address)


def test_whom_a_dial_reached_is_tried_and_noted():
    desk = Desk(outbound_max=1)
    started(desk, "a")
    done = desk.feed(at(joined("a"), "8.8.4.4"))
    assert of(SaveReached, done) == [
        SaveReached(key=key("a"), address="a.example:7440", group="8.8.0.0/16", wall_ms=WALL)
    ]
    assert desk.links.book.tried_count == 1
    assert desk.links.peers[peer("a")].group == "8.8.0.0/16"


def test_who_is_reached_and_not_known_leaves_no_trace():
    desk = Desk(outbound_max=1)
    started(desk, "a")
    desk.links.book.forget(key("a"))
    done = desk.feed(joined("a", at=WALL - 2 * limits.node_record_age_ms_max))
    assert of(SaveReached, done) == []
    assert list(desk.links.peers) == [peer("a")]


def test_two_names_of_one_group_make_one_link():
    desk = Desk(outbound_max=2)
    started(desk, "a", "b")
    assert of(ClosePeer, desk.feed(at(joined("a"), "8.8.4.4"))) == []
    done = desk.feed(at(joined("b"), "8.8.8.8"))
    assert of(ClosePeer, done) == [ClosePeer(peer=peer("b"), reason=Reason.CLOSED)]
    assert messages(done) == [], "it is asked nothing"
    assert desk.links.is_leaving(peer("b"))
    assert list(desk.links.peers) == [peer("a")]
    assert of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL))) == []
    desk.feed(PeerLost(peer=peer("b")))
    assert not desk.links.is_leaving(peer("b"))


def test_one_link_too_many_ends_at_once():
    desk = Desk(outbound_max=1)
    started(desk, "a", "b", "c")
    (first,) = of(DialPeer, desk.actions)
    done = desk.feed(DialFailed(key=first.key, outcome=DialOutcome.UNREACHABLE))
    names = {key(name): name for name in ("a", "b", "c")}
    both = [names[dial.key] for dial in of(DialPeer, done)]
    assert len(both) == 2, "in need one more is dialled than wanted"
    assert of(ClosePeer, desk.feed(joined(both[0]))) == []
    assert len(of(ClosePeer, desk.feed(joined(both[1])))) == 1
    assert desk.links.outbound_count == 1
    assert desk.links.book.tried_count == 2


def full_desk() -> Desk:
    """Three links it chose, one more node known, and a feeler due."""
    desk = Desk(outbound_max=3)
    started(desk, "a", "b", "c")
    for name in ("a", "b", "c"):
        desk.feed(joined(name))
    desk.feed(RecordFound(peer=peer("a"), raw=record_of("d").raw))
    desk.now = later(2 * limits.feeler_ms)
    return desk


def test_a_feeler_moves_a_node_to_the_tried_and_ends():
    desk = full_desk()
    (dial,) = of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL)))
    assert dial.key == key("d")
    done = desk.feed(joined("d"))
    assert of(ClosePeer, done) == [ClosePeer(peer=peer("d"), reason=Reason.CLOSED)]
    assert len(of(SaveReached, done)) == 1
    assert desk.links.book.tried_count == 4
    assert desk.links.outbound_count == 3
    desk.feed(PeerLost(peer=peer("d")))
    # It is there and takes links: one of two that may come when one is missing.
    done = desk.feed(PeerLost(peer=peer("b")))
    assert {dial.key for dial in of(DialPeer, done)} < {key("b"), key("d")}


def test_a_feeler_that_finds_nobody_settles_a_contest(monkeypatch):
    desk = full_desk()
    decided: list[Any] = []
    note = lambda who, *, is_there, **_: decided.append((who, is_there))  # noqa: E731
    monkeypatch.setattr(desk.links.book, "decide", note)
    desk.feed(TimerFired(timer=Timer.DIAL))
    desk.feed(DialFailed(key=key("d"), outcome=DialOutcome.UNREACHABLE))
    assert decided == [(key("d"), False)]


def test_on_main_the_ip_address_of_a_peer_that_came_names_its_group():
    desk = Desk()
    desk.feed(at(joined("a", outbound=False), "8.8.4.4"))
    desk.feed(joined("b", outbound=False))
    assert [link.group for link in desk.links.peers.values()] == ["8.8.0.0/16", "192.0.2.7"]


# --- over restarts --------------------------------------------------------------------------------


def test_lasting_links_that_served_are_noted_and_come_first_next_time():
    desk = full_desk()
    done = desk.feed(TimerFired(timer=Timer.SWEEP))
    assert of(SaveAnchors, done) == [SaveAnchors(keys=(key("a"), key("b")))]
    assert of(SaveAnchors, desk.feed(TimerFired(timer=Timer.SWEEP))) == []
    desk.feed(PeerLost(peer=peer("a")))
    assert of(SaveAnchors, desk.feed(TimerFired(timer=Timer.SWEEP))) == [], "none has served"
    desk.links._firsts = lambda each: int(each == peer("c"))
    done = desk.feed(TimerFired(timer=Timer.SWEEP))
    assert of(SaveAnchors, done) == [SaveAnchors(keys=(key("c"), key("a")))]
    for name in ("b", "c"):
        desk.feed(PeerLost(peer=peer(name)))
    assert of(SaveAnchors, desk.feed(TimerFired(timer=Timer.SWEEP))) == [], "alone, it keeps them"
    again = Desk(outbound_max=1)
    names = [f"n{n}" for n in range(20)]
    done = started(again, *names, anchors=(key("n7"),))
    assert [dial.key for dial in of(DialPeer, done)] == [key("n7")]


def test_what_was_reached_before_is_tried_from_the_start():
    desk = Desk()
    memory = NodeMemory(reached_ms=WALL - 5, address="a.example:7440", group="8.8.0.0/16")
    started(desk, "a", "b", memories={key("a"): memory})
    assert (desk.links.book.tried_count, desk.links.book.new_count) == (1, 1)


# --- giving way -----------------------------------------------------------------------------------


def test_when_nothing_is_served_one_link_after_the_other_is_replaced():
    desk = full_desk()
    starving = NothingServed(for_ms=60_000)
    (closed,) = desk.feed(starving)
    assert isinstance(closed, ClosePeer)
    assert closed.peer in desk.links.peers
    done = desk.feed(PeerLost(peer=closed.peer))
    assert [dial.key for dial in of(DialPeer, done)] == [key("d")], "not the same again"
    desk.feed(joined("d"))
    desk.now = later(9_999, desk.now)
    assert desk.feed(starving) == []
    desk.now = later(1, desk.now)
    assert len(of(ClosePeer, desk.feed(starving))) == 1


def test_the_only_links_there_could_be_are_not_given_up():
    desk = Desk()
    assert desk.feed(NothingServed(for_ms=60_000)) == []
    started(desk, "a")
    desk.feed(joined("a"))
    assert desk.feed(NothingServed(for_ms=60_000)) == []


def test_everybodys_first_peer_is_let_go_when_there_is_another():
    desk = Desk(outbound_max=4)
    first = record_of("first", roles=[Role.BOOTSTRAP, Role.RELAY]).raw
    names = ("a", "b", "c")
    raws = tuple(record_of(name).raw for name in names)
    desk.feed(Started(entries=(), records=(first, *raws)))
    desk.feed(joined("first", roles=[Role.BOOTSTRAP, Role.RELAY]))
    for name in names:
        desk.feed(joined(name))
    assert of(ClosePeer, desk.feed(TimerFired(timer=Timer.SWEEP))) == [], "nobody else is known"
    desk.feed(RecordFound(peer=peer("a"), raw=record_of("d").raw))
    done = desk.feed(TimerFired(timer=Timer.SWEEP))
    assert of(ClosePeer, done) == [ClosePeer(peer=peer("first"), reason=Reason.CLOSED)]


def test_peers_are_told_when_links_became_clearly_more_or_fewer():
    desk = Desk()
    started(desk, "a", "b", "c")
    desk.feed(joined("a"))
    assert desk.feed(TimerFired(timer=Timer.HEARTBEAT)) == []
    desk.feed(joined("b"))
    desk.feed(joined("guest", outbound=False))
    done = desk.feed(TimerFired(timer=Timer.HEARTBEAT))
    assert [(a.peer, a.message) for a in of(SendMessage, done)] == [
        (peer("a"), Outbound(count=2)),
        (peer("b"), Outbound(count=2)),
    ]
    assert desk.feed(TimerFired(timer=Timer.HEARTBEAT)) == []


def test_what_a_peer_says_of_its_links_is_noted():
    desk = Desk()
    desk.feed(joined("a"))
    desk.feed(OutboundTold(peer=peer("a"), count=7))
    desk.feed(OutboundTold(peer=peer("gone"), count=7))
    assert desk.links.peers[peer("a")].told == 7


# --- room for others -----------------------------------------------------------------------------


def test_a_full_node_lets_one_go_for_a_newcomer_or_refuses_it(monkeypatch):
    monkeypatch.setattr(limits, "inbound_reserve", 0)
    desk = Desk()
    links = desk.links
    links._room._inbound_max = 1
    rich = joined("rich", outbound=False)
    rich = replace(rich, hello=msgspec.structs.replace(rich.hello, outbound=9))
    assert of(ClosePeer, desk.feed(rich)) == []
    links.spare(lambda who: who == key("rich"))
    (refused,) = of(ClosePeer, desk.feed(joined("poor", outbound=False)))
    assert (refused.peer, refused.reason) == (peer("poor"), Reason.QUOTA)
    assert links.is_leaving(peer("poor"))
    desk.feed(PeerLost(peer=peer("poor")))
    links.spare(lambda _: False)
    (closed,) = of(ClosePeer, desk.feed(joined("poor", outbound=False)))
    assert closed.peer == peer("rich")
    assert set(links.peers) == {peer("rich"), peer("poor")}
    desk.feed(PeerLost(peer=peer("rich")))
    # A peer its owner keeps finds its place whatever the others have.
    desk.feed(PeersKept(keys=frozenset({key("friend")})))
    assert of(ClosePeer, desk.feed(joined("friend", outbound=False))) == []


def test_visitors_beyond_the_number_are_let_go():
    desk = Desk()
    desk.links._room._inbound_max = 1
    for name in ("a", "b"):
        desk.feed(joined(name, outbound=False))
    desk.now = later(limits.visit_ms)
    (closed,) = of(ClosePeer, desk.feed(TimerFired(timer=Timer.SWEEP)))
    assert closed.peer == peer("b")


def test_what_all_links_have_in_common_is_told():
    desk = Desk()
    desk.feed(at(joined("in", outbound=False), "9.9.9.9"))
    for name, address in (("a", "8.8.4.4"), ("b", "8.8.8.8")):
        desk.feed(at(joined(name), address))
    assert desk.links.dependence() is Dependence.GROUP
    desk.feed(PeerLost(peer=peer("b")))
    desk.feed(RecordFound(peer=peer("a"), raw=record_of("c").raw))
    desk.feed(at(joined("c"), "1.1.1.1"))
    assert desk.links.dependence() is Dependence.SOURCE
    desk.feed(RecordFound(peer=peer("in"), raw=record_of("c").raw))
    assert desk.links.dependence() is None, "another told of it, too"
    desk.links.book.forget(key("c"))
    assert desk.links.dependence() is None


def strangers() -> Desk:
    """Make a node that begins with an anchor, and has reached two others."""
    desk = Desk()
    started(desk, anchors=(key("before"),))
    for name, address in (("a", "8.8.4.4"), ("b", "1.1.1.1")):
        desk.feed(at(joined(name), address))
    return desk


def test_peers_who_are_all_strangers_are_told_of_after_a_while():
    desk = strangers()
    assert desk.links.dependence() is None, "who was there before may still answer"
    desk.feed(TimerFired(timer=Timer.SWEEP))
    assert desk.links.dependence() is Dependence.STRANGERS
    desk.links._firsts = lambda each: int(each == peer("b"))
    assert desk.links.dependence() is None, "one has brought something"


def test_no_stranger_is_who_was_there_before_or_whom_the_owner_asked_for():
    desk = strangers()
    desk.feed(TimerFired(timer=Timer.SWEEP))
    desk.feed(at(joined("before"), "9.9.9.9"))
    assert desk.links.dependence() is None
    desk.feed(PeerLost(peer=peer("before")))
    assert desk.links.dependence() is Dependence.STRANGERS
    desk.feed(PeersKept(keys=frozenset({key("a")})))
    assert desk.links.dependence() is None
