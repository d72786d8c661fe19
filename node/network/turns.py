"""Turns: how many pieces of tunnels a second go onto one link, and whose is next.

Every message costs its receiver something, however small: it reads a link more slowly that brings
too many, and with the pieces all that is said over that link waits. So those of all tunnels go onto
a link well below what its far end reads, and who has much to send waits behind his own. Enters:
things to do, and whose. Leaves: the same, done at their turn, those of one in order. Never here:
what they are; more waiting than the link has room for.
Source: docs/protocol/17-tunnel.md, "Bounds".
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Final

from node.clock import Clock
from protocol import limits
from protocol.network.budgets import Bucket, Rate

_PIECES: Final = Rate(per_s=limits.tunnel_pieces_s, burst=limits.tunnel_pieces_burst)
_NEXT_S: Final = 1 / limits.tunnel_pieces_s
"""Until one more may go."""


class _Line:
    """What waits of one."""

    __slots__ = ("size", "things")

    def __init__(self) -> None:
        self.things: deque[tuple[int, Callable[[], object]]] = deque()
        self.size = 0


class Turns:
    """Those of one link."""

    def __init__(self, clock: Clock) -> None:
        """Start rested."""
        self._clock = clock
        self._bucket = Bucket(_PIECES.burst, clock.now().mono_ms)
        self._lines: OrderedDict[Hashable, _Line] = OrderedDict()
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    @property
    def bytes_waiting(self) -> int:
        """Bytes of all that waits."""
        return self._size

    def take(self, who: Hashable, size: int, go: Callable[[], object], *, room: int) -> bool:
        """Do something now or at its turn; False when too much of the same one waits.

        Nobody has more waiting than is still free: one that sends without end gets half of the
        room, two a third each, and there is always some left for who comes last.

        Args:
            who: whose it is; each has as many turns as any other.
            size: bytes it holds while it waits.
            go: does it.
            room: bytes that may wait, of all.
        """
        waiting = self._lines[who].size if who in self._lines else 0
        if self._lines and waiting + size > room - self._size:
            return False
        self.follow(who, go, size=size)
        return True

    def follow(self, who: Hashable, go: Callable[[], object], *, size: int = 0) -> None:
        """Do something small now or at its turn, after all that waits of the same one."""
        if not self._lines and self._may_go():
            go()
            return
        line = self._lines.setdefault(who, _Line())
        line.things.append((size, go))
        line.size += size
        self._size += size
        self._arm()

    async def turn(self, who: Hashable) -> None:
        """Wait for a turn."""
        if not self._lines and self._may_go():
            return
        come: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.follow(who, lambda: _tell(come))
        await come

    def close(self) -> None:
        """The link is over: let everything go, and whoever waits find that out."""
        self._is_over = True
        self._serve()

    def _may_go(self) -> bool:
        return self._is_over or self._bucket.take(1, _PIECES, self._clock.now().mono_ms)

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_NEXT_S, self._timed)

    def _timed(self) -> None:
        self._timer = None
        self._serve()

    def _serve(self) -> None:
        """Do what may be done now: one thing of each, then the next of each."""
        while self._lines and self._may_go():
            who, line = self._lines.popitem(last=False)
            size, go = line.things.popleft()
            line.size -= size
            self._size -= size
            if line.things:
                self._lines[who] = line
            go()
        if self._lines:
            self._arm()
        elif self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _tell(come: asyncio.Future[None]) -> None:
    """Say that a turn has come, if anybody still waits for it."""
    if not come.done():
        come.set_result(None)
