"""Look-ups: finds the far ends of tunnels for peers that ask, each once, and remembers in vain.

A look-up may cost dials and questions to peers, and costs whoever asks for it one message. Enters:
keys of far ends. Leaves: links. Never here: two look-ups for one key at a time, or one again right
after it came to nothing.
Source: docs/protocol/17-tunnel.md, "Bounds".
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from node.clock import Clock
from node.errors import TransportError
from node.network.connection import Connection
from node.network.endpoint import Spawn
from protocol import limits
from protocol.ids import NodeId

_MS: Final = 1_000


class Lookups:
    """Those of one node."""

    def __init__(
        self,
        connect: Callable[[NodeId], Awaitable[Connection]],
        *,
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        """Look for nobody yet.

        Args:
            connect: gives a link to a node, by this node's own book.
            clock: for how long a failure is remembered.
            spawn: runs background tasks.
        """
        self._connect = connect
        self._clock = clock
        self._spawn = spawn
        self._open: dict[NodeId, asyncio.Task[Connection | TransportError]] = {}
        self._vain: OrderedDict[NodeId, int] = OrderedDict()

    async def find(self, key: NodeId) -> Connection:
        """Give the link to a node, as all others who want it now get it.

        Raises:
            TransportError: it is not to be found, or was not a moment ago.
        """
        if self._vain.get(key, 0) > self._clock.now().mono_ms:
            raise TransportError("that node was looked for in vain a moment ago")
        if key not in self._open:
            self._open[key] = self._spawn(self._seek(key), "looks for a far end")
        found = await asyncio.shield(self._open[key])
        if isinstance(found, TransportError):
            raise found
        return found

    async def _seek(self, key: NodeId) -> Connection | TransportError:
        try:
            async with asyncio.timeout(limits.tunnel_open_ms_max / _MS):
                return await self._connect(key)
        except TransportError as error:
            self._note_vain(key)
            return error
        except TimeoutError:
            self._note_vain(key)
            return TransportError("nobody said in time where that node is")
        finally:
            del self._open[key]

    def _note_vain(self, key: NodeId) -> None:
        self._vain.pop(key, None)
        self._vain[key] = self._clock.now().mono_ms + limits.lookup_vain_ms
        if len(self._vain) > limits.lookups_vain_max:
            self._vain.popitem(last=False)
