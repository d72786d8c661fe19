"""A node in a process of its own that watches how late its loop is, while it is told to.

Enters: a home, as `node.testnet.resident` takes it; SIGUSR1 begins, SIGUSR2 ends and writes the
delays into `lag.json` of the home: how much later than asked each of many short sleeps ended, s.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

from node.testnet import resident

LAGS: Final = "lag.json"
_NAP_S: Final = 0.002


async def _watch(lags: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_NAP_S)
        lags.append(max(0.0, time.perf_counter() - began - _NAP_S))


def main(home: str) -> int:
    """Run the node of a home."""
    file = Path(home) / LAGS
    lags: list[float] = []
    watching: list[asyncio.Task[None]] = []

    def begin(_number: int, _frame: FrameType | None) -> None:
        watching.append(asyncio.get_running_loop().create_task(_watch(lags)))

    def end(_number: int, _frame: FrameType | None) -> None:
        watching.pop().cancel()
        part = file.with_suffix(".part")
        part.write_text(json.dumps(lags), encoding="ascii")
        part.replace(file)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    return resident.main([home])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
