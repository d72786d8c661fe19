"""The engine forwards: every message to its machine, blame to the links, and nothing of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocol import limits
from protocol.channel.messages import (
    Bye,
    Ids,
    Interest,
    Level,
    LevelGiven,
    Missing,
    Objects,
    Outbound,
    RangesAnswer,
    RangesQuery,
    RecordsAnswer,
    RecordsQuery,
    Refused,
    Stem,
    Want,
    Wants,
    WhoIs,
    WhoIsAnswer,
)
from protocol.channel.post import PutDone
from protocol.channel.priority import Priority
from protocol.engine import Engine, meanings
from protocol.errors import MessageError, Reason
from protocol.ids import NodeId
from protocol.network import events
from protocol.network.actions import ClosePeer, SendMessage, SetTimer, Timer, VerifyBatch
from protocol.network.addresses import Role
from protocol.network.dialling import Dial, Purpose
from protocol.network.events import RecordSigned
from protocol.network.flow import Flow
from protocol.network.stem import Private
from tests.parties import NET, make_cast
from tests.unit.protocol.network.driver import NOW, joined, of, peer, record_of

ONE = peer("one")


def engine() -> Engine:
    made = Engine(net=NET, own=NodeId(peer("own")), seed=b"seed")
    made.handle(events.Started(entries=(), records=()), NOW)
    return made


def say(made: Engine, message: Any) -> list[Any]:
    return list(made.handle(events.MessageReceived(peer=ONE, message=message), NOW))


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (Objects(raws=[b"x"]), events.ObjectsReceived),
        (Stem(raws=[b"x"]), events.StemReceived),
        (Ids(ids=[bytes(16)]), events.IdsReceived),
        (Want(ids=[bytes(16)]), events.WantReceived),
        (Missing(ids=[bytes(16)]), events.MissingReceived),
        (Level(level=2), events.LevelAsked),
        (LevelGiven(level=1), events.LevelReceived),
        (Wants(interest=None), events.InterestReceived),
        (Wants(interest=Interest(categories=["a"], cells=[])), events.InterestReceived),
        (RangesQuery(salt=bytes(16), ranges=b""), events.RangesAsked),
        (RangesAnswer(ranges=b""), events.RangesAnswered),
        (Refused(request=1, reason=Reason.QUOTA), events.RangesRefused),
        (RecordsQuery(count=1), events.RecordsAsked),
        (RecordsAnswer(records=[]), events.RecordsAnswered),
        (WhoIs(key=bytes(32)), events.NodeAsked),
    ],
)
def test_messages_have_a_meaning(message: Any, kind: type):
    (event,) = meanings(ONE, message)
    assert type(event) is kind
    assert getattr(event, "peer", None) == ONE
    say(engine(), message)


@pytest.mark.parametrize(
    "message", [WhoIsAnswer(), PutDone(letter_hash=bytes(32)), Bye(reason=Reason.SHUTDOWN)]
)
def test_messages_without_business_are_a_fault(message: Any):
    with pytest.raises(MessageError) as caught:
        say(engine(), message)
    assert caught.value.reason is Reason.UNEXPECTED


def test_an_interest_that_is_none_is_a_fault():
    with pytest.raises(MessageError) as caught:
        say(engine(), Wants(interest=Interest(categories=None, cells=[7])))
    assert caught.value.reason is Reason.OUT_OF_RANGE


def test_every_envelope_of_a_message_is_a_candidate():
    casts = [make_cast(nonce=bytes([n] * 16)) for n in range(3)]
    made = engine()
    done = say(made, Objects(raws=[cast.raw for cast in casts]))
    assert len(of(VerifyBatch, done)) == 1
    assert made.gossip.pending_count == 3


def test_blame_that_gossip_finds_closes_the_link():
    made = engine()
    made.handle(joined("one"), NOW)
    done = say(made, Objects(raws=[b"nonsense"] * 3))
    assert of(ClosePeer, done) == [ClosePeer(peer=ONE, reason=Reason.BAD_ENCODING)]


def test_both_machines_hear_of_peers_and_timers():
    made = engine()
    sent = [a.message for a in of(SendMessage, made.handle(joined("one"), NOW))]
    assert {type(message) for message in sent} == {Level, RecordsQuery, RangesQuery}
    done = made.handle(events.TimerFired(timer=Timer.SWEEP), NOW)
    assert len(of(SendMessage, done)) == 1
    assert [action.timer for action in of(SetTimer, done)] == [Timer.SWEEP]
    made.handle(events.PeerLost(peer=ONE), NOW)
    assert made.gossip.seen_at(bytes(32)) == (0, 0)
    assert made.links.peers == {}


def test_what_concerns_links_alone_goes_there():
    made = engine()
    own = record_of("own")
    made.handle(events.RecordSigned(record=own), NOW)
    (action,) = of(SendMessage, say(made, WhoIs(key=own.key)))
    assert action.message == WhoIsAnswer(record=own.raw)
    made.handle(events.RecordFound(peer=ONE, raw=record_of("two").raw), NOW)
    assert len(made.links.book) == 1
    made.handle(events.TimerFired(timer=Timer.DIAL), NOW)
    failed = events.DialFailed(key=NodeId(peer("two")), outcome=events.DialOutcome.OTHER_NODE)
    made.handle(failed, NOW)
    assert len(made.links.book) == 0


def test_our_own_casts_travel_by_stem_over_links_we_made():
    made = engine()
    cast = make_cast()
    made.handle(joined("in", outbound=False), NOW)
    made.handle(joined("leaf", addresses=[], roles=[]), NOW)
    done = made.handle(events.PublishObject(verified=cast), NOW)
    assert {type(a.message) for a in of(SendMessage, done)} == {Objects}
    made.handle(joined("relay"), NOW)
    other = make_cast(nonce=bytes(16))
    done = made.handle(events.PublishObject(verified=other), NOW)
    assert of(SendMessage, done) == [
        SendMessage(peer=peer("relay"), message=Stem(raws=[other.raw]), priority=Priority.PULL)
    ]
    (timer,) = of(SetTimer, done)
    assert timer.timer is Timer.EMBARGO
    open_made = Engine(net=NET, own=NodeId(peer("own")), seed=b"seed", private=Private.OFF)
    open_made.handle(joined("relay"), NOW)
    done = open_made.handle(events.PublishObject(verified=other), NOW)
    assert {type(a.message) for a in of(SendMessage, done)} == {Objects}


def test_gossip_hears_nothing_of_a_link_that_ends_at_once():
    made = Engine(net=NET, own=NodeId(peer("own")), seed=b"seed", outbound_max=1)
    raws = (record_of("one").raw, record_of("two").raw)
    made.handle(events.Started(entries=(), records=raws), NOW)
    made.handle(joined("one"), NOW)
    failed = events.DialFailed(key=NodeId(peer("two")), outcome=events.DialOutcome.UNREACHABLE)
    made.handle(failed, NOW)
    two = joined("two", addresses=["one.example:7440"])
    made.links._dialling._in_flight[NodeId(peer("two"))] = Dial(
        address="one.example:7440", group="one.example", purpose=Purpose.FEELER, until_ms=1 << 40
    )
    done = made.handle(two, NOW)
    assert of(ClosePeer, done) == [ClosePeer(peer=peer("two"), reason=Reason.CLOSED)]
    assert made.gossip.seen_at(bytes(32)) == (0, 1)
    late = events.MessageReceived(peer=peer("two"), message=Objects(raws=[b"nonsense"]))
    assert made.handle(late, NOW) == []
    made.handle(events.PeerLost(peer=peer("two")), NOW)
    assert made.gossip.seen_at(bytes(32)) == (0, 1)


def test_links_this_node_chose_are_asked_before_those_that_came():
    made = engine()
    for number in range(14):
        event = replace(joined(f"n{number}", outbound=False), address=f"9.{number}.0.1")
        made.handle(event, NOW)
    said = of(SendMessage, made.handle(joined("one"), NOW))
    assert (ONE, int(Flow.PUSH)) in [
        (each.peer, each.message.level) for each in said if isinstance(each.message, Level)
    ]


def test_peers_say_how_many_links_they_have():
    made = engine()
    made.handle(joined("one"), NOW)
    say(made, Outbound(count=7))
    assert made.links.peers[ONE].told == 7
    assert made.handle(events.NothingServed(for_ms=60_000), NOW) == []


@pytest.mark.parametrize(
    ("given", "roles", "count"),
    [
        (None, [], limits.push_links),
        (None, [Role.RELAY], limits.push_links_relay),
        (2, [Role.RELAY], 2),
    ],
)
def test_a_relay_asks_more_to_push_than_a_leaf(given: int | None, roles: list[Role], count: int):
    engine = Engine(net=NET, own=NodeId(peer("own")), seed=bytes(32), pushers=given)
    addresses = ["192.0.2.1:7440"] if roles else []
    assert limits.push_links < limits.push_links_relay
    engine.handle(RecordSigned(record=record_of("own", addresses=addresses, roles=roles)), NOW)
    said = []
    for number in range(8):
        event = replace(joined(f"n{number}"), address=f"9.{number}.0.1")
        said += of(SendMessage, engine.handle(event, NOW))
    levels = {each.peer: each.message.level for each in said if isinstance(each.message, Level)}
    assert list(levels.values()).count(Flow.PUSH.value) == count
