"""A lane: a network without sockets; nodes live at addresses and answer as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from node.clock import ManualClock
from node.errors import TransportError
from protocol.channel.messages import Join, Joined, Message
from protocol.ids import NodeId, blake2b_256
from protocol.network.addresses import sign_record

NET = "test"


def key(name: str) -> NodeId:
    return NodeId(blake2b_256(name.encode()))


def seed(name: str) -> bytes:
    return blake2b_256(name.encode(), b"record")


@dataclass(eq=False)
class LaneLink:
    """Stands in for a connection."""

    name: str
    outbound: bool = True
    signer: str = ""
    answer: Callable[[Join], Message] = lambda ask: Joined(request=ask.request)
    said: list[Message] = field(default_factory=list)
    asked: list[Join] = field(default_factory=list)
    reason: Any = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def peer_id(self) -> NodeId:
        return key(self.name)

    @property
    def is_open(self) -> bool:
        return not self.ended.is_set()

    @property
    def remote_hello(self) -> Any:
        record = sign_record(
            net=NET,
            key=self.peer_id,
            addresses=[],
            roles=[],
            seq=1,
            at=1,
            seed=seed(self.signer or self.name),
        )
        return SimpleNamespace(record=record.raw)

    async def request(self, ask: Join, _timeout_ms: int) -> Message:
        self.asked.append(ask)
        return self.answer(ask)

    def send(self, message: Message, _priority: Any = None) -> bool:
        self.said.append(message)
        return True

    def close(self, reason: Any, _detail: str = "") -> None:
        self.reason = reason
        self.ended.set()

    async def wait_closed(self) -> None:
        await self.ended.wait()


@dataclass
class Lane:
    """Stands in for the network of a node."""

    node_id: NodeId = field(default_factory=lambda: key("own"))
    port: int | None = 9401
    own: list[str] = field(default_factory=lambda: ["10.0.0.9:9401"])
    at: dict[str, LaneLink | str] = field(default_factory=dict)
    """Address -> who answers there; an error code where it goes wrong."""
    known: dict[NodeId, list[str]] = field(default_factory=dict)
    links: dict[NodeId, LaneLink] = field(default_factory=dict)
    dialled: list[tuple[str, NodeId]] = field(default_factory=list)
    kept: frozenset[NodeId] = frozenset()

    def own_addresses(self) -> list[str]:
        return list(self.own)

    def addresses_of(self, node_id: NodeId) -> list[str]:
        return self.known.get(node_id, [])

    def keep_apart(self, keys: frozenset[NodeId]) -> None:
        self.kept = keys

    def link_to(self, node_id: NodeId) -> Any:
        link = self.links.get(node_id)
        return link if link and link.is_open else None

    async def dial(self, address: str, node_id: NodeId) -> Any:
        self.dialled.append((address, node_id))
        await asyncio.sleep(0)
        if link := self.link_to(node_id):
            return link
        found = self.at.get(address, "E-PEER-TIMEOUT")
        if isinstance(found, str):
            raise TransportError(f"no node answers at {address}", code=found)
        if found.peer_id != node_id:
            raise TransportError("another node answers", code="E-PEER-KEY")
        if not found.is_open:
            found = LaneLink(found.name, signer=found.signer)
        self.links[node_id] = found
        return found


class Calm:
    """Entropy without chance: pauses are as long as they may be, or none at all."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.pause_s = pause_s
        self.count = 0

    def bytes(self, count: int) -> bytes:
        self.count += 1
        return blake2b_256(self.count.to_bytes(4, "big"))[:count]

    def jitter(self, _low: float, _high: float) -> float:
        return self.pause_s


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


def clock_at(wall_ms: int) -> ManualClock:
    return ManualClock(wall_ms=wall_ms)
