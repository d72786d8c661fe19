"""Links: who is at the other ends, whose word is believed, and whom to dial next.

Keeps the peers that are linked, the book of known nodes, the fault points, and as many outbound
links as the design asks for, one to an address group, so that losing one cuts nobody off and nobody
holds them all. Enters: events and the moment. Leaves: actions. Never: an address that came from a
cast, a peer judged by hearsay, a look at every known node for one event.
Source: docs/protocol/06-gossip.md.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median_low
from typing import Final, assert_never

from protocol import limits
from protocol.channel.messages import Hello, Outbound, RecordsAnswer
from protocol.channel.priority import Priority
from protocol.errors import MessageError, ObjectError, Reason, RemoteProtocolError
from protocol.ids import NodeId, PeerId
from protocol.network.actions import (
    ClosePeer,
    LinkAction,
    SaveAnchors,
    SaveReached,
    SendMessage,
    SetTimer,
    Timer,
)
from protocol.network.addresses import NodeRecord, Role, read_record
from protocol.network.book import Book
from protocol.network.chance import Chance
from protocol.network.dialling import SETTLED_MS, Dial, Dialling, Outlook, Purpose
from protocol.network.events import (
    AlreadyLinked,
    DialFailed,
    DialOutcome,
    LinkEvent,
    NodeAsked,
    NodeMemory,
    NodeMissed,
    NothingServed,
    OutboundTold,
    PeerFaulted,
    PeerJoined,
    PeerLost,
    PeersKept,
    RecordFound,
    RecordsAnswered,
    RecordsAsked,
    RecordSigned,
    Started,
    TimerFired,
)
from protocol.network.groups import group_of, public_group_of
from protocol.network.independence import Dependence, Origin, dependence
from protocol.network.interest import check_interest
from protocol.network.introductions import Introductions, Read
from protocol.network.link import Link
from protocol.network.room import Room
from protocol.network.standing import Faults, Standing
from protocol.now import Now

_TOLD_STEP: Final = 2
"""A change of so many outbound links is told; the one who makes room looks for no smaller one."""
_REPLACE_MS: Final = 10_000
"""Shortest time between two links given up because nothing is served: among relays of which two in
three are hostile it takes ten to be sure of an honest one within two minutes."""


class Links:
    """The machine of one node."""

    def __init__(
        self,
        *,
        net: str,
        own: NodeId,
        chance: Chance,
        outbound_max: int,
        inbound_max: int = limits.inbound_links_max,
        firsts: Callable[[PeerId], int] = lambda _peer: 0,
        read: Read | None = None,
    ) -> None:
        """Start without links; `Started` is the first event.

        Args:
            net: network id.
            own: our transport key.
            chance: whom to dial, whom to ask, which records to hand on.
            outbound_max: outbound links to keep.
            inbound_max: inbound links before one makes room for another.
            firsts: counts the objects a peer was the first to supply.
            read: opens node records, in place of `read_record`.
        """
        self._net = net
        self._chance = chance
        self._outbound_max = outbound_max
        self._read: Read = read or (lambda raw: read_record(raw, net=net))
        self._links: dict[PeerId, Link] = {}
        self._chosen: dict[PeerId, str] = {}
        self._leaving: dict[PeerId, None] = {}
        self._firsts = firsts
        self._room = Room(
            self._links,
            chance=chance,
            inbound_max=inbound_max,
            firsts=firsts,
            is_kept=self._is_kept,
        )
        self._faults = Faults()
        self._dialling = Dialling(chance=chance, outbound_max=outbound_max)
        self._book = Book(own=own, secret=chance.secret(), is_failing=self._dialling.is_failing)
        self._introductions = Introductions(book=self._book, chance=chance, read=self._read)
        self._kept: frozenset[NodeId] = frozenset()
        self._told = 0
        self._look_ms: int | None = None
        self._replaced_ms: int | None = None
        self._replaced: PeerId | None = None
        self._anchors: tuple[NodeId, ...] = ()
        self._is_settled = False

    # --- what others may ask ------------------------------------------------------------------

    @property
    def book(self) -> Book:
        """Known nodes; to be read only."""
        return self._book

    @property
    def peers(self) -> dict[PeerId, Link]:
        """Linked peers."""
        return dict(self._links)

    @property
    def is_relay(self) -> bool:
        """Whether this node can be dialled, by its own signed word."""
        own = self._introductions.own
        return own is not None and Role.RELAY in own.roles

    def outbound_relays(self) -> list[PeerId]:
        """List the relays this node chose to dial, in the order of linking.

        Not those it dialled because somebody wanted a tunnel there: whoever can choose these would
        choose whom its stems go to.
        """
        return [peer for peer, link in self._relied_on() if link.is_relay]

    @property
    def outbound_count(self) -> int:
        """Links this node chose to dial, or its owner did; what it tells its peers."""
        return len(self._relied_on())

    def relies_on(self, peer: PeerId) -> bool:
        """Tell whether a link is one that this node or its owner chose."""
        link = self._links.get(peer)
        return link is not None and self._is_own(peer, link)

    def _relied_on(self) -> list[tuple[PeerId, Link]]:
        links = self._links.items()
        return [each for each in links if each[1].outbound and self._is_own(*each)]

    def _is_own(self, peer: PeerId, link: Link) -> bool:
        return link.is_own or self._is_kept(peer)

    def dependence(self) -> Dependence | None:
        """Say what all links this node dialled have in common, if anything."""
        origins = []
        for peer, link in self._links.items():
            if link.outbound:
                node = self._book.node(NodeId(peer))
                is_word_of_one = node is not None and not node.is_confirmed
                source = node.source if node is not None and is_word_of_one else ""
                group = public_group_of(link.address)
                is_known = self._is_known(peer)
                origins.append(Origin(group=group, source=source, is_known=is_known))
        return dependence(origins, had_others=self._is_settled and bool(self._anchors))

    def _is_known(self, peer: PeerId) -> bool:
        return self._is_kept(peer) or NodeId(peer) in self._anchors or self._firsts(peer) > 0

    def is_leaving(self, peer: PeerId) -> bool:
        """Tell whether a link is open only until its end is done: no business of gossip."""
        return peer in self._leaving

    def fault_points(self, peer: PeerId, now: Now) -> float:
        """Give the fault points a key has left."""
        return self._faults.points(peer, now.mono_ms)

    def standing(self, peer: PeerId, now: Now) -> Standing:
        """Tell what a key's faults come to."""
        return self._faults.standing(peer, now.mono_ms)

    def may_push(self, peer: PeerId, mono_ms: int) -> bool:
        """Tell whether a key's faults leave it a push place at a moment."""
        return self._faults.standing(peer, mono_ms) is Standing.GOOD

    def clock_offset_ms(self, now: Now) -> int | None:
        """Give the median of the peers' clocks against ours; None while too few have a vote.

        Their clocks are carried on by our monotonic one, so that a jump of ours shows at once.
        """
        offsets = self.clock_offsets_ms(now)
        return median_low(offsets) if len(offsets) >= limits.clock_peers_min else None

    def clock_offsets_ms(self, now: Now) -> list[int]:
        """Give how far each clock that has a vote is ahead of ours, in the order of linking.

        Those do that this node dialled of itself or its owner keeps, one of each address group:
        whoever comes by itself may be one liar with many keys.
        """
        voters: dict[str, Link] = {}
        for peer, link in self._links.items():
            if self._is_own(peer, link):
                voters.setdefault(self._voice_of(peer, link), link)
        return [
            link.clock_ms + now.mono_ms - link.since_ms - now.wall_ms for link in voters.values()
        ]

    def _voice_of(self, peer: PeerId, link: Link) -> str:
        """Name whose vote a link has: at home and in a testnet each machine has its own."""
        is_known = peer in self._chosen or public_group_of(link.address) is not None
        return link.group if is_known else peer.hex()

    def check_hello(self, hello: Hello, peer: NodeId, now: Now) -> NodeRecord:
        """Judge the first word of a peer whose key is proved; asked before its link is open.

        A record that has grown old is no reason to refuse its author, whose clock may be wrong;
        only the book does not take it.

        Raises:
            RemoteProtocolError: the record is no record or of another network; MISMATCH when it is
                of another key; POLICY when the key is refused for its faults; BAD_SHAPE or
                OUT_OF_RANGE for an interest that is none.
        """
        if not self._faults.is_welcome(PeerId(peer), now.mono_ms):
            raise MessageError(Reason.POLICY, "refused for now, for what it sent before")
        record = self._read(hello.record)
        if record.key != peer:
            raise ObjectError(Reason.MISMATCH, "the record of another node", field="record")
        if hello.interest is not None:
            check_interest(hello.interest)
        return record

    def spare(self, is_spared: Callable[[NodeId], bool]) -> None:
        """Say who is never let go for another: a guest, a reader of a box."""
        self._room.is_spared = is_spared

    def _is_kept(self, peer: PeerId) -> bool:
        return NodeId(peer) in self._kept

    # --- the one way in -----------------------------------------------------------------------

    def handle(self, event: LinkEvent, now: Now) -> list[LinkAction]:
        """Take one event; perform every returned action, in order."""
        match event:
            case PeerJoined() | PeerLost() | DialFailed() | AlreadyLinked():
                actions = self._changed(event, now)
            case PeerFaulted(peer=peer, reason=reason, points=points):
                actions = self._blame(peer, reason, points, now)
            case RecordsAsked() | NodeAsked():
                linked = [link.record for link in self._links.values()]
                actions = [self._introductions.answer(event, linked, now)]
            case RecordsAnswered(peer=peer, answer=answer):
                actions = self._take_answer(peer, answer, now)
            case RecordFound(peer=peer, raw=raw, key=key):
                actions = self._hear(peer, raw, now, of=key)
            case NodeMissed():
                self._missed(event.key, event.address, event.outcome, now)
                actions = []
            case RecordSigned(record=record):
                self._introductions.own = record
                actions = []
            case _:
                actions = self._turn(event, now)
        return actions

    def _turn(
        self, event: Started | PeersKept | OutboundTold | NothingServed | TimerFired, now: Now
    ) -> list[LinkAction]:
        match event:
            case PeersKept(keys=keys):
                self._keep(keys)
                actions = self._look(now)
            case OutboundTold(peer=peer, count=count):
                if peer in self._links:
                    self._links[peer].told = count
                actions = []
            case NothingServed():
                actions = self._replace(now)
            case Started():
                actions = self._start(event, now)
            case TimerFired(timer=timer):
                actions = self._timed(timer, now)
            case _:
                assert_never(event)
        return actions

    # --- links --------------------------------------------------------------------------------

    def _changed(
        self, event: PeerJoined | PeerLost | DialFailed | AlreadyLinked, now: Now
    ) -> list[LinkAction]:
        saved: list[LinkAction] = []
        match event:
            case PeerJoined():
                return self._joined(event, now)
            case PeerLost():
                self._lost(event, now)
            case AlreadyLinked(key=key):
                saved = self._adopt(key, now)
            case DialFailed(key=key, outcome=outcome):
                dial = self._dialling.failed(key, now.mono_ms)
                if dial is not None and dial.purpose is Purpose.FEELER:
                    self._book.decide(key, is_there=False, wall_ms=now.wall_ms)
                if dial is not None:
                    self._missed(key, dial.address, outcome, now)
            case _:
                assert_never(event)
        return [*saved, *self._look(now)]

    def _adopt(self, key: NodeId, now: Now) -> list[LinkAction]:
        """Take a link made on demand for the one that was chosen by lot: it needs no other."""
        link = self._links.get(PeerId(key))
        dial = self._dialling.joined(key, outbound=True) if link is not None else None
        if link is None or dial is None:
            return []
        link.group = public_group_of(link.address) or dial.group
        actions = self._reached(key, dial, link.group, now)
        actions += self._make_way(key, dial, link.group)
        if not self._is_surplus(key, dial, link.group, now):
            link.is_own = True
            self._count_in(PeerId(key), link.group, dial)
        return actions

    def _missed(self, key: NodeId, address: str, outcome: DialOutcome, now: Now) -> None:
        """Note in the book that a node was not where it was said to be."""
        if outcome is DialOutcome.OTHER_NODE:
            self._book.refute(key, address, now.wall_ms)
        else:
            self._book.doubt(key, address)

    def _joined(self, event: PeerJoined, now: Now) -> list[LinkAction]:
        peer, key = event.peer, NodeId(event.peer)
        record = self._read(event.hello.record)
        dial = self._dialling.joined(key, outbound=event.outbound)
        group = self._group_of(event, dial)
        take = self._introductions.take
        actions = take(record, now, source=group, is_proven=True)
        if dial is not None:
            actions += self._reached(key, dial, group, now)
            actions += self._make_way(key, dial, group)
        if dial is not None and self._is_surplus(key, dial, group, now):
            self._leaving[peer] = None
            return [*actions, ClosePeer(peer=peer, reason=Reason.CLOSED), *self._look(now)]
        if not event.outbound and key not in self._kept:
            goes = self._room.receive(peer, event.hello.outbound, group, now)
            actions += goes
            if any(close.peer == peer for close in goes):
                self._leaving[peer] = None
                return actions
        self._links[peer] = Link(
            record=record,
            outbound=event.outbound,
            is_own=event.outbound and (dial is not None or not event.asked),
            address=event.address,
            group=group,
            since_ms=now.mono_ms,
            clock_ms=event.hello.clock_ms,
            agent=event.hello.agent,
            told=event.hello.outbound,
        )
        is_own_choice = dial is not None or not (event.asked or event.kept)
        if event.outbound and is_own_choice and key not in self._kept:
            self._count_in(peer, group, dial)
        return [*actions, self._introductions.joined(peer, now), *self._look(now)]

    def _group_of(self, event: PeerJoined, dial: Dial | None) -> str:
        """Name the group of a link: by its IP address where that tells, else as it was dialled."""
        public = public_group_of(event.address)
        if public is None and dial is not None:
            return dial.group
        return public or group_of(event.address, self._net)

    def _reached(self, key: NodeId, dial: Dial, group: str, now: Now) -> list[LinkAction]:
        self._book.decide(key, is_there=True, wall_ms=now.wall_ms)
        if not self._book.reached(key, dial.address, now.wall_ms, group=group):
            return []
        return [SaveReached(key=key, address=dial.address, group=group, wall_ms=now.wall_ms)]

    def _is_surplus(self, key: NodeId, dial: Dial, group: str, now: Now) -> bool:
        """Tell whether a link this node dialled has served its purpose, or would be one too many.

        Where a name leads shows only now: two names may be one provider's.
        """
        if dial.purpose is Purpose.FEELER:
            self._dialling.settled(key)
            return True
        if group in self._chosen.values():
            self._dialling.rest(key, now.mono_ms)
            return True
        return len(self._chosen) >= self._outbound_max

    def _make_way(self, key: NodeId, dial: Dial, group: str) -> list[LinkAction]:
        """End the link that took the place of one that broke, now that its peer is back.

        No other goes: with many keys that broke after one another in one place, and all come back,
        nobody gains more than that place.
        """
        place = self._dialling.back(key) if dial.purpose is Purpose.RETURN else None
        is_free = group not in self._chosen.values() and len(self._chosen) < self._outbound_max
        if place is None or is_free:
            return []
        goes = next((peer for peer in self._chosen if self._links[peer].place == place), None)
        others = [theirs for peer, theirs in self._chosen.items() if peer != goes]
        if goes is None or group in others or len(others) >= self._outbound_max:
            return []
        del self._chosen[goes]
        return [ClosePeer(peer=goes, reason=Reason.CLOSED)]

    def _count_in(self, peer: PeerId, group: str, dial: Dial | None) -> None:
        """Count a link among the chosen, in the first place that is free."""
        taken = {self._links[each].place for each in self._chosen}
        link = self._links[peer]
        link.place = min(set(range(len(taken) + 1)) - taken)
        link.is_return = dial is not None and dial.purpose is Purpose.RETURN
        self._chosen[peer] = group
        self._dialling.back(NodeId(peer))

    def _lost(self, event: PeerLost, now: Now) -> None:
        peer, key = event.peer, NodeId(event.peer)
        self._leaving.pop(peer, None)
        self._room.lost(peer)
        was_chosen = self._chosen.pop(peer, None) is not None
        self._introductions.lost(peer)
        link = self._links.pop(peer, None)
        if link is not None and link.outbound:
            lasted_ms = now.mono_ms - link.since_ms
            self._dialling.lost(key, lasted_ms, now.mono_ms)
            if peer == self._replaced:
                self._dialling.rest(key, now.mono_ms, at_least_ms=_REPLACE_MS)
            least_ms = limits.return_lasts_ms if link.is_return else SETTLED_MS
            if event.broke and was_chosen and lasted_ms >= least_ms:
                self._dialling.broke(key, link.place, now.mono_ms)

    def _keep(self, keys: frozenset[NodeId]) -> None:
        """Links the owner asked for come on top: they never take the place of a chosen one."""
        self._kept = keys
        for peer in [peer for peer in self._chosen if NodeId(peer) in keys]:
            del self._chosen[peer]

    def _blame(self, peer: PeerId, reason: Reason, points: int, now: Now) -> list[LinkAction]:
        standing = self._faults.blame(peer, points, now.mono_ms)
        if standing >= Standing.UNWELCOME and peer in self._links:
            return [ClosePeer(peer=peer, reason=reason)]
        return []

    def _look(self, now: Now) -> list[LinkAction]:
        """Dial whom the number of links asks for, and look again when the next one is due."""
        outlook = Outlook(
            is_free=lambda key: self._is_free(key, now),
            groups=frozenset(self._chosen.values()),
            chosen=len(self._chosen),
            outbound=self.outbound_count,
        )
        dials, delay_ms = self._dialling.choose(self._book, outlook, now)
        look_ms = now.mono_ms + delay_ms
        # One timer is enough: a later look than the one that is set is found by that one.
        if self._look_ms is None or look_ms < self._look_ms or self._look_ms <= now.mono_ms:
            self._look_ms = look_ms
            return [*dials, SetTimer(timer=Timer.DIAL, delay_ms=delay_ms)]
        return list[LinkAction](dials)

    def _is_free(self, key: NodeId, now: Now) -> bool:
        peer = PeerId(key)
        link = self._links.get(peer)
        # A link made on demand is no reason to choose another node.
        is_linked = link is not None and (not link.outbound or self._is_own(peer, link))
        return (
            not is_linked
            and peer not in self._leaving
            and key not in self._kept
            and self._faults.is_welcome(peer, now.mono_ms)
        )

    def _replace(self, now: Now) -> list[LinkAction]:
        """Give up one chosen link for another, one at a time: none of them serves."""
        others = self._book.new_count + self._book.tried_count - len(self._chosen)
        is_early = self._replaced_ms is not None and now.mono_ms - self._replaced_ms < _REPLACE_MS
        if is_early or others <= 0 or not self._chosen:
            return []
        self._replaced_ms = now.mono_ms
        (self._replaced,) = self._chance.sample(list(self._chosen), 1)
        return [ClosePeer(peer=self._replaced, reason=Reason.CLOSED)]

    # --- records ------------------------------------------------------------------------------

    def _take_answer(self, peer: PeerId, answer: RecordsAnswer, now: Now) -> list[LinkAction]:
        actions: list[LinkAction] = []
        raws = self._introductions.accepted(peer, answer, now)
        for raw in raws:
            actions += self._hear(peer, raw, now)
        return [*actions, *self._look(now)] if raws else []

    def _hear(
        self, peer: PeerId, raw: bytes, now: Now, *, of: NodeId | None = None
    ) -> list[LinkAction]:
        """Take a record from a peer; `of` names the one node that it was asked about, if any."""
        link = self._links.get(peer)
        source, first_hand = (link.group, link.record) if link is not None else ("", None)
        try:
            if of is not None and self._read(raw).key != of:
                return []
            return self._introductions.hear(raw, now, source=source, first_hand=first_hand)
        except RemoteProtocolError as error:
            return self._blame(peer, error.reason, int(error.severity), now)

    # --- time ---------------------------------------------------------------------------------

    def _start(self, event: Started, now: Now) -> list[LinkAction]:
        nobody = NodeMemory()
        for raw in event.records:
            try:
                record = self._read(raw)
            except RemoteProtocolError:
                # Written by another version, or for another network: others will tell us anew.
                continue
            self._book.restore(record, event.memories.get(record.key, nobody), now.wall_ms)
        self._anchors = event.anchors
        self._dialling.begin_with(list(event.anchors))
        return self._look(now)

    def _timed(self, timer: Timer, now: Now) -> list[LinkAction]:
        match timer:
            case Timer.DIAL:
                self._look_ms = None
                return self._look(now)
            case Timer.SWEEP:
                self._is_settled = True
                # Records are believed for a day; asking keeps them fresh on links that last.
                asked = self._chance.sample(list(self._links), 1)
                questions = [self._introductions.ask(peer) for peer in asked]
                ended = self._room.sweep(now)
                return [*questions, *ended, *self._note_anchors(now), *self._release(now)]
            case Timer.HEARTBEAT:
                return self._tell_outbound()
            case Timer.CATCH_UP | Timer.BATCH | Timer.PULL | Timer.EMBARGO:
                return []
            case _:
                assert_never(timer)

    def _note_anchors(self, now: Now) -> list[LinkAction]:
        """Keep the names of links that lasted and served, to begin with them next time.

        Hostile nodes are always there and honest ones are not: if to last were enough, in the end
        they would all be hostile. Nobody takes the place of one kept before without having served.
        """
        lasting = [
            NodeId(peer)
            for peer in self._chosen
            if now.mono_ms - self._links[peer].since_ms >= SETTLED_MS
        ]
        served = [key for key in lasting if self._firsts(PeerId(key))]
        ranked = dict.fromkeys([*served, *self._anchors, *lasting])
        anchors = tuple(ranked)[: limits.anchors]
        if not anchors or anchors == self._anchors:
            return []
        self._anchors = anchors
        return [SaveAnchors(keys=anchors)]

    def _release(self, now: Now) -> list[LinkAction]:
        """Let go of one who is everybody's first peer, when somebody else can be had."""
        firsts = [peer for peer in self._chosen if self._links[peer].is_first_peer]
        if not firsts or len(self._chosen) <= limits.links_needed:
            return []
        for key in self._book.draws(self._chance, now.wall_ms):
            node = self._book.node(key)
            roles = node.record.roles if node is not None else ()
            is_plain = Role.RELAY in roles and Role.BOOTSTRAP not in roles
            if is_plain and self._is_free(key, now) and not self._dialling.failures_of(key):
                return [ClosePeer(peer=firsts[0], reason=Reason.CLOSED)]
        return []

    def _tell_outbound(self) -> list[LinkAction]:
        """Tell those this node dialled, when it has clearly more or fewer such links than said."""
        outbound = self.outbound_count
        if abs(outbound - self._told) < _TOLD_STEP:
            return []
        self._told = outbound
        message = Outbound(count=min(outbound, limits.outbound_told_max))
        return [
            SendMessage(peer=peer, message=message, priority=Priority.CONTROL)
            for peer, link in self._links.items()
            if link.outbound
        ]
