"""How late a node's loop is while it takes four fifths of the casts it could.

The rate is what the same machine took a moment ago in `bench_ingest`, so that other work on the
machine weighs on both. Leaves: how much later than asked short sleeps in the node's loop ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.bench_casts import show_progress
from scripts.bench_ingest import SINKS
from scripts.bench_node import Peer, new_node, pid_of, until
from scripts.watched_resident import LAGS

LOAD: Final = 0.8
_TICK_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """What was measured."""

    per_second: float
    """Casts pushed."""
    p50_s: float
    """Half of the sleeps ended no later."""
    p99_s: float
    """All but one in a hundred."""
    max_s: float
    """The worst."""


async def measure_lag(raws: Sequence[bytes], capacity: float, folder: Path) -> Lag:
    """Push casts at a steady pace into a fresh node.

    Args:
        raws: the casts.
        capacity: casts a second the node takes at most.
        folder: for its home.
    """
    node = new_node(folder, "lag", module="scripts.watched_resident")
    peers = [Peer() for _ in range(1 + SINKS)]
    rate = LOAD * capacity
    try:
        await node.start()
        for peer in peers:
            await peer.join(node.facts.listen or "")
        pid = pid_of(node)
        os.kill(pid, signal.SIGUSR1)
        began, sent = time.perf_counter(), 0
        while sent < len(raws):
            due = min(len(raws), int((time.perf_counter() - began) * rate) + 1)
            await peers[0].push(raws[sent:due])
            sent = due
            show_progress("casts pushed", sent, len(raws))
            await asyncio.sleep(_TICK_S)
        os.kill(pid, signal.SIGUSR2)
        file = node.home / LAGS
        await until(file.exists, _TICK_S)
        lags = sorted(json.loads(await asyncio.to_thread(file.read_text, encoding="ascii")))
    finally:
        for peer in peers:
            await peer.leave()
        await node.stop()
    return Lag(
        per_second=rate,
        p50_s=lags[len(lags) // 2],
        p99_s=lags[min(len(lags) - 1, int(0.99 * len(lags)))],
        max_s=lags[-1],
    )
