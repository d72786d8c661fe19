"""A node among honest and hostile ones: who is dialled answers, hostile ones always.

Records are unsigned here and stand for their own bytes: signatures are tried elsewhere.
"""

from __future__ import annotations

import random
from typing import Any

from protocol.channel.messages import Hello, RecordsAnswer, RecordsQuery
from protocol.errors import ObjectError, Reason
from protocol.ids import NodeId, PeerId, SigningKey, blake2b_256
from protocol.network.actions import (
    ClosePeer,
    DialPeer,
    SaveAnchors,
    SaveReached,
    SaveRecord,
    SendMessage,
    SetTimer,
    Timer,
)
from protocol.network.addresses import NodeRecord, Role
from protocol.network.chance import Chance
from protocol.network.events import (
    DialFailed,
    DialOutcome,
    LinkEvent,
    NodeMemory,
    PeerJoined,
    PeerLost,
    RecordsAnswered,
    Started,
    TimerFired,
)
from protocol.network.links import Links
from tests.unit.protocol.network.driver import NOW, later

OWN = NodeId(blake2b_256(b"victim"))


def node_at(address: str, number: int = 0) -> NodeRecord:
    """A relay at an address; `number` tells apart those who share it."""
    key = NodeId(blake2b_256(address.encode(), number.to_bytes(4, "big")))
    return NodeRecord(
        net="main",
        key=key,
        sign_key=SigningKey(key),
        addresses=(address,),
        roles=(Role.RELAY,),
        seq=1,
        at=NOW.wall_ms,
        raw=key,
    )


class Siege:
    """The world, and what outlasts a restart of its victim."""

    def __init__(self, honest: list[NodeRecord], hostile: list[NodeRecord], seed: int = 1) -> None:
        self.luck = random.Random(seed)
        self.by_raw = {record.raw: record for record in [*honest, *hostile]}
        self.hostile = {record.key for record in hostile}
        self.hostile_raws = [record.raw for record in hostile]
        self.records: dict[NodeId, NodeRecord] = {}
        self.memories: dict[NodeId, NodeMemory] = {}
        self.anchors: tuple[NodeId, ...] = ()
        self.are_silent = False
        """Whether peers answer no question."""
        self.now = NOW
        self.restart()

    def _read(self, raw: bytes) -> NodeRecord:
        if raw not in self.by_raw:
            raise ObjectError(Reason.BAD_SHAPE)
        return self.by_raw[raw]

    def restart(self, *, known: list[NodeRecord] | None = None) -> None:
        """Begin anew with what was kept."""
        chance = Chance(self.luck.randbytes(32))
        self.links = Links(net="main", own=OWN, chance=chance, outbound_max=10, read=self._read)
        self.timers: dict[Timer, int] = {}
        records = known if known is not None else list(self.records.values())
        for record in known or []:
            self.records[record.key] = record
        raws = tuple(record.raw for record in records)
        self.feed(
            Started(entries=(), records=raws, memories=dict(self.memories), anchors=self.anchors)
        )

    @property
    def outbound(self) -> list[NodeId]:
        return [NodeId(peer) for peer, link in self.links.peers.items() if link.outbound]

    def feed(self, *events: LinkEvent) -> None:
        """Feed events and everything that follows at once."""
        waiting: list[LinkEvent] = list(events)
        while waiting:
            for action in self.links.handle(waiting.pop(0), self.now):
                waiting += self._perform(action)

    def joined(self, record: NodeRecord, *, outbound: bool) -> PeerJoined:
        hello = Hello(versions=[1], record=record.raw, clock_ms=self.now.wall_ms, outbound=8)
        address = record.addresses[0].rpartition(":")[0]
        peer = PeerId(record.key)
        return PeerJoined(peer=peer, hello=hello, outbound=outbound, address=address)

    def _perform(self, action: Any) -> list[LinkEvent]:
        match action:
            case DialPeer(key=key):
                record = self.by_raw[key]
                if key in self.hostile or self.luck.random() < 0.8:
                    return [self.joined(record, outbound=True)]
                return [DialFailed(key=key, outcome=DialOutcome.UNREACHABLE)]
            case ClosePeer(peer=peer):
                return [PeerLost(peer=peer)]
            case SetTimer(timer=timer, delay_ms=delay_ms):
                self.timers[timer] = self.now.mono_ms + delay_ms
            case SendMessage(peer=peer, message=RecordsQuery(request=request)) if (
                not self.are_silent
            ):
                return self._answer(peer, request)
            case SaveRecord(record=record):
                self.records[record.key] = record
            case SaveReached(key=key, address=address, group=group, wall_ms=wall_ms):
                memory = NodeMemory(reached_ms=wall_ms, address=address, group=group)
                self.memories[key] = memory
            case SaveAnchors(keys=keys):
                self.anchors = keys
            case _:
                pass
        return []

    def _answer(self, peer: PeerId, request: int) -> list[LinkEvent]:
        """Honest peers tell of anybody, hostile ones of their own kind."""
        raws = self.hostile_raws if NodeId(peer) in self.hostile else list(self.by_raw)
        told = self.luck.sample(raws, min(16, len(raws)))
        return [RecordsAnswered(peer=peer, answer=RecordsAnswer(request=request, records=told))]

    def pass_minutes(self, minutes: int) -> None:
        """Let time pass; a sweep a minute, and every timer that is due."""
        for _ in range(minutes):
            self.now = later(60_000, self.now)
            self.feed(TimerFired(timer=Timer.SWEEP))
            due = self.timers.get(Timer.DIAL, 0)
            if due <= self.now.mono_ms:
                self.feed(TimerFired(timer=Timer.DIAL))

    def settle(self) -> None:
        """Let dials go on until the links stand."""
        for _ in range(12):
            self.now = later(2_000, self.now)
            if self.timers.get(Timer.DIAL, 0) <= self.now.mono_ms:
                self.feed(TimerFired(timer=Timer.DIAL))

    def share(self) -> tuple[int, int]:
        """Count the hostile among the new and among the tried."""
        nodes = [self.links.book.node(key) for key in sorted(self.hostile)]
        known = [node for node in nodes if node is not None]
        tried = sum(node.is_tried for node in known)
        return len(known) - tried, tried
