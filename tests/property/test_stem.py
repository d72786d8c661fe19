"""Stems among any nodes: every cast becomes public, whoever eats what should be passed on.

A small network of real gossip machines over random links. Some nodes keep every stem to themselves;
links end when they like. The author's patience is the last resort, and it always suffices.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocol import limits
from protocol.channel.messages import Ids, Message, Objects, Want
from protocol.channel.messages import Stem as StemMessage
from protocol.ids import PeerId
from protocol.network.actions import (
    GossipAction,
    SendMessage,
    ServeObjects,
    StoreObject,
    Timer,
    VerifyBatch,
)
from protocol.network.chance import Chance
from protocol.network.events import (
    CandidateReceived,
    GossipEvent,
    IdsReceived,
    ObjectStored,
    PublishObject,
    Started,
    StemReceived,
    TimerFired,
    VerifyFinished,
    WantReceived,
)
from protocol.network.gossip import Gossip
from protocol.network.live import prefix_of
from protocol.network.stem import Private, Stem
from protocol.objects.envelope import Verified
from tests.parties import NET, make_cast
from tests.unit.protocol.network.driver import NOW, Street, joined, later, opened, peer
from tests.unit.protocol.network.test_stem import sent_to

COUNT = 6


@cache
def wish(number: int) -> Verified[Any]:
    return make_cast(nonce=bytes([number] * 16))


class Town:
    """Nodes by number; node 0 is the author and only dials."""

    def __init__(self, dials: Iterable[tuple[int, int]], eaters: set[int], seed: int) -> None:
        self.now = NOW
        self.eaters = eaters
        self.streets = [Street(is_relay=number > 0) for number in range(COUNT)]
        self.nodes = [
            Gossip(
                net=NET,
                chance=Chance(bytes([seed, number])),
                around=self.streets[number],
                private=Private.NORMAL,
            )
            for number in range(COUNT)
        ]
        self.numbers = {peer(str(number)): number for number in range(COUNT)}
        self.held: list[dict[bytes, bytes]] = [{} for _ in range(COUNT)]
        self.waiting: deque[tuple[int, GossipEvent]] = deque()
        self.linked: set[frozenset[int]] = set()
        self.stemmed: list[tuple[int, int]] = []
        for number in range(COUNT):
            self.feed(number, Started(entries=(), records=()))
        for one, other in dials:
            self.link(one, other)
        self.settle()

    def link(self, one: int, other: int) -> None:
        if other in (one, 0) or frozenset((one, other)) in self.linked:
            return
        self.linked.add(frozenset((one, other)))
        self.streets[one].relays.append(peer(str(other)))
        self.feed(one, joined(str(other)))
        self.feed(other, joined(str(one), outbound=False))

    def feed(self, number: int, event: GossipEvent) -> None:
        for action in self.nodes[number].handle(event, self.now):
            self.perform(number, action)

    def perform(self, number: int, action: GossipAction) -> None:
        match action:
            case VerifyBatch(candidates=candidates):
                done = VerifyFinished(outcomes=tuple(opened(each) for each in candidates))
                self.waiting.append((number, done))
            case StoreObject(verified=verified):
                self.held[number][verified.id] = verified.raw
                self.waiting.append((number, ObjectStored(id=verified.id, is_new=True)))
            case ServeObjects(peer=to, ids=ids):
                raws = [self.held[number][each] for each in ids]
                self.carry(number, to, Objects(raws=raws))
            case SendMessage(peer=to, message=message):
                self.carry(number, to, message)
            case _:
                pass

    def carry(self, number: int, to: PeerId, message: Message) -> None:
        sender, reader = peer(str(number)), self.numbers[to]
        events: list[GossipEvent] = []
        match message:
            case Objects(raws=raws):
                events += [CandidateReceived(peer=sender, raw=raw) for raw in raws]
            case StemMessage(raws=raws):
                self.stemmed.append((number, reader))
                if reader not in self.eaters:
                    events += [StemReceived(peer=sender, raw=raw) for raw in raws]
            case Ids(ids=ids):
                events.append(IdsReceived(peer=sender, ids=tuple(ids)))
            case Want(ids=ids):
                events.append(WantReceived(peer=sender, ids=tuple(ids)))
            case _:
                pass
        self.waiting += [(reader, event) for event in events]

    def settle(self) -> None:
        while self.waiting:
            self.feed(*self.waiting.popleft())

    def publish(self, verified: Verified[Any]) -> None:
        self.held[0][verified.id] = verified.raw
        self.feed(0, PublishObject(verified=verified))
        self.settle()

    def wait(self, ms: int) -> None:
        self.now = later(ms, self.now)
        for timer in (Timer.EMBARGO, Timer.HEARTBEAT):
            for number in range(COUNT):
                self.feed(number, TimerFired(timer=timer))
            self.settle()

    def reached(self) -> set[int]:
        """Nodes the author's links lead to."""
        found, new = {0}, {0}
        while new:
            new = {n for pair in self.linked if pair & new for n in pair} - found
            found |= new
        return found


NODES = st.integers(0, COUNT - 1)
DIALS = st.lists(st.tuples(NODES, NODES), max_size=20)


@given(dials=DIALS, eaters=st.sets(NODES), seed=st.integers(0, 255), count=st.integers(1, 3))
def test_every_cast_becomes_public_though_stems_are_eaten(
    dials: list[tuple[int, int]], eaters: set[int], seed: int, count: int
):
    town = Town(dials, eaters, seed)
    for number in range(count):
        town.publish(wish(number))
    for to in {to for sender, to in town.stemmed if sender == 0}:
        assert peer(str(to)) in town.streets[0].relays
    # Nobody waits longer than the logarithm can give: 23 times the mean.
    town.wait(23 * town.nodes[0].stem.embargo_ms(is_own=True))
    town.wait(1_000)
    names = {prefix_of(wish(number).id) for number in range(count)}
    for number in town.reached():
        live = town.nodes[number].live
        assert all(name in live for name in names)
        assert len(town.nodes[number].stem) == 0


@given(dials=DIALS, seed=st.integers(0, 255))
def test_without_eaters_nobody_need_lose_patience(dials: list[tuple[int, int]], seed: int):
    town = Town(dials, set(), seed)
    town.publish(wish(0))
    town.wait(0)
    town.wait(0)
    name = prefix_of(wish(0).id)
    assert all(name in town.nodes[number].live for number in town.reached())


@given(
    sends=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 200_000))),
    lost=st.lists(st.integers(0, 3), max_size=3),
    seed=st.binary(min_size=1, max_size=4),
)
def test_routes_stay_and_lead_to_successors_only(
    sends: list[tuple[int, int, int]], lost: list[int], seed: bytes
):
    street = Street("a", "b", "c", "d")
    stem = Stem(net=NET, chance=Chance(seed), around=street, private=Private.NORMAL)
    now = NOW
    ways: dict[tuple[PeerId, tuple[PeerId, ...]], set[PeerId]] = {}
    for who, number, ms in sends:
        now = later(ms, now)
        edge = peer("abcd"[who])
        successors = stem.successors(now)
        assert len(set(successors)) == len(successors) == limits.stem_successors
        done = sent_to(stem.take(wish(number), edge, now))
        if done:
            assert done[0] in successors
            assert done[0] != edge
            ways.setdefault((edge, successors), set()).update(done)
        for kept in stem.due(now):
            assert stem.forget(prefix_of(kept.verified.id)) is kept
        stem.wind(now)
    assert all(len(found) == 1 for found in ways.values())
    for who in lost:
        stem.lost(peer("abcd"[who]))
    for number in range(41):
        stem.forget(prefix_of(wish(number).id))
    assert len(stem) == stem.own_count == 0
    assert stem.wind(now) == []
