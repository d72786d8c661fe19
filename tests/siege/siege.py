"""One node in a process of its own, served honestly while others lie before it; and what it bore.

Enters: an attack and its size. Leaves: figures before and during it: what became of the casts that
an honest peer pushed and an honest listener waited for, how long they took, the node's memory, and
what the attackers saw. The budgets of links are open unless an attack asks for them: what is
measured is the node.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from node.network.connection import Connection
from node.testnet.nodes import ProcessNode
from protocol import signing, work
from protocol.channel.messages import Message, Objects
from protocol.channel.priority import Priority
from protocol.ids import blake2b_256
from protocol.now import MINUTE_MS
from scripts.bench_casts import make_cast
from scripts.bench_node import Peer, new_node, pid_of, rss_bytes
from tests.siege.attackers import BEGUN

EVERY_S: Final = 0.05
"""Between two honest casts."""
LAST_S: Final = 10.0
"""How long the last honest cast is waited for."""
_FORGED_FROM: Final = 1_000_000


class Listener(Peer):
    """An honest peer that notes when each object came."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        super().__init__()
        self.at: dict[bytes, float] = {}

    def _received(self, _link: Connection, message: Message) -> None:
        if isinstance(message, Objects):
            for raw in message.raws:
                self.at.setdefault(raw, time.perf_counter())


@dataclass(frozen=True, kw_only=True)
class Service:
    """What honest peers saw for a while."""

    sent: int
    delays_s: list[float] = field(repr=False)
    """Of those that came."""
    rss_max: int
    """Most memory the node held meanwhile."""

    @property
    def share(self) -> float:
        """Part of the honest casts that came through."""
        return len(self.delays_s) / self.sent

    @property
    def p50_ms(self) -> float:
        """Median delay."""
        return statistics.median(self.delays_s) * 1_000

    @property
    def p99_ms(self) -> float:
        """Delay of all but one in a hundred."""
        ordered = sorted(self.delays_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1_000


class Siege:
    """A node under observation; use `laid`."""

    def __init__(self, node: ProcessNode, minute: int, every_s: float) -> None:
        """Keep the node; nobody is linked yet."""
        self.node = node
        self.minute = minute
        self.every_s = every_s
        self.sender, self.listener = Peer(), Listener()
        self._number = 0

    @property
    def address(self) -> str:
        """Where it is dialled."""
        return self.node.facts.listen or ""

    async def serve(self, seconds: float, casts: Sequence[bytes] | None = None) -> Service:
        """Push an honest cast now and then, and look how each gets through."""
        mine = list(casts or self.casts(int(seconds / self.every_s)))
        sent: dict[bytes, float] = {}
        rss_max = 0
        began = time.perf_counter()
        for number, raw in enumerate(mine):
            await asyncio.sleep(max(0.0, began + number * self.every_s - time.perf_counter()))
            sent[raw] = time.perf_counter()
            self.sender.link.send(Objects(raws=[raw]), Priority.PUSH)
            rss_max = max(rss_max, rss_bytes(pid_of(self.node)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                while any(raw not in self.listener.at for raw in mine):
                    await asyncio.sleep(EVERY_S)
        rss_max = max(rss_max, rss_bytes(pid_of(self.node)))
        heard = self.listener.at
        delays = [heard[raw] - sent[raw] for raw in mine if raw in heard]
        return Service(sent=len(mine), delays_s=delays, rss_max=rss_max)

    def casts(self, count: int) -> list[bytes]:
        """Make casts nobody has seen."""
        first, self._number = self._number, self._number + count
        return [make_cast(number, self.minute) for number in range(first, first + count)]


@contextlib.asynccontextmanager
async def laid(folder: Path, *, every_s: float = EVERY_S, **settings: Any) -> AsyncIterator[Siege]:
    """Start a node with two honest peers.

    Args:
        folder: for its home.
        every_s: between two honest casts.
        settings: of the node, beside those every measured node has.
    """
    node = new_node(folder, "besieged", **settings)
    minute = int(time.time() * 1_000) // MINUTE_MS * MINUTE_MS - MINUTE_MS
    siege = Siege(node, minute, every_s)
    try:
        await node.start()
        await siege.sender.join(siege.address)
        await siege.listener.join(siege.address)
        yield siege
    finally:
        await siege.sender.leave()
        await siege.listener.leave()
        await node.stop()


@contextlib.asynccontextmanager
async def attack(deed: str, address: str, **options: Any) -> AsyncIterator[asyncio.Future[Any]]:
    """Let attackers do something; the future has what they saw. They end with the block."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.siege.attackers", deed, address, *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
        # Ctrl-C is for whoever began them: they end when their standard input does.
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    seen = asyncio.ensure_future(_told(process.stdout, begun := asyncio.Event()))
    try:
        await begun.wait()
        yield seen
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(15):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await asyncio.gather(seen, return_exceptions=True)


async def _told(source: asyncio.StreamReader, begun: asyncio.Event) -> Any:
    """Read what attackers say: that they begin, and in the end what they saw."""
    first = await source.readline()
    begun.set()
    assert first.decode().strip() == BEGUN
    return json.loads(await source.read() or b"{}")


async def forgeries(siege: Siege, folder: Path, count: int) -> Path:
    """Write envelopes to a file: work that is proved, signatures that are not their author's."""
    made = []
    original = msgspec.msgpack.decode(make_cast(_FORGED_FROM, siege.minute))
    signed = original[0]
    target = msgspec.msgpack.decode(signed)[10]
    for number in range(count):
        signature = blake2b_256(number.to_bytes(8, "big")) + bytes(signing.SIGNATURE_BYTES - 32)
        nonce = work.solve(blake2b_256(signed, signature), target, tries=1 << 24)
        made.append(msgspec.msgpack.encode([signed, signature, nonce]))
        # Some seconds of work: an order to end is heard meanwhile.
        await asyncio.sleep(0)
    return written(folder / "forged", made)


def written(file: Path, parts: Sequence[bytes]) -> Path:
    """Write byte strings for an attacker."""
    file.write_bytes(msgspec.msgpack.encode(parts))
    return file
