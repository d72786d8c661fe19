"""A node in a process of its own that writes down where its loop's time goes, while it is told to.

Enters: a home, as `node.testnet.resident` takes it; SIGUSR1 begins, SIGUSR2 ends and writes the
figures into `profile.pstats` of the home. Start and stop of the node are not in them, nor the
thread that writes to disk: the profiler sees the thread of the loop alone.
"""

from __future__ import annotations

import cProfile
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

from node.testnet import resident

FIGURES: Final = "profile.pstats"


def main(home: str) -> int:
    """Run the node of a home."""
    profile = cProfile.Profile()
    file = Path(home) / FIGURES

    def begin(_number: int, _frame: FrameType | None) -> None:
        profile.enable()

    def end(_number: int, _frame: FrameType | None) -> None:
        profile.disable()
        profile.dump_stats(file)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    return resident.main([home])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
