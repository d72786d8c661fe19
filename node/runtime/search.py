"""Looking for a node by its key: one looks, the others wait for what it finds.

Everybody who has a box at a mailbox that died asks for the way there, and asks relays for tunnels
to it; each look may cost a dial that nobody answers and a question to every peer. So there is one
look at a time for a key, and after one that failed the next waits, ever longer, unless there is
news of where the node is. Enters: keys. Leaves: links, or why there is none. Never here: a dial, an
address, a key that nobody has a record of kept from being asked for.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

from node.clock import Clock
from node.errors import TransportError
from node.network.connection import Connection
from protocol.ids import NodeId

REST_MS: Final = 1_000
"""How long a node that was not found is not looked for; doubled each time. Guess."""
REST_MS_MAX: Final = 4_000
"""Short beside the retries of letters: who comes back is not to be missed. Guess."""
FAILED_MAX: Final = 1_000
"""Nodes whose failures are remembered; guess."""
_DOUBLINGS_MAX: Final = 8


class Spawn(Protocol):
    """Runs something in the background."""

    def __call__(self, coro: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Begin it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """What is remembered of a node that was not found."""

    error: TransportError
    count: int
    """In a row."""
    until_ms: int
    """Monotonic ms up to which nobody looks again."""
    known: object
    """What was known of it then."""


class Search:
    """The looks of one node."""

    def __init__(
        self,
        find: Callable[[NodeId], Awaitable[Connection]],
        *,
        known: Callable[[NodeId], object],
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        """Begin with none under way.

        Args:
            find: looks for a node, once; raises TransportError.
            known: what is known of where a node is; false for nothing.
            clock: when a look may be repeated.
            spawn: looks go on when whoever asked first has gone.
        """
        self._find = find
        self._known = known
        self._clock = clock
        self._spawn = spawn
        self._looks: dict[NodeId, asyncio.Task[Connection | TransportError]] = {}
        self._failed: OrderedDict[NodeId, _Failure] = OrderedDict()

    async def find(self, key: NodeId) -> Connection:
        """Give the link that a look finds: one under way, or a new one.

        Raises:
            TransportError: why there is none, or was none a moment ago.
        """
        look = self._looks.get(key)
        if look is None:
            failure = self._failed.get(key)
            if failure is not None and self._is_resting(key, failure):
                raise _anew(failure.error)
            look = self._spawn(self._look(key), f"looks for {key.hex()[:8]}")
            self._looks[key] = look
            look.add_done_callback(lambda _: self._looks.pop(key))
        # Whoever gives up does not take the others' look away.
        found = await asyncio.shield(look)
        if isinstance(found, TransportError):
            raise _anew(found)
        return found

    def _is_resting(self, key: NodeId, failure: _Failure) -> bool:
        is_early = self._clock.now().mono_ms < failure.until_ms
        return is_early and self._known(key) == failure.known

    async def _look(self, key: NodeId) -> Connection | TransportError:
        try:
            link = await self._find(key)
        except TransportError as error:
            self._note(key, error)
            return error
        self._failed.pop(key, None)
        return link

    def _note(self, key: NodeId, error: TransportError) -> None:
        before = self._failed.pop(key, None)
        known = self._known(key)
        if not known:
            # A question costs little, and somebody may know by now.
            return
        count = before.count + 1 if before else 1
        rest_ms = min(REST_MS_MAX, REST_MS << min(count - 1, _DOUBLINGS_MAX))
        until_ms = self._clock.now().mono_ms + rest_ms
        self._failed[key] = _Failure(error=error, count=count, until_ms=until_ms, known=known)
        if len(self._failed) > FAILED_MAX:
            self._failed.popitem(last=False)


def _anew(error: TransportError) -> TransportError:
    """Make an error for one more who asked: one that is raised twice keeps both their frames."""
    return TransportError(error.sentence, code=error.code, fix=error.fix, field=error.field)
