"""The world: a heap of what will happen, one clock, one generator, and the hands of every node.

Each node's mind is asked by `handle(event, now)` and by nothing else; its actions are performed
here as the product's runtime would perform them, with time in place of sockets. Time is whole
microseconds, chance is one seeded generator, and everything that happens goes into the trace.
Enters: nodes, jobs, a span of time. Leaves: whatever the observers saw. Never here: a rule of the
protocol, a decision for a node, an action that nobody knows how to perform.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from protocol.channel.messages import Ids, Message, Missing, Objects
from protocol.channel.priority import Priority
from protocol.errors import RemoteProtocolError
from protocol.ids import ObjectId, PeerId
from protocol.network.actions import (
    ClosePeer,
    DialPeer,
    DropExpired,
    DropObject,
    Notify,
    SaveAnchors,
    SaveReached,
    SaveRecord,
    SendMessage,
    ServeObjects,
    SetTimer,
    StoreObject,
    VerifyBatch,
)
from protocol.network.carried import objects_messages
from protocol.network.events import (
    MessageReceived,
    ObjectLost,
    ObjectStored,
    PeerFaulted,
    PeerLost,
    TimerFired,
    Unverified,
    VerifyFinished,
)
from protocol.network.live import prefix_of
from protocol.now import Now
from protocol.objects import envelope
from protocol.objects.envelope import Candidate
from tests.simulation.net.doors import Doors
from tests.simulation.net.nodes import Node
from tests.simulation.net.terrain import Terrain
from tests.simulation.net.trace import Trace, word_of
from tests.simulation.net.wires import (
    FRAME_BYTES,
    FRAME_MAX,
    NEVER,
    PROCESSING_US,
    Wire,
    is_losable,
)

WALL_MS = 1_795_305_600_000
"""The moment every run begins: 2026-11-22, midnight UTC."""
_encode = msgspec.msgpack.Encoder().encode


class Observer:
    """Who watches a world; every method may be replaced, none may change anything."""

    def on_sent(self, wire: Wire, message: Message, size: int) -> None:
        """Take down a message that went out, with its encoded size."""

    def on_frame(self, wire: Wire, size: int) -> None:
        """Take down a frame, with all that it adds."""

    def on_new(self, node: Node, object_id: ObjectId, at_us: int) -> None:
        """Take down an object that reached the parties of a node."""

    def on_ended(self, node: Node, peer: PeerId, reason: str) -> None:
        """Take down a link that a node ended, and why."""

    def on_link(self, one: Node, other: Node, *, is_open: bool) -> None:
        """Take down a link that came, or went."""

    def on_wire(self, wire: Wire) -> None:
        """See a new wire, and perhaps give it a rate."""

    def on_dial(self, node: Node, outcome: str) -> None:
        """Take down the end of a dial."""


class World:
    """One simulated network."""

    def __init__(
        self,
        *,
        seed: int,
        terrain: Callable[[Random], Terrain],
        loss: float = 0.0,
        net: str = "test",
    ) -> None:
        """Make an empty world.

        Args:
            seed: everything follows from it.
            terrain: makes the lie of the land.
            loss: part of the frames that get lost, of those that may.
            net: network id.
        """
        self.seed = seed
        self.chance = Random(seed)
        self.terrain = terrain(self.chance)
        self.loss = loss
        self.net = net
        self.at_us = 0
        self.nodes: list[Node] = []
        self.by_key: dict[PeerId, Node] = {}
        self.trace = Trace()
        self.watch: list[Observer] = []
        self.shelf: dict[bytes, bytes] = {}
        """Bytes of every object there is, by id: a node that holds an object has it on disk."""
        self.unheard: tuple[type, ...] = ()
        """Messages that never leave."""
        self.is_cut: Callable[[Node, Node], bool] | None = None
        """Tells which two nodes cannot reach each other, while a partition lasts."""
        self.doors = Doors(self)
        self.is_over = False
        """Set by whoever has seen enough."""
        self._heap: list[tuple[int, int, Any, Any]] = []
        self._number = 0
        self._now = Now(wall_ms=WALL_MS, mono_ms=0)
        self._queue: list[Any] = []
        self._outbox: dict[Wire, list[tuple[Message, int, bytes]]] = {}
        self._hands: dict[type, Callable[[Node, Any], None]] = {
            SendMessage: self._send,
            SetTimer: self._set_timer,
            VerifyBatch: self._verify,
            StoreObject: self._store,
            Notify: self._notify,
            ServeObjects: self._serve,
            ClosePeer: self._close,
            DialPeer: self.doors.dial,
            DropObject: _nothing,
            DropExpired: _nothing,
            SaveRecord: _nothing,
            SaveReached: _nothing,
            SaveAnchors: _nothing,
        }

    # --- time ---------------------------------------------------------------------------------

    def later(self, at_us: int, target: Callable[[], None]) -> None:
        """Have a job done at a moment."""
        self._number += 1
        heapq.heappush(self._heap, (at_us, self._number, None, target))

    def run(self, until_us: int, *, each: Callable[[int], None] | None = None) -> None:
        """Let happen what happens up to and at a moment.

        Args:
            until_us: afterwards it is this late.
            each: called now and then with the moment, to show progress.
        """
        heap, turn, pop = self._heap, self.turn, heapq.heappop
        wires, shown = Wire, 0
        while heap and heap[0][0] <= until_us and not self.is_over:
            at_us, _, target, what = pop(heap)
            self.at_us = at_us
            self.trace.events += 1
            if type(target) is wires:
                dst, peer = target.dst, target.src.key
                if dst.is_up and dst.wires.get(peer) is target.twin:
                    turn(dst, [MessageReceived(peer=peer, message=each_) for each_ in what])
            elif target is None:
                what()
            else:
                timer, number = what
                if target.timers.get(timer) == number and target.is_up:
                    del target.timers[timer]
                    turn(target, [TimerFired(timer=timer)])
            if each is not None and at_us - shown >= 500_000:
                shown = at_us
                each(at_us)
        if not self.is_over:
            self.at_us = until_us

    def now_of(self, node: Node) -> Now:
        """Read a node's clocks."""
        mono_ms = self.at_us // 1_000
        if node.skew_ms:
            return Now(wall_ms=WALL_MS + mono_ms + node.skew_ms, mono_ms=mono_ms)
        if self._now.mono_ms != mono_ms:
            self._now = Now(wall_ms=WALL_MS + mono_ms, mono_ms=mono_ms)
        return self._now

    # --- one node's turn ----------------------------------------------------------------------

    def act(self, node: Node, actions: list[Any]) -> None:
        """Perform what a mind does of itself, and what follows from it."""
        self._queue = []
        for action in actions:
            self._hands[type(action)](node, action)
        self.turn(node, self._queue)

    def turn(self, node: Node, events: list[Any]) -> None:
        """Let a node take events, perform what it answers, and send what it has to say."""
        handle, now, hands = node.mind.handle, self.now_of(node), self._hands
        words = [self.trace.turn(self.at_us, node.number)]
        self._queue = events
        for event in events:
            # What a message says was taken down when it was sent.
            words.append(event.peer if type(event) is MessageReceived else word_of(event))
            try:
                actions = handle(event, now)
            except RemoteProtocolError as error:
                events.append(
                    PeerFaulted(peer=event.peer, reason=error.reason, points=int(error.severity))
                )
                continue
            for action in actions:
                kind = type(action)
                if kind is not SendMessage:
                    words.append(word_of(action))
                hands[kind](node, action)
        outbox = self._outbox
        if outbox:
            self._outbox = {}
            for wire, messages in outbox.items():
                words.append(wire.dst.key)
                words.extend([each[2] for each in messages])
                self._flush(wire, messages)
        self.trace.add(words)

    def tell(self, node: Node, event: Any) -> None:
        """Add an event to the turn that a node has now."""
        self._queue.append(event)

    def _set_timer(self, node: Node, action: SetTimer) -> None:
        self._number += 1
        node.timers[action.timer] = self._number
        entry = (
            self.at_us + action.delay_ms * 1_000,
            self._number,
            node,
            (action.timer, self._number),
        )
        heapq.heappush(self._heap, entry)

    # --- sending ------------------------------------------------------------------------------

    def _send(self, node: Node, action: SendMessage) -> None:
        wire = node.wires.get(action.peer)
        if wire is None or type(action.message) in self.unheard:
            return
        message, priority = action.message, int(action.priority)
        raw = _encode(message)
        if wire._waiting and not wire.has_room(len(raw), action.priority, self.at_us):
            if not isinstance(message, Objects):
                return
            names = [prefix_of(envelope.read_candidate(each, peer=None, bytes_max=1 << 20).id)
                     for each in message.raws]  # fmt: skip
            message, priority = Ids(ids=names), int(Priority.PULL)
            raw = _encode(message)
        waiting = self._outbox.get(wire)
        if waiting is None:
            self._outbox[wire] = [(message, priority, raw)]
        else:
            waiting.append((message, priority, raw))

    def _flush(self, wire: Wire, messages: list[tuple[Message, int, bytes]]) -> None:
        """Put what a node says to one peer in one turn on the wire."""
        uplink = wire.src.uplink
        if uplink is None or uplink.is_idle(self.at_us):
            self._frame(wire, messages, urgent=False)
            return
        push = int(Priority.PUSH)
        urgent = [each for each in messages if each[1] < push]
        bulk = [each for each in messages if each[1] >= push]
        if urgent:
            self._frame(wire, urgent, urgent=True)
        if bulk:
            self._frame(wire, bulk, urgent=False)

    def _frame(
        self, wire: Wire, messages: list[tuple[Message, int, bytes]], *, urgent: bool
    ) -> None:
        size = 0
        for message, _, raw in messages:
            size += len(raw)
            for observer in self.watch:
                observer.on_sent(wire, message, len(raw))
        size += FRAME_BYTES * (1 + size // FRAME_MAX)
        for observer in self.watch:
            observer.on_frame(wire, size)
        left_us = wire.depart(size, self.at_us, urgent=urgent)
        if left_us == NEVER:
            return
        if self.loss and self._is_lost(messages):
            return
        swing = 1 + self.terrain.jitter * (2 * self.chance.random() - 1)
        arrived = left_us + int(wire.one_way_us * swing) + PROCESSING_US
        arrived = max(arrived, wire.arrived_us[urgent])
        wire.arrived_us[urgent] = arrived
        self._number += 1
        heapq.heappush(self._heap, (arrived, self._number, wire, [each[0] for each in messages]))

    def _is_lost(self, messages: list[tuple[Message, int, bytes]]) -> bool:
        may_be = all(is_losable(each[0]) for each in messages)
        return may_be and self.chance.random() < self.loss

    # --- the disk and the parties -------------------------------------------------------------

    def _verify(self, node: Node, action: VerifyBatch) -> None:
        outcomes = tuple(_opened(candidate, self.net) for candidate in action.candidates)
        self._queue.append(VerifyFinished(outcomes=outcomes))

    def _store(self, node: Node, action: StoreObject) -> None:
        verified = action.verified
        self.shelf.setdefault(verified.id, verified.raw)
        self._queue.append(ObjectStored(id=verified.id, is_new=True))

    def _notify(self, node: Node, action: Notify) -> None:
        for observer in self.watch:
            observer.on_new(node, action.verified.id, self.at_us)

    def _serve(self, node: Node, action: ServeObjects) -> None:
        raws, gone = [], []
        for each in action.ids:
            raw = self.shelf.get(each)
            if raw is None:
                gone.append(each)
            else:
                raws.append(raw)
        for message in objects_messages(action.peer, raws, Priority.PULL):
            self._send(node, message)
        if gone:
            missing = Missing(ids=[prefix_of(each) for each in gone])
            self._send(node, SendMessage(peer=action.peer, message=missing, priority=Priority.PULL))
            for each in gone:
                self._queue.append(ObjectLost(id=each))

    def _close(self, node: Node, action: ClosePeer) -> None:
        wire = node.wires.get(action.peer)
        if wire is None:
            return
        for observer in self.watch:
            observer.on_ended(node, action.peer, action.reason.value)
        self.doors.part(wire)
        self._queue.append(PeerLost(peer=action.peer))


def _nothing(_node: Node, _action: Any) -> None:
    """Do nothing: the disk of a simulated node forgets nothing and fails never."""


def _opened(candidate: Candidate, net: str) -> Any:
    try:
        return envelope.open_envelope(candidate, net=net)
    except RemoteProtocolError as error:
        return Unverified(id=candidate.id, reason=error.reason)
