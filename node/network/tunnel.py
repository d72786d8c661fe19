"""One end of a tunnel: bytes to and from a node that does not know where we are.

A peer carries them, and cannot read them: the channel inside has its own handshake. To `Connection`
a tunnel is a pipe like a WebSocket. Enters: pieces of frames. Leaves: whole frames; TransportError
when the tunnel is over. Both ends keep the pace the protocol allows, so that no carrier has to
hold anything back. Never here: who carries, keys, messages of the inner channel.
Source: docs/protocol/17-tunnel.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from node.clock import Clock
from node.errors import TransportError
from node.network.connection import Connection
from protocol import limits
from protocol.channel.frames import FRAME_BYTES_MAX
from protocol.channel.tunnel import TunnelData, TunnelEnd
from protocol.errors import FrameError, Reason

_RETRY_MS: Final = 50
"""Rest while the link's own queue is full."""
_MS: Final = 1_000


class Allowance:
    """Bytes that may pass: so many at once, so many a second."""

    def __init__(self, clock: Clock, *, burst: int, per_s: int = limits.tunnel_bytes_s) -> None:
        """Start with all of the burst."""
        self._clock = clock
        self._burst = burst
        self._per_s = per_s
        self._left = burst
        self._at_ms = clock.now().mono_ms

    def wait_ms(self, size: int) -> int:
        """Spend `size` bytes if they may pass now; else say in how many ms they may."""
        now_ms = self._clock.now().mono_ms
        gained = (now_ms - self._at_ms) * self._per_s // _MS
        if gained:
            self._left = min(self._burst, self._left + gained)
            self._at_ms = now_ms
        if size <= self._left:
            self._left -= size
            return 0
        return (size - self._left) * _MS // self._per_s + 1

    def give_back(self, size: int) -> None:
        """Take back bytes that did not pass."""
        self._left += size


class TunnelPipe:
    """This node's end.

    Attributes:
        link: to the peer that carries, or to the far end itself.
        remote_host: IP address of the peer that carries.
        outbound: whether this node asked for the tunnel.
    """

    def __init__(
        self,
        link: Connection,
        number: int,
        *,
        outbound: bool,
        clock: Clock,
        on_end: Callable[[Reason], None],
    ) -> None:
        """Take over a tunnel that both ends know of.

        Args:
            link: to the peer that carries, or to the far end itself.
            number: names the tunnel on that link.
            outbound: whether this node asked for it.
            clock: for the pace.
            on_end: told once when this end is done with it.
        """
        self.link = link
        self._number = number
        self._clock = clock
        self._on_end = on_end
        self._allowance = Allowance(clock, burst=limits.tunnel_burst_bytes)
        self._frames: deque[bytes] = deque()
        self._begun = bytearray()
        self._bytes = 0
        self._ready = asyncio.Event()
        self._is_over = False
        self._fault: FrameError | None = None
        self.remote_host = link.remote_host
        self.outbound = outbound
        self.heard_ms = clock.now().mono_ms

    # --- from the link ------------------------------------------------------------------------

    def take(self, data: bytes, *, is_last: bool) -> bool:
        """Take a piece; False when the far end sends faster than it is read."""
        self.heard_ms = self._clock.now().mono_ms
        if self._fault is not None:
            return False
        self._bytes += len(data)
        # One buffer and no list of pieces: pieces of one byte cost what one byte costs.
        self._begun += data
        if len(self._begun) > FRAME_BYTES_MAX:
            self._fault = FrameError(Reason.TOO_LARGE, "a frame in a tunnel")
            self._ready.set()
            return True
        if is_last:
            self._frames.append(bytes(self._begun))
            self._begun.clear()
            self._ready.set()
        return self._bytes <= limits.tunnel_waiting_bytes_max

    def ended(self, _reason: Reason) -> None:
        """The tunnel is over at the other side; what has come is still read."""
        self._is_over = True
        self._ready.set()

    # --- as a pipe ----------------------------------------------------------------------------

    async def receive(self) -> bytes:
        """Wait for the next frame of the inner channel.

        Raises:
            TransportError: E-PEER-LOST, the tunnel is over.
            FrameError: TOO_LARGE.
        """
        while not self._frames:
            if self._fault is not None:
                raise self._fault
            if self._is_over:
                raise TransportError("the tunnel ended")
            self._ready.clear()
            await self._ready.wait()
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame

    async def send(self, data: bytes) -> None:
        """Send one frame of the inner channel, at the pace of a tunnel.

        Raises:
            TransportError: E-PEER-LOST, the tunnel is over.
        """
        size = limits.tunnel_piece_bytes_max
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            await self._send_piece(piece, is_last=start + size >= len(data))

    async def _send_piece(self, piece: bytes, *, is_last: bool) -> None:
        message = TunnelData(tunnel=self._number, data=piece, is_last=is_last)
        for pause_ms in iter(lambda: self._pause_ms(message), 0):
            await asyncio.sleep(pause_ms / _MS)

    def _pause_ms(self, message: TunnelData) -> int:
        """Send a piece and give 0, or say how long to wait before the next try."""
        if self._is_over or not self.link.is_open:
            raise TransportError("the tunnel ended")
        if wait_ms := self._allowance.wait_ms(len(message.data)):
            return wait_ms
        if self.link.send(message):
            return 0
        self._allowance.give_back(len(message.data))
        return _RETRY_MS

    def abort(self) -> None:
        """End the tunnel at once."""
        self._end()

    async def finish(self) -> None:
        """End the tunnel; what was sent before goes out first."""
        self._end()

    def _end(self) -> None:
        if not self._is_over:
            self.link.send(TunnelEnd(tunnel=self._number, reason=Reason.CLOSED))
        self.ended(Reason.CLOSED)
        on_end, self._on_end = self._on_end, _nobody
        on_end(Reason.CLOSED)


def _nobody(_reason: Reason) -> None:
    """Nobody wants to know twice."""
