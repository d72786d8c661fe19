"""The whole machine: two of them on a wire agree, and one event list gives one list of actions."""

from __future__ import annotations

from typing import Any

from protocol.channel.messages import Ids, Level, Missing, Objects, RangesAnswer, RangesQuery, Want
from protocol.ids import PeerId
from protocol.network.actions import SendMessage, ServeObjects
from protocol.network.events import (
    CandidateReceived,
    GossipEvent,
    IdsReceived,
    LevelAsked,
    MissingReceived,
    PublishObject,
    RangesAnswered,
    RangesAsked,
    WantReceived,
)
from protocol.network.flow import Flow
from tests.parties import make_cast, make_profile
from tests.unit.protocol.network.driver import Bench, joined, later, make_revoke, peer


def meaning(sender: str, message: Any) -> list[GossipEvent]:
    who = peer(sender)
    match message:
        case Objects(raws=raws):
            return [CandidateReceived(peer=who, raw=raw) for raw in raws]
        case Ids(ids=ids):
            return [IdsReceived(peer=who, ids=tuple(ids))]
        case Want(ids=ids):
            return [WantReceived(peer=who, ids=tuple(ids))]
        case Missing(ids=ids):
            return [MissingReceived(peer=who, ids=tuple(ids))]
        case _:
            return [rare(who, message)]


def rare(who: PeerId, message: Any) -> GossipEvent:
    match message:
        case Level(level=level):
            return LevelAsked(peer=who, flow=Flow(level))
        case RangesQuery():
            return RangesAsked(peer=who, query=message)
        case RangesAnswer():
            return RangesAnswered(peer=who, answer=message)
        case _:
            raise AssertionError(message)


class Wire:
    """Benches that hear what the others say, one message at a time."""

    def __init__(self, **benches: Bench) -> None:
        self.benches = benches
        self.raws: dict[bytes, bytes] = {}
        self.read = dict.fromkeys(benches, 0)

    def link(self, one: str, other: str) -> None:
        self.benches[one].feed(joined(other))
        self.benches[other].feed(joined(one))

    def settle(self) -> None:
        moved = True
        while moved:
            moved = False
            for name, bench in self.benches.items():
                new = bench.actions[self.read[name] :]
                self.read[name] = len(bench.actions)
                for action in new:
                    moved |= self.carry(name, action)

    def carry(self, sender: str, action: Any) -> bool:
        match action:
            case SendMessage(peer=to, message=message):
                events = meaning(sender, message)
            case ServeObjects(peer=to, ids=ids):
                raws = [self.raws[each] for each in ids]
                events = [CandidateReceived(peer=peer(sender), raw=raw) for raw in raws]
            case _:
                return False
        name = next(name for name in self.benches if peer(name) == to)
        for event in events:
            self.benches[name].feed(event)
        return True


def held(bench: Bench) -> set[bytes]:
    order = bench.gossip.live.holdings.whole
    return set(order.names(0, len(order)))


def test_a_line_of_nodes_comes_to_hold_the_same():
    wire = Wire(one=Bench(), two=Bench(), three=Bench())
    objects = [make_cast(nonce=bytes([n] * 16)) for n in range(30)] + [make_profile()]
    objects.append(make_revoke(objects[0]))
    wire.raws = {verified.id: verified.raw for verified in objects}
    for verified in objects[:20]:
        wire.benches["one"].feed(PublishObject(verified=verified))
    wire.link("one", "two")
    wire.link("two", "three")
    for verified in objects[20:]:
        wire.benches["three"].feed(PublishObject(verified=verified))
    wire.settle()
    kept = {verified.id[:16] for verified in objects[1:]}
    assert held(wire.benches["one"]) == held(wire.benches["two"]) == held(wire.benches["three"])
    assert held(wire.benches["one"]) == kept


def test_the_same_events_give_the_same_actions():
    runs = []
    for _ in range(2):
        bench = Bench()
        bench.join("a", "b")
        for verified in (make_cast(), make_profile(), make_revoke(make_cast())):
            bench.receive("a", verified.raw)
            bench.now = later(400, bench.now)
        runs.append(bench.actions)
    assert runs[0] == runs[1]
