"""How fast one node takes casts, and what a copy costs it.

A made-up peer pushes casts, each under its own key, into a node of its own process; seven others
count what comes back. A cast counts when it has been verified, sent on to all seven and committed:
the clock stops when a reader of the file sees the last one. This version has no budgets to open:
nothing but the work of a cast, and how much may wait, holds a peer back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from protocol.channel.messages import WhoIs
from scripts.bench_casts import show_progress
from scripts.bench_node import Peer, committed, cpu_s, new_node, pid_of, rss_bytes, until

SINKS: Final = 7
"""Peers a cast is forwarded to."""
_IN_FLIGHT: Final = 512
"""Casts pushed and not yet forwarded: half of what may wait for one peer."""
WARM: Final = 200
"""Casts before the clock starts: the first of everything is slower."""
_COPIES: Final = 10
_ANSWER_MS: Final = 60_000
_PATIENCE_S: Final = 300.0
_LOOK_S: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """What was measured."""

    casts: int
    """Casts between start and stop of the clock."""
    wall_s: float
    """From the first push to the last commit."""
    cpu_s: float
    """Processor time of the node meanwhile, its writer's thread included."""
    forwarded: int
    """Casts all sinks together received as payload; `casts * SINKS` when none was dropped."""
    copies: int
    """Copies of known casts pushed afterwards."""
    copies_cpu_s: float
    """Processor time of the node for them."""
    rss_bytes: int
    """Memory of the node afterwards."""


async def measure_ingest(raws: Sequence[bytes], folder: Path, **settings: Any) -> Ingest:
    """Push the casts into a fresh node; `raws` holds `WARM` more than are counted."""
    node = new_node(folder, "-".join(["ingest", *settings]), **settings)
    peers = [Peer() for _ in range(1 + SINKS)]
    try:
        await node.start()
        for peer in peers:
            await peer.join(node.facts.listen or "")
        feeder, *sinks = peers
        await push_through(raws[:WARM], peers, node.home, before=0)
        pid = pid_of(node)
        seen, cpu, start = sum(sink.objects for sink in sinks), cpu_s(pid), time.perf_counter()
        await push_through(raws[WARM:], peers, node.home, before=WARM)
        wall, used = time.perf_counter() - start, cpu_s(pid) - cpu
        rss = rss_bytes(pid)
        copies, copies_cpu = await _again(raws, feeder, pid)
        return Ingest(
            casts=len(raws) - WARM,
            wall_s=wall,
            cpu_s=used,
            forwarded=sum(sink.objects for sink in sinks) - seen,
            copies=copies,
            copies_cpu_s=copies_cpu,
            rss_bytes=rss,
        )
    finally:
        for peer in peers:
            await peer.leave()
        await node.stop()


async def push_through(
    raws: Sequence[bytes], peers: Sequence[Peer], home: Path, *, before: int
) -> None:
    """Push casts, never more than a window ahead, and wait until the last is forwarded and kept.

    Args:
        raws: the casts.
        peers: the first pushes, the others count what comes.
        home: the node's.
        before: how many objects it held.
    """
    feeder, *sinks = peers
    base = min(sink.objects for sink in sinks)

    def reached(count: int) -> bool:
        return min(sink.objects for sink in sinks) - base >= count

    async with asyncio.timeout(_PATIENCE_S):
        for start in range(0, len(raws), _IN_FLIGHT // 4):
            await until(partial(reached, start - _IN_FLIGHT))
            await feeder.push(raws[start : start + _IN_FLIGHT // 4])
            show_progress("casts pushed", start, len(raws))
        await until(lambda: committed(home) >= before + len(raws), _LOOK_S)
        await until(partial(reached, len(raws)), _LOOK_S)
    show_progress("casts pushed", len(raws), len(raws))


async def _again(raws: Sequence[bytes], feeder: Peer, pid: int) -> tuple[int, float]:
    """Push what is known already; the answer to a question behind it says that all was read."""
    cpu = cpu_s(pid)
    for _ in range(_COPIES):
        await feeder.push(raws)
        await feeder.link.request(WhoIs(key=bytes(32)), _ANSWER_MS)
    return _COPIES * len(raws), cpu_s(pid) - cpu
