"""A million made-up node records told to one engine, by links that come and go under new keys.

Enters: a seed, how many. Leaves: figures. Each link is from an address group of its own and tells,
asked and unasked, as many records as a message holds, each of a key of its own in a group that is
drawn; what is dialled of them answers never. Answers that were asked for are newly signed, the rest
come from a store of some hundreds. Then as many records again, each another, go straight into the
book, as if no link had a measure. Never here: what the engine makes of it.
"""

from __future__ import annotations

import time
import tracemalloc
from collections import deque
from dataclasses import replace
from random import Random
from typing import Any

from protocol import limits
from protocol.channel.messages import Hello, RecordsAnswer, RecordsQuery
from protocol.engine import Engine
from protocol.errors import Reason
from protocol.ids import NodeId, PeerId
from protocol.network.actions import ClosePeer, DialPeer, SendMessage, Timer
from protocol.network.addresses import NodeRecord, Role, sign_record
from protocol.network.events import (
    DialFailed,
    DialOutcome,
    MessageReceived,
    PeerJoined,
    PeerLost,
    RecordSigned,
    Started,
    TimerFired,
)
from protocol.now import Now
from tests.simulation.net import tables
from tests.simulation.net.world import WALL_MS

TOLD = 1_000_000
_NET = "main"
_ANSWERS = 32
"""Messages of records from each link; one of them was asked for."""
_AT_ONCE = 32
"""Links of theirs that are open at a time."""
_HONEST = 40
_STORE = 512
"""Signed records that are told unasked, again and again."""


class Flood:
    """One engine, and those who tell it of nodes."""

    def __init__(self, seed: int) -> None:
        """Link the engine to honest relays, before anybody else comes."""
        self.chance = Random(f"{seed}/hearsay")
        self.mono_ms = 0
        self.told = 0
        self.honest = {record.key: record for record in (self._record(20) for _ in range(_HONEST))}
        self.lost: set[NodeId] = set()
        """Honest nodes that were linked and sent away."""
        own = self._record(20)
        self.engine = Engine(net=_NET, own=own.key, seed=self.chance.randbytes(32))
        raws = tuple(record.raw for record in self.honest.values())
        self.feed(Started(entries=(), records=raws), RecordSigned(record=own))
        self._store = [self._record(100).raw for _ in range(_STORE)]
        self._links: deque[PeerId] = deque()
        self._walker = tables.Walker()
        self.overfull: list[str] = []

    @property
    def now(self) -> Now:
        """The moment."""
        return Now(wall_ms=WALL_MS + self.mono_ms, mono_ms=self.mono_ms)

    def _address(self, first: int) -> str:
        """Draw a place in twenty thousand address groups that begin so."""
        draw = self.chance.randrange
        return f"{first + draw(80)}.{draw(256)}.{draw(1, 255)}.{draw(1, 255)}:7440"

    def _record(self, first: int) -> NodeRecord:
        """Sign the record of a relay."""
        key = self.chance.randbytes(32)
        return sign_record(
            net=_NET, key=NodeId(key), addresses=[self._address(first)], roles=[Role.RELAY],
            seq=WALL_MS, at=WALL_MS + self.mono_ms, seed=key,
        )  # fmt: skip

    def feed(self, *events: Any) -> list[Any]:
        """Feed events, and how the dials that follow end; gives what else is to be done."""
        waiting, done = deque(events), []
        while waiting:
            for action in self.engine.handle(waiting.popleft(), self.now):
                match action:
                    case DialPeer(key=key) if key in self.honest:
                        waiting.append(self._joined(self.honest[key], outbound=True))
                    case DialPeer(key=key):
                        waiting.append(DialFailed(key=key, outcome=DialOutcome.UNREACHABLE))
                    case ClosePeer(peer=peer, reason=reason):
                        waiting.append(PeerLost(peer=peer))
                        # Feelers end with `closed`.
                        if NodeId(peer) in self.honest and reason is not Reason.CLOSED:
                            self.lost.add(NodeId(peer))
                    case _:
                        done.append(action)
        return done

    def _joined(self, record: NodeRecord, *, outbound: bool) -> PeerJoined:
        hello = Hello(versions=[1], record=record.raw, clock_ms=self.now.wall_ms, outbound=0)
        address = record.addresses[0].rpartition(":")[0]
        peer = PeerId(record.key)
        return PeerJoined(peer=peer, hello=hello, outbound=outbound, address=address)

    def visit(self) -> None:
        """Let one of theirs link, and tell; the first of them goes when there are many."""
        record = self._record(100)
        peer = PeerId(record.key)
        done = self.feed(self._joined(record, outbound=False))
        asked = [
            action.message.request
            for action in done
            if isinstance(action, SendMessage)
            and action.peer == peer
            and isinstance(action.message, RecordsQuery)
        ]
        for number in range(_ANSWERS):
            raws = self.chance.sample(self._store, limits.records_per_answer_max)
            if not number:
                raws = [self._record(100).raw for _ in raws]
            answer = RecordsAnswer(request=asked[0] if asked else 0, records=raws)
            self.told += len(raws)
            if peer in self.engine.links.peers:
                self.feed(MessageReceived(peer=peer, message=answer))
        self._links.append(peer)
        if len(self._links) > _AT_ONCE:
            self.feed(PeerLost(peer=self._links.popleft()))
        self.mono_ms += 1_000
        for timer in (Timer.DIAL, Timer.HEARTBEAT):
            self.feed(TimerFired(timer=timer))
        if self.mono_ms % 60_000 == 0:
            self.feed(TimerFired(timer=Timer.SWEEP))
            self.look()

    def pour(self, count: int) -> None:
        """Put records into the book, whoever told of them."""
        some = self._record(100)
        for _ in range(count):
            key = NodeId(self.chance.randbytes(32))
            told = replace(some, key=key, addresses=(self._address(100),), raw=key * 8)
            source = f"{self.chance.randrange(100, 180)}.{self.chance.randrange(256)}.0.0/16"
            self.engine.links.book.add(told, proven=False, wall_ms=self.now.wall_ms, source=source)
        self.look()

    def look(self) -> None:
        """Hold every table against its cap."""
        links = len(self.engine.links.peers)
        self.overfull += self._walker.overfull(self.engine, links=links, node=0)

    @property
    def honest_links(self) -> int:
        """Count the honest relays it is linked with."""
        return len([key for key in self.engine.links.peers if NodeId(key) in self.honest])


def flood(seed: int, *, told: int = TOLD) -> dict[str, float]:
    """Tell one engine of so many nodes, and its book of as many more."""
    begun = time.perf_counter()
    siege = Flood(seed)
    before = siege.honest_links
    tracemalloc.start()
    try:
        while siege.told < told:
            siege.visit()
        by_links = len(siege.engine.links.book)
        peak = tracemalloc.get_traced_memory()[1]
        siege.pour(told)
        poured = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return {
        "told": siege.told,
        "known": by_links,
        "known_poured": len(siege.engine.links.book),
        "overfull": len(siege.overfull),
        "honest_before": before,
        "honest_links": siege.honest_links,
        "honest_sent_away": len(siege.lost),
        "peak_mib": peak / 2**20,
        "peak_poured_mib": poured / 2**20,
        "seconds": time.perf_counter() - begun,
    }
