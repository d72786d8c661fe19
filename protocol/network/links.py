"""Links: who is at the other ends, whose word is believed, and whom to dial next.

Keeps the peers that are linked, the book of known nodes, the fault points, and as many outbound
links to relays as the design asks for, so that losing one cuts nobody off. Enters: events and the
moment. Leaves: actions. Never: an address that came from a cast, a peer judged by hearsay.
Source: docs/protocol/06-gossip.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median_low
from typing import Final, assert_never

from protocol import limits
from protocol.channel.messages import Hello, RecordsAnswer, RecordsQuery, Refused, WhoIsAnswer
from protocol.channel.priority import Priority
from protocol.errors import MessageError, ObjectError, Reason, RemoteProtocolError
from protocol.ids import NodeId, PeerId
from protocol.network.actions import (
    ClosePeer,
    LinkAction,
    SaveRecord,
    SendMessage,
    SetTimer,
    Timer,
)
from protocol.network.addresses import Book, NodeRecord, Role, dialable, read_record
from protocol.network.chance import Chance
from protocol.network.dialling import Dialling
from protocol.network.events import (
    DialFailed,
    LinkEvent,
    NodeAsked,
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
from protocol.network.interest import check_interest
from protocol.network.standing import Faults
from protocol.now import Now

_QUESTIONS: Final = 2**30
"""Questions for records are numbered from here, those for pages below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A linked peer."""

    record: NodeRecord
    """What it says of itself."""
    outbound: bool
    """Whether this node dialled."""
    address: str
    """Where it was dialled, or its IP address."""
    since_ms: int
    """Monotonic ms of its `Hello`."""
    clock_ms: int
    """Its wall clock, Unix ms, at its `Hello`."""
    agent: str
    """Name of its software, as it says."""


class Links:
    """The machine of one node."""

    def __init__(self, *, net: str, own: NodeId, chance: Chance, outbound_max: int) -> None:
        """Start without links; `Started` is the first event.

        Args:
            net: network id.
            own: our transport key.
            chance: whom to dial, whom to ask, which records to hand on.
            outbound_max: outbound links to keep.
        """
        self._net = net
        self._chance = chance
        self._links: dict[PeerId, Link] = {}
        self._book = Book(own=own)
        self._faults = Faults()
        self._dialling = Dialling(chance=chance, outbound_max=outbound_max)
        self._own: NodeRecord | None = None
        self._questions: dict[PeerId, int] = {}
        self._next_answer_ms: dict[PeerId, int] = {}
        self._number = 0
        self._kept: frozenset[NodeId] = frozenset()

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
        return self._own is not None and Role.RELAY in self._own.roles

    def outbound_relays(self) -> list[PeerId]:
        """List the relays this node dialled, in the order of linking."""
        return [
            peer
            for peer, link in self._links.items()
            if link.outbound and Role.RELAY in link.record.roles
        ]

    def fault_points(self, peer: PeerId, now: Now) -> float:
        """Give the fault points a key has left."""
        return self._faults.points(peer, now.mono_ms)

    def may_push(self, peer: PeerId, mono_ms: int) -> bool:
        """Tell whether a key's faults leave it a push place at a moment."""
        return self._faults.points(peer, mono_ms) < limits.fault_points_no_push

    def clock_offset_ms(self, now: Now) -> int | None:
        """Give the median of the peers' clocks against ours; None while too few are linked.

        Their clocks are carried on by our monotonic one, so that a jump of ours shows at once.
        """
        offsets = self.clock_offsets_ms(now)
        return median_low(offsets) if len(offsets) >= limits.clock_peers_min else None

    def clock_offsets_ms(self, now: Now) -> list[int]:
        """Give how far each linked peer's clock is ahead of ours, in the order of linking."""
        return [
            link.clock_ms + now.mono_ms - link.since_ms - now.wall_ms
            for link in self._links.values()
        ]

    def check_hello(self, hello: Hello, peer: NodeId, now: Now) -> NodeRecord:
        """Judge the first word of a peer whose key is proved; asked before its link is open.

        A record that has grown old is no reason to refuse its author, whose clock may be wrong;
        only the book does not take it.

        Raises:
            RemoteProtocolError: the record is no record or of another network; MISMATCH when it is
                of another key; POLICY when the key is refused for its faults; BAD_SHAPE or
                OUT_OF_RANGE for an interest that is none.
        """
        if self._faults.is_banned(PeerId(peer), now.mono_ms):
            raise MessageError(Reason.POLICY, "refused for an hour, for what it sent before")
        record = read_record(hello.record, net=self._net)
        if record.key != peer:
            raise ObjectError(Reason.MISMATCH, "the record of another node", field="record")
        if hello.interest is not None:
            check_interest(hello.interest)
        return record

    # --- the one way in -----------------------------------------------------------------------

    def handle(self, event: LinkEvent, now: Now) -> list[LinkAction]:
        """Take one event; perform every returned action, in order."""
        match event:
            case PeerJoined() | PeerLost() | DialFailed():
                actions = self._changed(event, now)
            case PeerFaulted(peer=peer, reason=reason, points=points):
                actions = self._blame(peer, reason, points, now)
            case RecordsAsked() | NodeAsked():
                actions = self._answer(event, now)
            case RecordsAnswered(peer=peer, answer=answer):
                actions = self._take_answer(peer, answer, now)
            case RecordFound(peer=peer, raw=raw):
                actions = self._hear(peer, raw, now)
            case RecordSigned(record=record):
                self._own = record
                actions = []
            case PeersKept(keys=keys):
                self._kept = keys
                actions = self._dial(now)
            case Started(records=records):
                actions = self._start(records, now)
            case TimerFired(timer=timer):
                actions = self._timed(timer, now)
            case _:
                assert_never(event)
        return actions

    # --- links --------------------------------------------------------------------------------

    def _changed(self, event: PeerJoined | PeerLost | DialFailed, now: Now) -> list[LinkAction]:
        match event:
            case PeerJoined():
                return self._joined(event, now)
            case PeerLost(peer=peer):
                link = self._links.pop(peer, None)
                self._questions.pop(peer, None)
                self._next_answer_ms.pop(peer, None)
                if link is not None and link.outbound:
                    self._dialling.lost(NodeId(peer), now.mono_ms - link.since_ms, now.mono_ms)
            case DialFailed(key=key, outcome=outcome):
                if self._dialling.failed(key, outcome, now.mono_ms):
                    self._book.forget_hints(key)
            case _:
                assert_never(event)
        return self._dial(now)

    def _joined(self, event: PeerJoined, now: Now) -> list[LinkAction]:
        peer = event.peer
        record = read_record(event.hello.record, net=self._net)
        self._links[peer] = Link(
            record=record,
            outbound=event.outbound,
            address=event.address,
            since_ms=now.mono_ms,
            clock_ms=event.hello.clock_ms,
            agent=event.hello.agent,
        )
        self._dialling.joined(NodeId(peer))
        actions: list[LinkAction] = []
        if self._book.add(record, proven=True, wall_ms=now.wall_ms):
            actions.append(SaveRecord(record=record, is_proven=True))
        return [*actions, self._ask(peer), *self._dial(now)]

    def _blame(self, peer: PeerId, reason: Reason, points: int, now: Now) -> list[LinkAction]:
        if self._faults.blame(peer, points, now.mono_ms) and peer in self._links:
            return [ClosePeer(peer=peer, reason=reason)]
        return []

    def _dial(self, now: Now) -> list[LinkAction]:
        """Dial whom the number of links asks for, and look again when the next one is due."""
        relays = [
            record
            for record in self._book.with_role(Role.RELAY, now.wall_ms)
            if dialable(record)
            and record.key not in self._kept
            and not self._faults.is_banned(PeerId(record.key), now.mono_ms)
        ]
        # Links the owner asked for come on top: they must never take the place of a chosen one.
        linked = {
            NodeId(peer): link.outbound and NodeId(peer) not in self._kept
            for peer, link in self._links.items()
        }
        dials, delay_ms = self._dialling.choose(relays, linked, now.mono_ms)
        return [*dials, SetTimer(timer=Timer.DIAL, delay_ms=delay_ms)]

    # --- records ------------------------------------------------------------------------------

    def _ask(self, peer: PeerId) -> LinkAction:
        self._number = (self._number + 1) % _QUESTIONS
        self._questions[peer] = _QUESTIONS + self._number
        query = RecordsQuery(request=self._questions[peer], count=limits.records_per_answer_max)
        return SendMessage(peer=peer, message=query, priority=Priority.CONTROL)

    def _answer(self, event: RecordsAsked | NodeAsked, now: Now) -> list[LinkAction]:
        peer = event.peer
        message: RecordsAnswer | WhoIsAnswer | Refused
        if isinstance(event, NodeAsked):
            found = self._find(NodeId(event.query.key), now)
            record = found.raw if found else None
            message = WhoIsAnswer(request=event.query.request, record=record)
        elif now.mono_ms < self._next_answer_ms.get(peer, 0):
            message = Refused(request=event.query.request, reason=Reason.OVER_BUDGET)
        else:
            self._next_answer_ms[peer] = now.mono_ms + limits.records_pause_ms
            message = RecordsAnswer(
                request=event.query.request, records=self._sample(peer, event.query.count, now)
            )
        return [SendMessage(peer=peer, message=message, priority=Priority.PULL)]

    def _find(self, key: NodeId, now: Now) -> NodeRecord | None:
        if self._own is not None and key == self._own.key:
            return self._own
        return self._book.find(key, now.wall_ms)

    def _sample(self, peer: PeerId, count: int, now: Now) -> list[bytes]:
        """Choose records for a peer; our own leads, since the one of our `Hello` grows old."""
        own = [self._own.raw] if self._own is not None else []
        others = self._book.sample(
            count - len(own), chance=self._chance, wall_ms=now.wall_ms, without=NodeId(peer)
        )
        return own + [record.raw for record in others]

    def _take_answer(self, peer: PeerId, answer: RecordsAnswer, now: Now) -> list[LinkAction]:
        if self._questions.get(peer) != answer.request:
            return []
        del self._questions[peer]
        actions: list[LinkAction] = []
        for raw in answer.records:
            actions += self._hear(peer, raw, now)
        return [*actions, *self._dial(now)]

    def _hear(self, peer: PeerId, raw: bytes, now: Now) -> list[LinkAction]:
        """Take a record from a peer: first hand when it is the peer's own, else a hint."""
        try:
            record = read_record(raw, net=self._net)
        except RemoteProtocolError as error:
            return self._blame(peer, error.reason, int(error.severity), now)
        link = self._links.get(peer)
        is_proven = (
            link is not None
            and record.key == NodeId(peer)
            and record.sign_key == link.record.sign_key
        )
        if self._book.add(record, proven=is_proven, wall_ms=now.wall_ms):
            return [SaveRecord(record=record, is_proven=is_proven)]
        return []

    # --- time ---------------------------------------------------------------------------------

    def _start(self, records: tuple[bytes, ...], now: Now) -> list[LinkAction]:
        for raw in records:
            try:
                record = read_record(raw, net=self._net)
            except RemoteProtocolError:
                # Written by another version, or for another network: others will tell us anew.
                continue
            self._book.add(record, proven=False, wall_ms=now.wall_ms)
        return self._dial(now)

    def _timed(self, timer: Timer, now: Now) -> list[LinkAction]:
        match timer:
            case Timer.DIAL:
                return self._dial(now)
            case Timer.SWEEP:
                self._book.sweep(now.wall_ms)
                # Records are believed for a day; asking keeps them fresh on links that last.
                return [self._ask(peer) for peer in self._chance.sample(list(self._links), 1)]
            case Timer.HEARTBEAT | Timer.CATCH_UP | Timer.BATCH | Timer.PULL | Timer.EMBARGO:
                return []
            case _:
                assert_never(timer)
