"""Where the processor time of an accepted cast goes, room by room.

A node under the profiler takes casts as in `bench_ingest`. Leaves: for each room of the product,
and for each library beneath it, the time its functions spent themselves. What is built into Python
counts for the function that called it, so that sorting a map counts for who sorts. The profiler
makes small functions look dearer than they are: the shares tell where to look, the rates of
`scripts/bench` tell what was won.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pstats
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from node.clock import SystemClock
from protocol.now import MINUTE_MS
from scripts.bench_casts import make_casts
from scripts.bench_ingest import SINKS, WARM, push_through
from scripts.bench_node import Peer, new_node, pid_of, until
from scripts.profiled_resident import FIGURES

CASTS: Final = 3_000
_ROOT: Final = Path(__file__).resolve().parent.parent
_BUILT_IN: Final = "~"
_ROWS: Final = 20
_IDLE: Final = "waiting"
_NAMED: Final = {
    "crypto_sign_open": "the signature check itself",
    "_ietf_encrypt": "encrypting frames",
    "_ietf_decrypt": "decrypting frames",
    "'send' of '_socket": "sending to sockets",
    "'recv' of '_socket": "receiving from sockets",
    "select.epoll": _IDLE,
}
"""Functions told by what they do, wherever they are called from."""
Place: TypeAlias = tuple[str, int, str]
Stats: TypeAlias = Mapping[Place, tuple[int, int, float, float, Mapping[Place, Any]]]


def room_of(file: str) -> str:
    """Name the module of ours, or the library, that a file belongs to."""
    path = Path(file)
    if path.is_relative_to(_ROOT) and "site-packages" not in path.parts:
        return path.relative_to(_ROOT).as_posix().removesuffix(".py")
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1]
    return "python: " + ("asyncio" if "asyncio" in path.parts else path.stem)


def rooms_of(stats: Stats) -> Counter[str]:
    """Sum the microseconds functions spent themselves by room."""
    spent: Counter[str] = Counter()
    for (file, _, name), (_, _, own_s, _, callers) in stats.items():
        told = next((words for mark, words in _NAMED.items() if mark in name), None)
        if file != _BUILT_IN or told:
            spent[told or room_of(file)] += round(own_s * 1e6)
            continue
        for (caller, _, _), part in callers.items():
            room = room_of(caller) if caller != _BUILT_IN else "python"
            spent[room] += round(part[2] * 1e6)
    del spent[_IDLE]
    return spent


async def measure_profile(casts: int, folder: Path) -> Stats:
    """Run a node under the profiler while casts are pushed through it."""
    minute = SystemClock().now().wall_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS
    raws = list(make_casts(casts + WARM, at=minute))
    node = new_node(folder, "profile", module="scripts.profiled_resident")
    peers = [Peer() for _ in range(1 + SINKS)]
    try:
        await node.start()
        for peer in peers:
            await peer.join(node.facts.listen or "")
        await push_through(raws[:WARM], peers, node.home, before=0)
        os.kill(pid_of(node), signal.SIGUSR1)
        await push_through(raws[WARM:], peers, node.home, before=WARM)
        os.kill(pid_of(node), signal.SIGUSR2)
        figures = node.home / FIGURES
        await until(lambda: figures.exists() and figures.stat().st_size > 0, 0.2)
        return pstats.Stats(str(figures)).stats  # type: ignore[attr-defined,no-any-return]
    finally:
        for peer in peers:
            await peer.leave()
        await node.stop()


def table(stats: Stats, casts: int) -> str:
    """Write the rooms, the dearest first."""
    spent = rooms_of(stats)
    whole = spent.total()
    rows = [("all", whole), *spent.most_common(_ROWS)]
    return "\n".join(
        f"| {room} | {micros / casts:.1f} us | {micros / whole:.1%} |" for room, micros in rows
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench profile", description=__doc__)
    parser.add_argument("--casts", type=int, default=CASTS, help="casts pushed through")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="intentcast-bench-") as name:
        stats = asyncio.run(measure_profile(given.casts, Path(name)))
    print(table(stats, given.casts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
