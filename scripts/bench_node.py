"""One node in a process of its own, under measurement: what it uses, and what peers do to it.

Leaves: the node's processor time and memory as the system counts them, and links of made-up peers
that push casts and count what comes back. Both ends are the product's own code; only the peers have
no engine behind their links.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

from node.clock import SystemClock
from node.config import Settings
from node.entropy import SystemEntropy
from node.home import DATABASE_FILE
from node.network.connection import Connection
from node.network.dialer import Dialer
from node.network.endpoint import Endpoint, Handlers
from node.network.links import Links
from node.runtime.card import Card
from node.testnet.nodes import RESIDENT, ProcessNode, prepare
from node.testnet.plan import NodePlan, Part
from protocol.channel.messages import Message, Objects
from protocol.channel.priority import Priority
from protocol.errors import Reason
from scripts.rates import NET

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_KIB: Final = 1024
_PER_MESSAGE: Final = 16


def new_node(folder: Path, name: str, *, module: str = RESIDENT, **settings: Any) -> ProcessNode:
    """Furnish a home for a relay of the measured network, limits open; nothing runs yet.

    Args:
        folder: where the home is made.
        name: of the node and its home.
        module: what its process runs.
        settings: beside those every measured node has, or in their place.
    """
    home = folder / name
    usual = {"net": NET, "api_port": 0, "listen_host": "127.0.0.1", "listen_port": 0}
    prepare(home, usual | {"limits": "open"} | settings, seed=None)
    return ProcessNode(NodePlan(name=name, part=Part.RELAY, wave=0), home, module=module)


def pid_of(node: ProcessNode) -> int:
    """Give the process of a node that runs."""
    if node.pid is None:
        raise RuntimeError("the measured node is not running")
    return node.pid


def cpu_s(pid: int) -> float:
    """Give the processor time a process has used, s; in steps of a hundredth on most systems."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_bytes(pid: int) -> int:
    """Give the memory a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * _KIB
    raise RuntimeError("the system does not tell the memory of a process")


def committed(home: Path) -> int:
    """Count the objects that are on disk, as another reader of the file sees them."""
    uri = f"{(home / DATABASE_FILE).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM objects").fetchone()[0])


async def until(is_so: Callable[[], bool], pause_s: float = 0.001) -> None:
    """Look again and again: what is waited for happens in another process, or in a socket."""
    while not is_so():  # noqa: ASYNC110 - nothing here could ring
        await asyncio.sleep(pause_s)


class Peer:
    """A link to the measured node, under a key of its own."""

    def __init__(self) -> None:
        """Draw a key; `join` dials."""
        entropy, clock = SystemEntropy(), SystemClock()
        secret, record_seed = entropy.bytes(32), entropy.bytes(32)
        card = Card(Settings(net=NET), clock=clock, transport_seed=secret, record_seed=record_seed)
        endpoint = Endpoint(
            net=NET,
            static_secret=secret,
            hello=card.hello,
            check_hello=lambda *_: None,
            handlers=Handlers(
                on_open=lambda _: None, on_message=self._received, on_closed=self._closed
            ),
            clock=clock,
            entropy=entropy,
            spawn=self._spawn,
        )
        self._tasks: list[asyncio.Task[Any]] = []
        self._dialer = Dialer(endpoint, Links(card.node_id))
        self._link: Connection | None = None
        self.objects = 0
        self.ended: Reason | None = None

    def _spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        return task

    def _received(self, _link: Connection, message: Message) -> None:
        if isinstance(message, Objects):
            self.objects += len(message.raws)

    def _closed(self, _link: Connection, reason: Reason) -> None:
        self.ended = reason

    async def join(self, address: str) -> None:
        """Link to the node."""
        self._link = await self._dialer.dial(address)

    async def push(self, raws: Sequence[bytes]) -> None:
        """Send casts as fast as the node takes them."""
        for start in range(0, len(raws), _PER_MESSAGE):
            message = Objects(raws=list(raws[start : start + _PER_MESSAGE]))
            await until(partial(self.link.send, message, Priority.PUSH))
            await asyncio.sleep(0)

    @property
    def link(self) -> Connection:
        """The open link."""
        if self._link is None or self.ended is not None:
            raise RuntimeError(f"the measured node closed a link: {self.ended}")
        return self._link

    async def leave(self) -> None:
        """Close the link and wait for its tasks."""
        if self._link is not None:
            self._link.close(Reason.SHUTDOWN)
            await self._link.wait_closed()
        await asyncio.gather(*self._tasks, return_exceptions=True)
