"""The pump: events into the engine, actions out of it, performed in order.

Signatures are checked in the loop, in runs of at most 16, and the loop turns between runs; or,
where the operator chose so, by verify processes. Enters: events of links, disk and timers. Leaves:
messages, rows, dials, and new objects for the parties of this node. Never here: a decision; nothing
an action names is done twice or left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, assert_never

from node.clock import Clock
from node.meters import Meters
from node.network.connection import Connection
from node.network.gate import Gate
from node.runtime.serving import Serving
from node.runtime.shelf import Shelf
from node.runtime.tasks import Tasks
from node.runtime.timers import Timers
from node.runtime.verifiers import Verifiers
from node.storage.database import Storage
from protocol import limits
from protocol.channel.messages import Ids, Objects
from protocol.channel.priority import Priority
from protocol.engine import Engine
from protocol.errors import Reason, RemoteProtocolError
from protocol.ids import PeerId
from protocol.network.actions import (
    ClosePeer,
    DialPeer,
    DropExpired,
    DropObject,
    EngineAction,
    Notify,
    SaveAnchors,
    SaveReached,
    SaveRecord,
    SendMessage,
    ServeObjects,
    SetTimer,
    StoreObject,
    Timer,
    VerifyBatch,
)
from protocol.network.events import EngineEvent, TimerFired, Unverified, VerifyFinished
from protocol.network.live import prefix_of
from protocol.now import Now
from protocol.objects.envelope import (
    Candidate,
    Verified,
    open_envelope,
    read_candidate,
    signature_of,
)

_LOG = logging.getLogger(__name__)


class Pump:
    """Between one engine and the world.

    Attributes:
        gate: holds back the peers that send faster than signatures can be checked.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        net: str,
        clock: Clock,
        tasks: Tasks,
        storage: Storage,
        link_of: Callable[[PeerId], Connection | None],
        dial: Callable[[DialPeer], None],
        on_object: Callable[[Verified[Any]], None],
        meters: Meters | None = None,
        verify_processes: int = 0,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            engine: the machines.
            net: network id.
            clock: the time of every event.
            tasks: owner of the background work.
            storage: the home's database.
            link_of: the open link to a peer.
            dial: begins a dial, which ends in an event.
            on_object: hears of each new object, once it is on disk.
            meters: hears how old objects are that come.
            verify_processes: processes that check signatures; 0 checks them in the loop.
        """
        self._engine = engine
        self._net = net
        self._clock = clock
        self._tasks = tasks
        self._link_of = link_of
        self._dial = dial
        self._on_object = on_object
        self._meters = meters or Meters()
        self.gate = Gate(lambda peer: engine.gossip.is_crowded_by(PeerId(peer)))
        self._verifiers = Verifiers(verify_processes, tasks=tasks)
        self._shelf = Shelf(storage, clock=clock, on_event=self.feed)
        self._serving = Serving(storage, link_of=link_of, on_event=self.feed)
        self._timers = Timers(self._fired)
        self._shelving: asyncio.Task[Any] | None = None
        self._serving_task: asyncio.Task[Any] | None = None
        self._news: list[Verified[Any]] = []
        self._is_stopped = False

    @property
    def waiting_for_disk(self) -> int:
        """Actions not written yet."""
        return len(self._shelf)

    @property
    def is_running(self) -> bool:
        """Whether what the engine decides is done."""
        return self._shelving is not None and not self._is_stopped

    def start(self) -> None:
        """Begin to write and to serve."""
        self._verifiers.start()
        self._shelving = self._tasks.spawn(self._shelf.run(), "network shelf")
        self._serving_task = self._tasks.spawn(self._serving.run(), "network serving")

    async def stop(self) -> None:
        """Write what was decided, then stop."""
        self._is_stopped = True
        self._timers.stop()
        await self._verifiers.stop()
        if self._serving_task is not None:
            self._serving_task.cancel()
        self._shelf.close()
        if self._shelving is not None:
            await asyncio.wait([self._shelving])

    def feed(self, event: EngineEvent) -> None:
        """Hand the engine an event and perform what it answers.

        Raises:
            RemoteProtocolError: the event is a message that has no business on its own.
        """
        now = self._clock.now()
        for action in self._engine.handle(event, now):
            self._perform(action, now)

    def _fired(self, timer: Timer) -> None:
        self.feed(TimerFired(timer=timer))

    # --- performing ---------------------------------------------------------------------------

    def _perform(self, action: EngineAction, now: Now) -> None:
        match action:
            case SendMessage():
                self._send(action)
            case VerifyBatch(candidates=candidates):
                self._begin_run(candidates)
            case StoreObject(verified=verified):
                self._meters.object_age.add((now.wall_ms - verified.header.at) / 1_000)
                self._shelf.put(action)
            case DropObject() | DropExpired() | SaveRecord() | SaveReached() | SaveAnchors():
                self._shelf.put(action)
            case ServeObjects(peer=peer, ids=ids):
                self._serving.put(peer, ids)
            case _:
                self._perform_rare(action)

    def _perform_rare(self, action: Notify | SetTimer | ClosePeer | DialPeer) -> None:
        match action:
            case Notify(verified=verified):
                # Not called from here: a party that fails must not stop the pump.
                if not self._news:
                    asyncio.get_running_loop().call_soon(self._tell)
                self._news.append(verified)
            case SetTimer(timer=timer, delay_ms=delay_ms):
                if not self._is_stopped:
                    self._timers.set(timer, delay_ms)
            case ClosePeer(peer=peer, reason=reason, detail=detail):
                link = self._link_of(peer)
                if link is not None:
                    link.close(reason, detail)
            case DialPeer():
                if not self._is_stopped:
                    self._dial(action)
            case _:
                assert_never(action)

    def _tell(self) -> None:
        """Tell the parties what is new; one that fails at an object hears of the next."""
        news, self._news = self._news, []
        for verified in news:
            try:
                self._on_object(verified)
            except Exception:  # noqa: BLE001 - whatever it was, the pump goes on
                _LOG.exception("a party of this node failed at a new object")

    def _send(self, action: SendMessage) -> None:
        link = self._link_of(action.peer)
        if link is None or link.send(action.message, action.priority):
            return
        if isinstance(action.message, Objects):
            # A dropped payload becomes an announcement of its id.
            link.send(Ids(ids=[_name(raw) for raw in action.message.raws]), Priority.PULL)

    def _begin_run(self, candidates: tuple[Candidate, ...]) -> None:
        if self._verifiers.runs_max and not self._is_stopped:
            _ = self._tasks.spawn(self._verify_beside(candidates), "network verifies")
        else:
            # Not at once: what the sockets brought meanwhile has its turn first.
            asyncio.get_running_loop().call_soon(self._verify, candidates)

    async def _verify_beside(self, candidates: tuple[Candidate, ...]) -> None:
        """Have a run checked by another process; what nobody could say is checked here."""
        run = [signature_of(candidate, net=self._net) for candidate in candidates]
        self._verify(candidates, await self._verifiers.check(run))

    def _verify(self, candidates: tuple[Candidate, ...], are_signed: bytes | None = None) -> None:
        found = [None] * len(candidates) if are_signed is None else map(bool, are_signed)
        outcomes = tuple(
            self._open(candidate, is_signed=is_signed)
            for candidate, is_signed in zip(candidates, found, strict=True)
        )
        self.feed(VerifyFinished(outcomes=outcomes))
        self.gate.turn()

    def _open(self, candidate: Candidate, *, is_signed: bool | None) -> Verified[Any] | Unverified:
        try:
            return open_envelope(candidate, net=self._net, is_signed=is_signed)
        except RemoteProtocolError as error:
            return Unverified(id=candidate.id, reason=error.reason)
        except Exception:  # noqa: BLE001 - one object must never stop the run it stands in
            _LOG.exception("an object could not be checked; it is not taken")
            return Unverified(id=candidate.id, reason=Reason.POLICY)


def _name(raw: bytes) -> bytes:
    candidate = read_candidate(raw, peer=None, bytes_max=limits.public_bytes_max)
    return prefix_of(candidate.id)
