"""One WebSocket, whichever end opened it: whole binary messages in and out.

Enters: a WebSocket of aiohttp, server's or client's. Leaves: bytes, TransportError when the far end
is gone, FrameError when it sends what is not ours. Never here: keys and messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol, TypeAlias

from aiohttp import (
    ClientError,
    ClientWebSocketResponse,
    WebSocketError,
    WSCloseCode,
    WSMsgType,
    web,
)

from node.errors import TransportError
from protocol.channel.frames import FRAME_BYTES_MAX
from protocol.errors import FrameError, Reason

PEER_PATH: Final = "/peer"
"""The one path a node serves to other nodes."""
SOCKET_BYTES_MAX: Final = FRAME_BYTES_MAX + 1
"""aiohttp's own cap: it refuses messages of this size and more."""
CLOSE_S: Final = 2.0
"""How long a goodbye may take, s."""

WebSocket: TypeAlias = web.WebSocketResponse | ClientWebSocketResponse


async def _nothing() -> None:
    """Release nothing."""


class Wire(Protocol):
    """Whatever carries the frames of one connection: a WebSocket, or a tunnel."""

    remote_host: str
    """IP address it comes from."""
    outbound: bool
    """Whether this node asked for it."""

    async def receive(self) -> bytes:
        """Wait for the next frame.

        Raises:
            TransportError: the far end is gone.
            FrameError: it sends what is not ours.
        """
        ...

    async def send(self, data: bytes) -> None:
        """Send one frame, waiting while the far end takes nothing.

        Raises:
            TransportError: the far end is gone.
        """
        ...

    def abort(self) -> None:
        """Cut it at once."""
        ...

    async def finish(self) -> None:
        """Close it politely, then give everything back."""
        ...


class Pipe:
    """Bytes to and from one peer.

    Attributes:
        remote_host: the far end's IP address.
        outbound: whether this node dialled.
    """

    def __init__(
        self,
        socket: WebSocket,
        *,
        abort: Callable[[], None],
        remote_host: str,
        outbound: bool,
        release: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        """Take over an open WebSocket.

        Args:
            socket: used by nobody else from now on.
            abort: cuts the TCP connection at once, whatever is still unsent.
            remote_host: the far end's IP address.
            outbound: whether this node dialled.
            release: gives back what belongs to the socket, after its end.
        """
        self._socket = socket
        self._abort = abort
        self._release = release
        self._is_flooded = False
        self.remote_host = remote_host.removeprefix("::ffff:")
        self.outbound = outbound

    async def receive(self) -> bytes:
        """Wait for the next binary message.

        Raises:
            TransportError: E-PEER-LOST, the far end closed or went away.
            FrameError: TOO_LARGE; UNEXPECTED for a ping or pong of the WebSocket; BAD_ENCODING for
                text and broken WebSocket frames.
        """
        message = await self._socket.receive()
        if message.type is WSMsgType.BINARY:
            return bytes(message.data)
        if message.type is WSMsgType.TEXT:
            raise FrameError(Reason.BAD_ENCODING, "text frames are not used")
        if message.type in (WSMsgType.PING, WSMsgType.PONG):
            # Answered by the library they would cost us, and no budget would know of them.
            self._is_flooded = True
            raise FrameError(Reason.UNEXPECTED, "pings of the WebSocket are not used")
        if message.type is WSMsgType.ERROR and isinstance(message.data, WebSocketError):
            too_big = message.data.code == WSCloseCode.MESSAGE_TOO_BIG
            raise FrameError(Reason.TOO_LARGE if too_big else Reason.BAD_ENCODING)
        raise TransportError("the peer closed the connection")

    async def send(self, data: bytes) -> None:
        """Send one binary message, waiting while the peer takes nothing.

        Raises:
            TransportError: E-PEER-LOST, the connection is gone.
        """
        try:
            await self._socket.send_bytes(data)
        except (ClientError, OSError, RuntimeError) as error:
            raise TransportError("the connection broke while sending") from error

    def abort(self) -> None:
        """Cut the connection at once."""
        self._abort()

    async def finish(self) -> None:
        """Close politely for a moment, then cut, then give everything back.

        To be polite is to read until the far end has closed, too: whoever floods is not awaited.
        """
        try:
            if self._is_flooded:
                return
            with suppress(TimeoutError, ClientError, OSError, RuntimeError):
                async with asyncio.timeout(CLOSE_S):
                    await self._socket.close()
        finally:
            self._abort()
            await self._release()
