"""The stem: an object goes from peer to peer in a line before everybody gets it.

Who hears of an object first would otherwise know where it comes from. Enters: verified objects, of
our own and from peers. Leaves: one message to one peer, or the word that the stem ends here; which
objects waited too long to be seen in public. What is kept here is announced, compared, served and
counted nowhere. Never here: an unverified byte, a route chosen anew for each object, a stem that
keeps an object from anybody who gets it in public.
Source: docs/protocol/06-gossip.md, "The stem".
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median_low
from typing import Any, Final, Protocol

from protocol import limits
from protocol.channel.messages import Stem as StemMessage
from protocol.channel.priority import Priority
from protocol.ids import PeerId
from protocol.network.actions import GossipAction, SendMessage, SetTimer, Timer
from protocol.network.chance import Chance
from protocol.network.live import prefix_of
from protocol.now import Now
from protocol.objects.envelope import Verified

_TENTHS: Final = 10
_MAIN: Final = "main"


class Private(StrEnum):
    """How much a node does so that nobody can tell what it published."""

    OFF = "off"
    """Its own objects go to everybody at once; those of others travel by stem all the same."""
    NORMAL = "normal"
    """They go by stem."""
    CAREFUL = "careful"
    """The same, with longer stems and more patience."""


class Around(Protocol):
    """What gossip asks of the links."""

    @property
    def is_relay(self) -> bool:
        """Whether this node can be dialled."""
        ...

    def outbound_relays(self) -> list[PeerId]:
        """List the relays this node dialled, in the order of linking."""
        ...

    def relies_on(self, peer: PeerId) -> bool:
        """Whether this node or its owner chose a link."""
        ...


class Alone:
    """No links at all."""

    is_relay = False

    def outbound_relays(self) -> list[PeerId]:
        """List nobody."""
        return []

    def relies_on(self, _peer: PeerId) -> bool:
        """Take any peer."""
        return True


@dataclass(slots=True, kw_only=True)
class Edge:
    """A peer that sends by stem."""

    peer: PeerId
    """Who."""
    route: int
    """Which successor gets what it sends."""
    spent_ms: int = 0
    """Monotonic ms at which its budget is whole again."""
    kept: int = 0
    """Its objects on their way."""
    bytes: int = 0
    """Their bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An object on its way."""

    verified: Verified[Any]
    """What."""
    edge: Edge | None
    """Who sent it; None for our own."""
    tried: tuple[PeerId, ...]
    """Who got it from here, the last one last."""
    due_ms: int
    """Monotonic ms at which it is published, unless it was seen in public before."""


@dataclass(slots=True, kw_only=True)
class _Epoch:
    """Successors and routes, for ten minutes."""

    ends_ms: int
    successors: list[PeerId]
    own: int
    """Which successor gets what is our own."""
    loads: list[int] = field(default_factory=lambda: [0] * limits.stem_successors)
    """Peers routed to each."""


class Stem:
    """The stems that pass one node."""

    def __init__(self, *, net: str, chance: Chance, around: Around, private: Private) -> None:
        """Start with nothing on its way.

        Args:
            net: network id; budgets are for people on `main`.
            chance: successors, routes, ends and waits.
            around: the links.
            private: what this node's owner chose.
        """
        self._chance = chance
        self._around = around
        self._private = private
        is_main = net == _MAIN
        self._pause_ms = limits.stem_pause_ms_main if is_main else limits.stem_pause_ms
        self._burst = limits.stem_burst_main if is_main else limits.stem_burst
        self._epoch = _Epoch(ends_ms=0, successors=[], own=0)
        self._edges: dict[PeerId, Edge] = {}
        self._spent: OrderedDict[PeerId, int] = OrderedDict()
        self._kept: dict[bytes, Kept] = {}
        self._rtts: dict[PeerId, int] = {}
        self._own_count = 0
        self._bytes = 0
        self._due_ms: int | None = None

    # --- what others may ask ------------------------------------------------------------------

    def __len__(self) -> int:
        """Count the objects on their way."""
        return len(self._kept)

    def __contains__(self, prefix: bytes) -> bool:
        """Tell whether an object is on its way."""
        return prefix in self._kept

    @property
    def private(self) -> Private:
        """What this node's owner chose."""
        return self._private

    @property
    def is_open(self) -> bool:
        """Whether stems may come here: a node that cannot be dialled never ends one."""
        return self._around.is_relay

    @property
    def own_count(self) -> int:
        """Count our own objects that were not seen in public yet."""
        return self._own_count

    def successors(self, now: Now) -> tuple[PeerId, ...]:
        """Give the peers that get what travels by stem: two, or as many relays as are linked."""
        self._turn(now)
        return tuple(self._epoch.successors)

    # --- the way on ---------------------------------------------------------------------------

    def publish(self, verified: Verified[Any], now: Now) -> list[GossipAction] | None:
        """Send an object of our own on its way; None when it is to be published at once.

        The first hop is always one of the stem.
        """
        if self._private is Private.OFF or self._own_count >= limits.stem_own_max:
            return None
        successors = self.successors(now)
        if not successors:
            return None
        to = successors[self._epoch.own % len(successors)]
        return self._keep(verified, None, to, now)

    def again(self, kept: Kept, now: Now) -> list[GossipAction] | None:
        """Send an object of our own on its way by another relay; None when all had it.

        For a leaf that would never see it in public: whoever else it showed it to would know that
        it does not pass on what it does not want.
        """
        relays = [each for each in self._around.outbound_relays() if each not in kept.tried]
        if not relays:
            return None
        to = self._chance.sample(relays, 1)[0]
        return self._keep(kept.verified, None, to, now, kept.tried)

    def admits(self, peer: PeerId, now: Now) -> bool:
        """Spend the budget of a peer on one object; False when it has none left."""
        self._turn(now)
        edge = self._edge(peer)
        spent_ms = max(edge.spent_ms, now.mono_ms)
        if spent_ms - now.mono_ms > self._pause_ms * (self._burst - 1):
            return False
        edge.spent_ms = spent_ms + self._pause_ms
        return True

    def take(
        self, verified: Verified[Any], peer: PeerId, now: Now, *, is_linked: bool = True
    ) -> list[GossipAction] | None:
        """Pass an object of others on; None when its stem ends here, and everybody gets it.

        It ends by chance, for want of another relay, and where there is no room for it. What came
        of a peer that left meanwhile goes on, by a route that is kept for this object alone: its
        end must not be what makes it public.
        """
        self._turn(now)
        edge = self._edge(peer) if is_linked else self._route_once(peer)
        to = self._successor_of(edge)
        if to is None or self._ends() or not self._has_room(edge, len(verified.raw)):
            return None
        return self._keep(verified, edge, to, now)

    def is_loop(self, prefix: bytes, peer: PeerId) -> bool:
        """Tell whether an object that comes by stem went on from here before.

        A peer that repeats itself makes no loop.
        """
        kept = self._kept.get(prefix)
        return kept is not None and (kept.edge is None or kept.edge.peer != peer)

    def _has_room(self, edge: Edge, size: int) -> bool:
        return (
            len(self._kept) - self._own_count < limits.stem_kept_max
            and self._bytes + size <= limits.stem_kept_bytes_max
            and edge.kept < limits.stem_edge_max
            and edge.bytes + size <= limits.stem_edge_bytes_max
        )

    @property
    def _tenths(self) -> int:
        is_careful = self._private is Private.CAREFUL
        return limits.stem_fluff_tenths_careful if is_careful else limits.stem_fluff_tenths

    def _ends(self) -> bool:
        return self._chance.below(_TENTHS) < self._tenths

    def _keep(
        self,
        verified: Verified[Any],
        edge: Edge | None,
        to: PeerId,
        now: Now,
        tried: tuple[PeerId, ...] = (),
    ) -> list[GossipAction]:
        wait_ms = self._chance.exponential(self.embargo_ms(is_own=edge is None))
        due_ms = now.mono_ms + wait_ms
        kept = Kept(verified=verified, edge=edge, tried=(*tried, to), due_ms=due_ms)
        self._kept[prefix_of(verified.id)] = kept
        self._count(kept, 1)
        message = StemMessage(raws=[verified.raw])
        return [
            SendMessage(peer=to, message=message, priority=Priority.PULL),
            *self._wind(kept.due_ms, now),
        ]

    def _count(self, kept: Kept, sign: int) -> None:
        if kept.edge is None:
            self._own_count += sign
            return
        size = sign * len(kept.verified.raw)
        self._bytes += size
        kept.edge.kept += sign
        kept.edge.bytes += size

    # --- embargo ------------------------------------------------------------------------------

    def embargo_ms(self, *, is_own: bool) -> int:
        """Give the mean time an object may take to be seen in public.

        Source: docs/protocol/06-gossip.md, "The stem"; twice as long for our own, so that it is
        most likely somebody else who loses patience.
        """
        rtts = [rtt for peer in self._around.outbound_relays() if (rtt := self._rtts.get(peer))]
        hop_ms = median_low(rtts) if rtts else limits.stem_hop_ms
        hop_ms = min(max(hop_ms, limits.stem_hop_ms_min), limits.stem_hop_ms_max)
        hops = _TENTHS // self._tenths
        mean_ms = hops * (hops - 1) * hop_ms * limits.stem_embargo_permille // 1_000
        return 2 * mean_ms if is_own else mean_ms

    def _wind(self, due_ms: int, now: Now) -> list[GossipAction]:
        """Set the one timer for the earliest embargo."""
        if self._due_ms is not None and self._due_ms <= due_ms:
            return []
        self._due_ms = due_ms
        return [SetTimer(timer=Timer.EMBARGO, delay_ms=max(0, due_ms - now.mono_ms))]

    def get(self, prefix: bytes) -> Kept | None:
        """Give what is kept of an object on its way."""
        return self._kept.get(prefix)

    def forget(self, prefix: bytes) -> Kept | None:
        """Let go of an object: it was seen in public, or is to be published now."""
        kept = self._kept.pop(prefix, None)
        if kept is not None:
            self._count(kept, -1)
        return kept

    def due(self, now: Now) -> list[Kept]:
        """Give up the objects that were not seen in public in time; publish each, then `wind`."""
        self._due_ms = None
        return [
            self._kept[prefix]
            for prefix in [name for name, kept in self._kept.items() if kept.due_ms <= now.mono_ms]
        ]

    def wind(self, now: Now) -> list[GossipAction]:
        """Set the timer anew after it has fired."""
        if not self._kept:
            return []
        return self._wind(min(kept.due_ms for kept in self._kept.values()), now)

    # --- peers --------------------------------------------------------------------------------

    def timed(self, peer: PeerId, rtt_ms: int) -> None:
        """Note how long a linked peer takes to answer."""
        self._rtts[peer] = rtt_ms

    def lost(self, peer: PeerId) -> None:
        """Forget the routes of a peer that left; what it sent stays on its way.

        What it spent is remembered: a new link brings no new budget.
        """
        self._rtts.pop(peer, None)
        edge = self._edges.pop(peer, None)
        if edge is not None:
            self._epoch.loads[edge.route] -= 1
            self._spent[peer] = edge.spent_ms
            if len(self._spent) > limits.stem_spent_max:
                self._spent.popitem(last=False)

    def stranded(self, peer: PeerId, now: Now) -> list[GossipAction]:
        """Send what of our own went to a peer that left by the successor in its place.

        Whether it arrived nobody can tell, and to wait for the end of its patience would keep a
        person waiting who did nothing but ask at a bad moment. What has no other successor waits.
        """
        actions: list[GossipAction] = []
        ours = [kept for kept in self._kept.values() if kept.edge is None]
        for kept in [each for each in ours if each.tried[-1] == peer]:
            others = [each for each in self.successors(now) if each not in kept.tried]
            if others:
                self.forget(prefix_of(kept.verified.id))
                to = others[self._epoch.own % len(others)]
                actions += self._keep(kept.verified, None, to, now, kept.tried)
        return actions

    def _edge(self, peer: PeerId) -> Edge:
        edge = self._edges.get(peer)
        if edge is None:
            spent_ms = self._spent.pop(peer, 0)
            edge = Edge(peer=peer, route=self._draw_route(), spent_ms=spent_ms)
            self._edges[peer] = edge
        return edge

    def _route_once(self, peer: PeerId) -> Edge:
        return Edge(peer=peer, route=self._chance.below(limits.stem_successors))

    def _draw_route(self) -> int:
        """Choose the successor with fewer peers routed to it."""
        loads = self._epoch.loads
        least = [place for place, load in enumerate(loads) if load == min(loads)]
        place = least[self._chance.below(len(least))]
        loads[place] += 1
        return place

    def _successor_of(self, edge: Edge) -> PeerId | None:
        """Give the successor of what a peer sends: never that peer itself."""
        found = self._epoch.successors
        if found and found[edge.route % len(found)] != edge.peer:
            return found[edge.route % len(found)]
        others = [each for each in found if each != edge.peer]
        return others[0] if others else None

    def _turn(self, now: Now) -> None:
        """Begin the next epoch when this one is over; else replace only who left."""
        relays = self._around.outbound_relays()
        if now.mono_ms >= self._epoch.ends_ms:
            jitter_ms = self._chance.below(limits.stem_epoch_jitter_ms)
            self._epoch = _Epoch(
                ends_ms=now.mono_ms + limits.stem_epoch_ms + jitter_ms,
                successors=self._chance.sample(relays, limits.stem_successors),
                own=self._chance.below(limits.stem_successors),
            )
            for edge in self._edges.values():
                edge.route = self._draw_route()
            return
        before = self._epoch.successors
        if len(before) == limits.stem_successors and all(each in relays for each in before):
            return
        new = [each for each in relays if each not in before]
        spare = self._chance.sample(new, limits.stem_successors)
        places = [each if each in relays else None for each in before]
        places += [None] * (limits.stem_successors - len(places))
        filled = [each or (spare.pop() if spare else None) for each in places]
        self._epoch.successors = [each for each in filled if each is not None]
