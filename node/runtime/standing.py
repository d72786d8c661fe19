"""Standing links: the nodes this one stays linked to because its owner said so.

Each is known by its key; where it is may change. A task for each tries the places the local network
tells of, the last proved one, and those of its own signed records, for ever, ever more rarely, and
at once when a new place is heard of. Enters: keys. Leaves: links, and the place each was proved at.
Never here: the choice whom to keep; trust in a place before the handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from node.clock import Clock
from node.entropy import Entropy
from node.errors import TransportError
from node.network.connection import Connection
from node.network.dialer import BACKOFF_S, BACKOFF_S_MAX, SETTLED_MS
from protocol.ids import NodeId

PLACES_MAX: Final = 8
"""Places tried in one turn."""
WAKE_PAUSE_MS: Final = 2_000
"""Shortest time between two turns that news of a place begins; guess."""
_DOUBLINGS_MAX: Final = 16
OTHER_NODE: Final = "E-PEER-KEY"
"""Code of the refusal that says: another node answers there."""


class Dials(Protocol):
    """What is asked of the network."""

    def link_to(self, node_id: NodeId) -> Connection | None:
        """Give the open link to a node."""
        ...

    async def dial(self, address: str, node_id: NodeId) -> Connection:
        """Link to a node at an address."""
        ...

    def addresses_of(self, node_id: NodeId) -> list[str]:
        """List where its own records say it is."""
        ...

    def keep_apart(self, keys: frozenset[NodeId]) -> None:
        """Name the nodes whose links come on top of the chosen ones."""
        ...


@dataclass(slots=True)
class Standing:
    """One node to stay linked to."""

    key: NodeId
    """Its transport key."""
    address: str | None
    """Where it was last proved to be."""
    failures: int = 0
    """Turns in a row that came to nothing."""
    error: TransportError | None = None
    """What the last one failed with."""
    tried_ms: int | None = None
    """Monotonic ms of the last turn."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends a pause."""
    turned: asyncio.Event = field(default_factory=asyncio.Event)
    """Set after the first turn."""
    task: asyncio.Task[None] | None = None
    """Keeps it."""


class StandingLinks:
    """All of them."""

    def __init__(
        self,
        network: Dials,
        *,
        clock: Clock,
        entropy: Entropy,
        spawn: Callable[[Coroutine[Any, Any, Any], str], asyncio.Task[Any]],
        nearby: Callable[[NodeId], list[str]],
        on_place: Callable[[NodeId, str], Coroutine[Any, Any, None]],
        on_false: Callable[[NodeId, str], None],
    ) -> None:
        """Start with none.

        Args:
            network: dials.
            clock: the time.
            entropy: spreads the pauses.
            spawn: runs background tasks.
            nearby: where the local network says a node is.
            on_place: keeps the place a node was proved at.
            on_false: hears of a place where another node answered.
        """
        self._network = network
        self._clock = clock
        self._entropy = entropy
        self._spawn = spawn
        self._nearby = nearby
        self._on_place = on_place
        self._on_false = on_false
        self._standing: dict[NodeId, Standing] = {}

    def __contains__(self, key: object) -> bool:
        """Tell whether a node is kept."""
        return key in self._standing

    @property
    def all(self) -> Mapping[NodeId, Standing]:
        """Each of them by key; to be read only."""
        return self._standing

    def keep(self, key: NodeId, address: str | None) -> None:
        """Stay linked to a node until `release`."""
        if standing := self._standing.get(key):
            standing.address = address or standing.address
            self.wake(key)
            return
        standing = Standing(key, address)
        self._standing[key] = standing
        self._network.keep_apart(frozenset(self._standing))
        standing.task = self._spawn(self._keep(standing), "keeps a neighbour")

    def release(self, key: NodeId) -> None:
        """Dial it no more; a link that is open stays."""
        standing = self._standing.pop(key, None)
        if standing is None:
            return
        if standing.task:
            standing.task.cancel()
        self._network.keep_apart(frozenset(self._standing))

    def stop(self) -> None:
        """Dial none of them any more."""
        for key in list(self._standing):
            standing = self._standing.pop(key)
            if standing.task:
                standing.task.cancel()

    def wake(self, key: NodeId) -> None:
        """Try a node now: a place for it was heard of. Not more often than `WAKE_PAUSE_MS`."""
        standing = self._standing.get(key)
        if standing is None or self._network.link_to(key):
            return
        waited_ms = self._clock.now().mono_ms - (standing.tried_ms or 0)
        if standing.tried_ms is None or waited_ms >= WAKE_PAUSE_MS:
            standing.failures = 0
            standing.wake.set()

    async def settle(self, key: NodeId, seconds: float) -> bool:
        """Wait for the first turn of a node; tells whether it is linked."""
        if standing := self._standing.get(key):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await standing.turned.wait()
        return self._network.link_to(key) is not None

    # --- keeping one ----------------------------------------------------------------------------

    async def _keep(self, standing: Standing) -> None:
        while True:
            started_ms = self._clock.now().mono_ms
            standing.tried_ms = started_ms
            # Here and not before the pause: news that comes during the turn must end that one.
            standing.wake.clear()
            link = self._network.link_to(standing.key) or await self._find(standing)
            standing.turned.set()
            if link is not None:
                standing.error = None
                await link.wait_closed()
                if self._clock.now().mono_ms - started_ms >= SETTLED_MS:
                    standing.failures = 0
            await self._pause(standing)

    async def _find(self, standing: Standing) -> Connection | None:
        """Try every place once."""
        for place in self._places(standing):
            try:
                link = await self._network.dial(place, standing.key)
            except TransportError as error:
                standing.error = error
                if error.code == OTHER_NODE:
                    self._on_false(standing.key, place)
            else:
                if link.outbound and place != standing.address:
                    standing.address = place
                    await self._on_place(standing.key, place)
                return link
        return None

    def _places(self, standing: Standing) -> list[str]:
        last = [standing.address] if standing.address else []
        key = standing.key
        found = [*self._nearby(key), *last, *self._network.addresses_of(key)]
        return list(dict.fromkeys(found))[:PLACES_MAX]

    async def _pause(self, standing: Standing) -> None:
        """Wait a random part of a ceiling that doubles, or until there is news."""
        ceiling_s = min(BACKOFF_S_MAX, BACKOFF_S * 2 ** min(standing.failures, _DOUBLINGS_MAX))
        standing.failures += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(self._entropy.jitter(0, ceiling_s)):
                await standing.wake.wait()
