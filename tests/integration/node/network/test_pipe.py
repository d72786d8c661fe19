"""Pipes: what a broken socket looks like from inside."""

from __future__ import annotations

import pytest
from aiohttp import ClientConnectionResetError, WebSocketError, WSMessage, WSMsgType

from node.errors import TransportError
from node.network.pipe import Pipe
from protocol.errors import FrameError, Reason


class Socket:
    """A WebSocket that plays back."""

    def __init__(self, message: WSMessage | None = None, error: Exception | None = None) -> None:
        self.message = message
        self.error = error
        self.calls: list[str] = []

    async def receive(self) -> WSMessage | None:
        return self.message

    async def send_bytes(self, data: bytes) -> None:
        if self.error:
            raise self.error
        self.calls.append(f"sent {len(data)}")

    async def close(self) -> None:
        self.calls.append("closed")
        if self.error:
            raise self.error


def pipe_of(socket: Socket, calls: list[str]) -> Pipe:
    async def release() -> None:
        calls.append("released")

    return Pipe(
        socket,  # type: ignore[arg-type]
        abort=lambda: calls.append("cut"),
        remote_host="192.0.2.1",
        outbound=True,
        release=release,
    )


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        (WSMsgType.TEXT, "hello", Reason.BAD_ENCODING),
        (WSMsgType.PING, b"", Reason.UNEXPECTED),
        (WSMsgType.PONG, b"", Reason.UNEXPECTED),
        (WSMsgType.ERROR, WebSocketError(1009, "too big"), Reason.TOO_LARGE),
        (WSMsgType.ERROR, WebSocketError(1002, "reserved bits"), Reason.BAD_ENCODING),
    ],
)
async def test_what_a_peer_must_not_send(kind: WSMsgType, data: object, reason: Reason):
    with pytest.raises(FrameError) as caught:
        await pipe_of(Socket(WSMessage(kind, data, None)), []).receive()
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("kind", "data"),
    [(WSMsgType.CLOSE, 1000), (WSMsgType.CLOSED, None), (WSMsgType.ERROR, OSError("gone"))],
)
async def test_peer_that_is_gone(kind: WSMsgType, data: object):
    with pytest.raises(TransportError) as caught:
        await pipe_of(Socket(WSMessage(kind, data, None)), []).receive()
    assert caught.value.code == "E-PEER-LOST"


@pytest.mark.parametrize(
    "error", [ClientConnectionResetError("gone"), ConnectionResetError(), RuntimeError("closed")]
)
async def test_sending_into_nothing(error: Exception):
    with pytest.raises(TransportError) as caught:
        await pipe_of(Socket(error=error), []).send(b"x")
    assert caught.value.code == "E-PEER-LOST"


async def test_bytes_pass_untouched():
    socket = Socket(WSMessage(WSMsgType.BINARY, b"bytes", None))
    pipe = pipe_of(socket, [])
    assert await pipe.receive() == b"bytes"
    await pipe.send(b"123")
    assert socket.calls == ["sent 3"]


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_everything_is_given_back_however_the_end(error: Exception | None):
    calls: list[str] = []
    socket = Socket(error=error)
    await pipe_of(socket, calls).finish()
    assert socket.calls == ["closed"]
    assert calls == ["cut", "released"]


async def test_who_floods_is_not_read_from_until_the_end():
    calls: list[str] = []
    socket = Socket(WSMessage(WSMsgType.PING, b"", None))
    pipe = pipe_of(socket, calls)
    with pytest.raises(FrameError):
        await pipe.receive()
    await pipe.finish()
    assert socket.calls == []
    assert calls == ["cut", "released"]
