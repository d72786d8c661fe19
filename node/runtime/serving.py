"""Serving: reads wanted objects from disk and sends them, peer by peer, as fast as each takes them.

Enters: `ServeObjects` actions. Leaves: `Objects` and `Missing` to the peer, `ObjectLost` to the
engine. Peers take turns, a slow one waits for its own queue only, and what one may have waiting is
bounded: beyond it the answer is `Missing`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable

from node.errors import StorageError
from node.network.connection import Connection
from node.storage import objects
from node.storage.database import Storage
from protocol import limits
from protocol.channel.messages import Missing
from protocol.channel.priority import Priority
from protocol.ids import ObjectId, PeerId
from protocol.network.carried import objects_messages
from protocol.network.events import EngineEvent, ObjectLost
from protocol.network.live import prefix_of

_LOG = logging.getLogger(__name__)
_TURN_MAX = 64
"""Objects read for one peer before the next has its turn."""
_WAITING_MAX = 4 * limits.ids_per_message_max
"""Objects one peer may have waiting; guess."""
_QUEUE_BYTES_MAX = limits.peer_queue_bytes_max // 4
"""Bytes in a peer's queue above which it is passed over for the moment."""
_PAUSE_S = 0.05
"""Rest while every peer is passed over, s."""


class Serving:
    """What peers asked for, waiting to be read."""

    def __init__(
        self,
        storage: Storage,
        *,
        link_of: Callable[[PeerId], Connection | None],
        on_event: Callable[[EngineEvent], None],
    ) -> None:
        """Prepare; `run` serves.

        Args:
            storage: the home's database.
            link_of: the open link to a peer.
            on_event: hears of objects that are gone from disk.
        """
        self._storage = storage
        self._link_of = link_of
        self._on_event = on_event
        self._waiting: OrderedDict[PeerId, deque[ObjectId]] = OrderedDict()
        self._ready = asyncio.Event()

    def put(self, peer: PeerId, ids: tuple[ObjectId, ...]) -> None:
        """Queue objects for a peer."""
        waiting = self._waiting.setdefault(peer, deque())
        room = _WAITING_MAX - len(waiting)
        waiting.extend(ids[:room])
        self._refuse(peer, ids[room:])
        self._ready.set()

    def _refuse(self, peer: PeerId, ids: tuple[ObjectId, ...]) -> None:
        link = self._link_of(peer)
        if ids and link is not None:
            link.send(Missing(ids=[prefix_of(each) for each in ids]), Priority.PULL)

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._waiting:
                served = [await self._try_turn(peer) for peer in list(self._waiting)]
                if not any(served):
                    await asyncio.sleep(_PAUSE_S)

    async def _try_turn(self, peer: PeerId) -> bool:
        """Serve one peer; what cannot be read now is asked for again, here or elsewhere."""
        try:
            return await self._turn(peer)
        except StorageError as error:
            _LOG.error("wanted objects cannot be read: %s", error)
            return False

    async def _turn(self, peer: PeerId) -> bool:
        """Serve one peer for a while; tells whether it took anything."""
        waiting = self._waiting[peer]
        link = self._link_of(peer)
        if link is None or not waiting:
            del self._waiting[peer]
            return True
        if link.bytes_waiting > _QUEUE_BYTES_MAX:
            return False
        ids = [waiting.popleft() for _ in range(min(_TURN_MAX, len(waiting)))]
        found = await self._storage.read(lambda db: objects.load_raws(db, ids))
        raws = [found[each] for each in ids if each in found]
        for action in objects_messages(peer, raws, Priority.PULL):
            link.send(action.message, action.priority)
        gone = tuple(each for each in ids if each not in found)
        self._refuse(peer, gone)
        for each in gone:
            self._on_event(ObjectLost(id=each))
        return True
