"""Two nodes that only compare: what one asks the other answers at once, and every byte is counted.

Wanted names are served at once, as the whole way in would in the end; bodies do not exist here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from protocol import limits
from protocol.channel.messages import (
    Ids,
    RangesAnswer,
    RangesQuery,
    Refused,
    encode_message,
)
from protocol.ids import ObjectId, PeerId
from protocol.network.actions import BlamePeer, GossipAction, SendMessage, SetTimer, Timer
from protocol.network.carried import Carried
from protocol.network.chance import Chance
from protocol.network.comparison import Comparison
from protocol.network.declined import Times
from protocol.network.events import PeerLost, RangesAnswered, RangesAsked, RangesRefused
from protocol.network.live import LiveEntry
from protocol.objects.header import Kind
from tests.parties import NET
from tests.unit.protocol.network.driver import NOW, joined, later, peer

EXP = NOW.wall_ms + 10_000_000
OBJECTS_MAX = 2_000_000


@dataclass(frozen=True, slots=True)
class Thing:
    """An object as far as it is compared."""

    at: int
    name: bytes
    exp: int = EXP
    category: str = ""
    exempt: bool = False

    @property
    def entry(self) -> LiveEntry:
        whole = ObjectId(self.name * 2)
        return LiveEntry(
            id=whole,
            kind=Kind.INTENTCAST,
            key=b"",
            at=self.at,
            exp=self.exp,
            text=self.name,
            category=self.category,
            exempt=self.exempt,
        )


class Node:
    """The tables and the comparison of one node."""

    def __init__(self, name: str, things: Iterable[Thing] = ()) -> None:
        self.name = name
        self.id: PeerId = peer(name)
        self.carried = Carried(net=NET, objects_max=OBJECTS_MAX, pending_max=9, rejected_max=9)
        self.comparison = Comparison(self.carried, chance=Chance(name.encode()))
        self.now = NOW
        self.timer_ms: int | None = None
        self.blamed: list[str] = []
        self.said: list[SendMessage] = []
        for thing in things:
            self.take(thing)
        self.note(self.comparison.started(self.now))

    def take(self, thing: Thing) -> None:
        self.carried.live.place(thing.entry)

    def decline(self, thing: Thing) -> None:
        self.carried.declined.add(thing.name, Times(at=thing.at, exp=thing.exp))

    @property
    def held(self) -> set[bytes]:
        order = self.carried.live.holdings.whole
        names = order.names(0, len(order))
        return {name for name in names if name in self.carried.live}

    @property
    def compared(self) -> set[bytes]:
        order = self.carried.live.holdings.whole
        return set(order.names(0, len(order)))

    def join(self, other: str, *, outbound: bool = True, host: str = "192.0.2.7") -> None:
        self.carried.peers[peer(other)] = host
        self.note(self.comparison.joined(joined(other, outbound=outbound), self.now))

    def lose(self, other: str) -> None:
        self.carried.peers.pop(peer(other), None)
        self.carried.wanted.lose(peer(other))
        self.comparison.lost(PeerLost(peer=peer(other)))

    def note(self, actions: list[GossipAction]) -> list[SendMessage]:
        """Perform timers and blame; gives what is to be sent."""
        sent = []
        for action in actions:
            match action:
                case SetTimer(timer=Timer.CATCH_UP, delay_ms=delay_ms):
                    assert delay_ms > 0
                    self.timer_ms = self.now.mono_ms + delay_ms
                case BlamePeer(reason=reason):
                    self.blamed.append(reason.value)
                case SendMessage():
                    sent.append(action)
                case _:
                    raise AssertionError(action)
        self.said += sent
        return sent

    def hear(self, sender: PeerId, message: object) -> list[SendMessage]:
        match message:
            case RangesQuery():
                actions = self.comparison.handle(RangesAsked(peer=sender, query=message), self.now)
            case RangesAnswer():
                actions = self.comparison.handle(
                    RangesAnswered(peer=sender, answer=message), self.now
                )
            case Refused(request=request):
                actions = self.comparison.handle(
                    RangesRefused(peer=sender, request=request), self.now
                )
            case Ids(ids=ids):
                self.carried.note_names(ids, sender)
                actions = []
            case _:
                raise AssertionError(message)
        return self.note(actions)

    def fire(self, timer: Timer = Timer.CATCH_UP, ms: int = 0) -> list[SendMessage]:
        """Let time pass, and a timer come."""
        self.now = later(ms, self.now)
        return self.note(self.comparison.timed(timer, self.now))


@dataclass(slots=True)
class Count:
    """What a comparison took."""

    rounds: int = 0
    bytes: int = 0
    """Of questions and answers, as messages."""
    told: int = 0
    """Of announcements."""


class Pair:
    """Two nodes on one wire."""

    def __init__(self, one: Node, other: Node) -> None:
        self.nodes = {one.id: one, other.id: other}
        self.one, self.other = one, other
        self.count = Count()
        self.heard = {one.id: 0, other.id: 0}

    def link(self) -> Count:
        """Link them, one dialling, and let everything be said that follows at once."""
        self.other.join(self.one.name, outbound=False)
        self.one.join(self.other.name)
        return self.settle()

    def settle(self, until: Callable[[], bool] = lambda: False) -> Count:
        """Carry everything that is to be said."""
        moved = True
        while moved and not until():
            moved = False
            for sender, node in self.nodes.items():
                new = node.said[self.heard[sender] :]
                self.heard[sender] += len(new)
                for action in new:
                    moved = True
                    self.weigh(action.message)
                    self.nodes[action.peer].hear(sender, action.message)
        return self.count

    def weigh(self, message: object) -> None:
        raw = encode_message(message)  # type: ignore[arg-type]
        assert len(raw) <= limits.ranges_bytes_max + 64
        if isinstance(message, Ids):
            self.count.told += len(raw)
            return
        self.count.bytes += len(raw)
        self.count.rounds += isinstance(message, RangesQuery)

    def serve(self) -> None:
        """Serve what each wants of the other; what is only counted as held is missing there."""
        for node in self.nodes.values():
            (other,) = (each for each in self.nodes.values() if each is not node)
            for _, names in node.carried.wanted.asks(node.now.mono_ms, lambda _peer: 0):
                for name in names:
                    entry = other.carried.live.get(name)
                    if entry is None:
                        node.carried.wanted.failed(name, other.id)
                    else:
                        node.carried.wanted.arrived(name, other.id, node.now.mono_ms)
                        node.take(Thing(entry.at, name, entry.exp))

    def run(self, seconds: int) -> Count:
        """Let time pass: both serve and go on comparing."""
        for _ in range(seconds):
            for _ in range(50):
                self.serve()
            for node in self.nodes.values():
                node.fire(Timer.HEARTBEAT, 1_000)
                if node.timer_ms is not None and node.timer_ms <= node.now.mono_ms:
                    node.timer_ms = None
                    node.fire(Timer.CATCH_UP)
            self.settle()
        return self.count


def things(count: int, *, salt: int = 0, every_ms: int = 1_000) -> list[Thing]:
    """Objects in the order of their times, names at random but always the same."""
    chance = Chance(b"things" + salt.to_bytes(8, "big"))
    begin = NOW.wall_ms - count * every_ms
    return [
        Thing(begin + n * every_ms + chance.below(every_ms), chance.octets(16))
        for n in range(count)
    ]
