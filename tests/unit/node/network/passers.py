"""Links that are none, for tests of tunnels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from node.errors import TransportError
from protocol.ids import NodeId, blake2b_256


def key_of(name: str) -> NodeId:
    return NodeId(blake2b_256(b"node", name.encode()))


class FakeLink:
    """What a connection looks like from here; `sent` holds what was said over it."""

    def __init__(self, peer: str = "peer", *, outbound: bool = True) -> None:
        self.peer_id = key_of(peer)
        self.outbound = outbound
        self.remote_host = "192.0.2.7"
        self.is_open = True
        self.bytes_waiting = 0
        self.room = 1_000
        self.sent: list[Any] = []
        self.answers: list[Any] = []
        self.asked = asyncio.Event()
        self.on_refused: Callable[[], None] = lambda: None

    def send(self, message: Any) -> bool:
        if not self.is_open:
            return False
        if not self.room:
            self.on_refused()
            return False
        self.room -= 1
        self.sent.append(message)
        return True

    async def request(self, ask: Any, _timeout_ms: int) -> Any:
        self.send(msgspec.structs.replace(ask, request=99))
        self.asked.set()
        while not self.answers:
            await asyncio.sleep(0)
        answer = self.answers.pop(0)
        if isinstance(answer, TransportError):
            raise answer
        return answer

    def close(self, *_why: Any) -> None:
        self.is_open = False
