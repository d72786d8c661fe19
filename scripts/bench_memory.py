"""How much memory a node holds with live casts, and how long it takes to come back with them.

The casts are put into the home's database as the node itself puts them there; then a process is
started over that home. Started: its local API answers. The memory is read once it is quiet.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from node.clock import SystemClock
from node.home import DATABASE_FILE
from node.storage import objects
from node.storage.database import Storage
from protocol.objects.envelope import Verified, open_stored
from scripts.bench_casts import show_progress
from scripts.bench_node import cpu_s, new_node, pid_of, rss_bytes
from scripts.rates import NET

_TOGETHER: Final = 500
_QUIET_S: Final = 1.0
_QUIET_CPU: Final = 0.05
_QUIET_LOOKS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One node, started once."""

    casts: int
    """Live casts in its home."""
    raw_bytes: int
    """Their envelopes together."""
    rss_bytes: int
    """Memory when it was quiet."""
    start_s: float
    """From the start of the process to the first answer of its API."""


async def measure_memory(raws: Sequence[bytes], folder: Path) -> Memory:
    """Start a node over a home that holds the casts."""
    node = new_node(folder, f"memory-{len(raws)}")
    await _fill(node.home / DATABASE_FILE, raws)
    began = time.perf_counter()
    try:
        await node.start()
        took = time.perf_counter() - began
        pid = pid_of(node)
        for _ in range(_QUIET_LOOKS):
            before = cpu_s(pid)
            await asyncio.sleep(_QUIET_S)
            if cpu_s(pid) - before <= _QUIET_CPU:
                break
        held = rss_bytes(pid)
    finally:
        await node.stop()
    total = sum(map(len, raws))
    return Memory(casts=len(raws), raw_bytes=total, rss_bytes=held, start_s=took)


def _keep(conn: sqlite3.Connection, *, some: Sequence[Verified[Any]], now_ms: int) -> None:
    for verified in some:
        objects.insert(conn, verified, own=False, now_ms=now_ms)


async def _fill(file: Path, raws: Sequence[bytes]) -> None:
    clock = SystemClock()
    storage = await Storage.open(file, clock=clock)
    try:
        for start in range(0, len(raws), _TOGETHER):
            some = [open_stored(raw, net=NET) for raw in raws[start : start + _TOGETHER]]
            now_ms = clock.now().wall_ms

            await storage.write(partial(_keep, some=some, now_ms=now_ms))
            show_progress("casts stored", start + len(some), len(raws))
    finally:
        await storage.close()
