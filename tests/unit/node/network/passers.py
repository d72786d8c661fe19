"""Links that are none, for tests of tunnels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from node.clock import ManualClock
from node.errors import TransportError
from node.network.carriage import Carriage
from node.network.tunnel import TunnelPipe
from node.runtime.tasks import Tasks
from protocol.channel.tunnel import TunnelOpen, TunnelOpened
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

    def send(self, message: Any, _priority: Any = None) -> bool:
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


OWN = key_of("own")
FAR = key_of("far")
OPENED = TunnelOpened(request=99)


class Desk:
    """A carriage, the links it may find, and the pipes that end at it."""

    def __init__(self, tasks: Tasks) -> None:
        self.clock = ManualClock()
        self.is_relay = True
        self.far = FakeLink("far")
        self.found: Any = self.far
        self.pipes: list[TunnelPipe] = []
        self.over = asyncio.Event()
        self.roots: dict[Any, Any] = {}
        self.carriage = Carriage(
            node_id=OWN,
            clock=self.clock,
            spawn=tasks.spawn,
            connect=self.connect,
            is_relay=lambda: self.is_relay,
            receive=self.receive,
            root=lambda link: self.roots.get(link, link),
        )
        self.near = FakeLink("near", outbound=False)

    async def connect(self, key: NodeId) -> Any:
        assert key == FAR
        if isinstance(self.found, asyncio.Event):
            await self.found.wait()
            return self.far
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    async def receive(self, pipe: TunnelPipe) -> None:
        self.pipes.append(pipe)
        await self.over.wait()
        raise TransportError("over")

    def ask(self, number: int = 3, key: bytes = FAR, link: FakeLink | None = None) -> None:
        message = TunnelOpen(request=5, tunnel=number, key=key)
        self.carriage.handle(link or self.near, message)  # type: ignore[arg-type]

    def hear(self, link: FakeLink, message: Any) -> None:
        self.carriage.handle(link, message)  # type: ignore[arg-type]

    async def carry(self, number: int = 3, link: FakeLink | None = None) -> int:
        """Carry a tunnel to the far end; gives its number there."""
        near = link or self.near
        self.far.asked.clear()
        self.ask(number, link=near)
        self.far.answers.append(OPENED)
        await self.far.asked.wait()
        await settled()
        assert near.sent[-1] == TunnelOpened(request=5)
        opened: int = [m for m in self.far.sent if isinstance(m, TunnelOpen)][-1].tunnel
        return opened


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
