"""A hamlet: nodes with a network and a disk and nothing else, over real sockets on 127.0.0.1."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.clock import ManualClock, SystemClock
from node.config import Settings
from node.entropy import SeededEntropy
from node.network.connection import Connection
from node.runtime.network import Network
from node.runtime.tasks import Tasks
from node.storage import objects
from node.storage.database import Storage
from protocol.channel.messages import Message
from protocol.ids import blake2b_256
from protocol.now import HOUR_MS
from protocol.objects.envelope import Verified
from tests.parties import NET, NOW_MS

HOST = "127.0.0.1"


def clock_at(wall_ms: int = NOW_MS + HOUR_MS) -> ManualClock:
    """A running clock that shows `wall_ms` now."""
    return ManualClock(SystemClock(), wall_ms=wall_ms - SystemClock().now().wall_ms)


@dataclass
class Cottage:
    """One node; it may be closed and opened again on the same disk."""

    name: str
    folder: Path
    clock: ManualClock = field(default_factory=clock_at)
    listens: bool = True
    mailbox: bool = False
    peers: list[str] = field(default_factory=list)
    heard: list[Verified[Any]] = field(default_factory=list)
    posted: list[Message] = field(default_factory=list)
    frames: list[tuple[bytes, bool, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tasks = Tasks()
        self.port: int | None = 0 if self.listens else None
        self.is_open = False

    async def open(self) -> None:
        self.storage = await Storage.open(self.folder / f"{self.name}.db", clock=self.clock)
        self.tasks = Tasks()
        self.network = Network(
            settings=Settings(
                net=NET, listen_port=self.port, peers=self.peers, mailbox=self.mailbox
            ),
            clock=self.clock,
            entropy=SeededEntropy(self.name, net=NET),
            tasks=self.tasks,
            storage=self.storage,
            transport_seed=blake2b_256(self.name.encode()),
            record_seed=blake2b_256(self.name.encode(), b"record"),
            on_object=self.heard.append,
            on_message=self.note_message,
            tap=lambda peer, inbound, frame: self.frames.append((peer, inbound, frame)),
        )
        await self.network.start()
        self.port = self.network.port
        self.is_open = True

    def note_message(self, _link: Connection, message: Message) -> None:
        self.posted.append(message)

    async def close(self) -> None:
        self.is_open = False
        await self.network.stop()
        await self.tasks.close()
        await self.storage.close()

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def peer_count(self) -> int:
        return len(self.network.peers())

    async def keep(self, verified: Verified[Any]) -> None:
        """Store an object of our own, as a market step would, then publish it."""
        now_ms = self.clock.now().wall_ms
        await self.storage.write(
            lambda conn: objects.insert(conn, verified, own=True, now_ms=now_ms)
        )
        self.network.publish(verified, verified.raw)

    async def raw_of(self, object_id: bytes) -> bytes | None:
        return await self.storage.read(lambda db: objects.load_raw(db, object_id))

    def has_heard(self, object_id: bytes) -> bool:
        return any(verified.id == object_id for verified in self.heard)


async def until(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    """Wait for something that happens elsewhere, at most a while."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
