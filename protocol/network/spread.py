"""The way on: to whom a new object goes whole, to whom by name, and what we ask of our own links.

A stage of gossip between the intake and the links. Enters: accepted objects, levels asked and
given, peers that come and go, timers. Leaves: pushes, names in batches, levels. Never here: bytes
of peers, and anything forwarded that is not held.
Source: docs/protocol/06-gossip.md, "The way on".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, assert_never

from protocol import limits
from protocol.channel.messages import Level, LevelGiven
from protocol.channel.priority import Priority
from protocol.ids import PeerId
from protocol.network.actions import GossipAction, SendMessage, SetTimer, Timer
from protocol.network.announcements import Announcements
from protocol.network.carried import Carried, objects_messages
from protocol.network.chance import Chance
from protocol.network.choice import Choice
from protocol.network.events import LevelAsked, LevelReceived, PeerJoined, PeerLost
from protocol.network.flow import Flow
from protocol.network.slots import Slots
from protocol.now import Now


class Spread:
    """Both directions of every link of one node, as far as new objects go.

    Attributes:
        choice: what we ask of our links; to be read only.
        slots: what we give to our peers; to be read only.
    """

    def __init__(
        self,
        carried: Carried,
        *,
        chance: Chance,
        pushers: Callable[[], int],
        uplink_bps: int | None,
        is_trusted: Callable[[PeerId, int], bool],
        is_chosen: Callable[[PeerId], bool],
    ) -> None:
        """Start without links.

        Args:
            carried: the tables.
            chance: which link is drawn, which quiet peers hear the news.
            pushers: counts the links that shall push to us.
            uplink_bps: what this node may send, bit/s; None where nothing is known.
            is_trusted: whether a peer may hold a push place, for what it did wrong.
            is_chosen: whether a link is one that this node or its owner chose.
        """
        self._carried = carried
        self._chance = chance
        self._is_chosen = is_chosen
        self._announcements = Announcements()
        self._is_batching = False
        self._beats = 0
        self.choice = Choice(chance=chance, pushers=pushers, is_trusted=is_trusted)
        self.slots = Slots(uplink_bps=uplink_bps, merit=self._carried.merits.of)

    @property
    def is_busy(self) -> bool:
        """Whether anything is news, or still watched."""
        return bool(len(self._announcements) or self.choice.watched)

    # --- objects ------------------------------------------------------------------------------

    def begin(self, now: Now) -> Pushes:
        """Gather what goes on at the end of one event."""
        return Pushes(self._carried, self.slots, self._announcements, now)

    def tell(self, peer: PeerId, prefix: bytes) -> None:
        """Name an object that is public to whoever sends it by stem."""
        if peer in self._carried.peers:
            self._announcements.add(peer, prefix)

    def batch(self) -> list[GossipAction]:
        """Wind the clock of the next batch of names, if one waits and none is wound."""
        if self._is_batching or not (self._announcements.is_waiting or self.choice.has_untold):
            return []
        self._is_batching = True
        spread_ms = limits.batch_ms_max - limits.batch_ms_min + 1
        delay_ms = limits.batch_ms_min + self._chance.below(spread_ms)
        return [SetTimer(timer=Timer.BATCH, delay_ms=delay_ms)]

    # --- links --------------------------------------------------------------------------------

    def handle(self, event: LevelAsked | LevelReceived, now: Now) -> list[GossipAction]:
        """Take a peer's wish, or its word on ours."""
        match event:
            case LevelAsked(peer=peer, flow=flow):
                given = self.slots.asked(peer, flow)
                return [_given(peer, given)] if given is not None else []
            case LevelReceived(peer=peer, flow=flow):
                self.choice.refused(peer, flow, now.mono_ms)
                return self._levels(now)
            case _:
                assert_never(event)

    def joined(self, event: PeerJoined, now: Now) -> list[GossipAction]:
        """Weigh a new link, and take it for one that wants all until it says otherwise."""
        self.slots.joined(event.peer)
        group = self._carried.peers[event.peer]
        self.choice.joined(event.peer, group, is_chosen=self._is_chosen(event.peer))
        return self._levels(now)

    def lost(self, event: PeerLost, now: Now) -> list[GossipAction]:
        """Forget a link; another takes its place."""
        self.slots.lost(event.peer)
        self.choice.lost(event.peer)
        self._announcements.lost(event.peer)
        return self._levels(now)

    def _levels(self, now: Now) -> list[GossipAction]:
        return [
            SendMessage(peer=peer, message=Level(level=int(flow)), priority=Priority.CONTROL)
            for peer, flow in self.choice.turn(now.mono_ms)
        ]

    # --- time ---------------------------------------------------------------------------------

    def timed(self, timer: Timer, now: Now) -> list[GossipAction]:
        """Send the batch; weigh links and tell quiet peers the news with every heartbeat."""
        if timer is Timer.BATCH:
            self._is_batching = False
            self._spare()
            return [*self._announcements.flush()]
        if timer is not Timer.HEARTBEAT:
            return []
        self._announcements.forget(now.mono_ms)
        actions = self._levels(now)
        actions += [_given(peer, flow) for peer, flow in self.slots.turn(now.mono_ms)]
        return actions + self._news()

    def _spare(self) -> None:
        """Tell links that push what they need not push any more, unless they hear of it anyway."""
        for peer, name in self.choice.spared():
            if self.slots.of(peer) is Flow.QUIET and self._carried.is_wanted_by(peer, name):
                self._announcements.add(peer, name)

    def _news(self) -> list[GossipAction]:
        """Name to some quiet peers what they may have missed."""
        if not len(self._announcements):
            return []
        self._beats += 1
        if self._beats % limits.quiet_beats:
            return []
        quiet = [peer for peer, flow in self.slots if flow is Flow.QUIET]
        count = max(1, len(quiet) // limits.quiet_part)
        actions: list[GossipAction] = []
        for peer in self._chance.sample(quiet, count):
            actions += self._announcements.news_for(peer, self._is_no_news_for(peer))
        return actions

    def _is_no_news_for(self, peer: PeerId) -> Callable[[bytes], bool]:
        carried = self._carried
        return lambda name: (
            name not in carried.live
            or peer in carried.holders.of(name)
            or not carried.is_wanted_by(peer, name)
        )


def _given(peer: PeerId, flow: Flow) -> SendMessage:
    message = LevelGiven(level=int(flow))
    return SendMessage(peer=peer, message=message, priority=Priority.CONTROL)


_Case: TypeAlias = tuple[int, frozenset[PeerId], bool]
"""Marks of who holds an object, who does not want it, whether it begins its way here."""
_Way: TypeAlias = tuple[tuple[PeerId, ...], tuple[PeerId, ...]]
"""Who gets an object whole, and who by name."""


class Pushes:
    """Objects that go on at the end of one event, gathered by peer."""

    def __init__(
        self, carried: Carried, slots: Slots, announcements: Announcements, now: Now
    ) -> None:
        """Start with none."""
        self._carried = carried
        self._slots = slots
        self._announcements = announcements
        self._now = now
        self._going: list[tuple[tuple[PeerId, ...], bytes]] = []
        self._ways: dict[_Case, _Way] = {}

    def add(
        self, prefix: bytes, raw: bytes, *, is_first: bool = False, edge: PeerId | None = None
    ) -> None:
        """Send an object on to every linked peer that wants it and is not known to hold it.

        Args:
            prefix: its name.
            raw: its envelope.
            is_first: it begins its public way here. Then quiet peers hear its name, too: nobody
                else could tell them, and a node that hardly ever shows anything is quiet for all.
            edge: who sent it by stem. It hears the name whatever it wants, or a leaf that wants
                nothing would never learn that its own is out, and lose patience every time.
        """
        carried = self._carried
        self._slots.forwarded(len(raw))
        self._announcements.happened(prefix, self._now.mono_ms)
        entry = carried.live.get(prefix)
        if entry is None:
            return
        unwanted = carried.interests.unwanted_by(entry)
        case = carried.holders.marks(prefix), unwanted, is_first
        way = self._ways.get(case)
        if way is None:
            way = self._way(carried.holders.of(prefix) | unwanted, is_first=is_first)
            self._ways[case] = way
        pushed, named = way
        if pushed:
            self._going.append((pushed, raw))
        for peer in named:
            self._announcements.add(peer, prefix)
        if edge in carried.peers and edge not in pushed and edge not in named:
            self._announcements.add(edge, prefix)

    def _way(self, left_out: frozenset[PeerId], *, is_first: bool) -> _Way:
        """Find who gets an object whole, and who by name; most of one event go the same way."""
        pushed: list[PeerId] = []
        named: list[PeerId] = []
        for peer, flow in self._slots:
            if peer in left_out or (flow is Flow.QUIET and not is_first):
                continue
            (pushed if flow is Flow.PUSH else named).append(peer)
        return tuple(pushed), tuple(named)

    def _by_peer(self) -> dict[PeerId, list[bytes]]:
        """Gather what goes to each peer, in order."""
        if len({id(pushed) for pushed, _ in self._going}) == 1:
            raws = [raw for _, raw in self._going]
            return dict.fromkeys(self._going[0][0], raws)
        gathered: dict[PeerId, list[bytes]] = {}
        for pushed, raw in self._going:
            for peer in pushed:
                gathered.setdefault(peer, []).append(raw)
        return gathered

    def actions(self) -> list[SendMessage]:
        """Give the messages; peers that get the same get one and the same record of it."""
        made: dict[tuple[bytes, ...], list[SendMessage]] = {}
        actions: list[SendMessage] = []
        for peer, raws in self._by_peer().items():
            alike = made.setdefault(tuple(raws), [])
            if not alike:
                alike += objects_messages(peer, raws, Priority.PUSH)
                actions += alike
                continue
            actions += [
                SendMessage(peer=peer, message=each.message, priority=each.priority)
                for each in alike
            ]
        return actions
