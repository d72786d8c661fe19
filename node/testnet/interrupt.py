"""Ctrl-C as an ordinary end: what runs is cancelled once, and cleans up without hurry.

Enters: a coroutine. Leaves: whether it came to its own end. A second Ctrl-C changes nothing: the
cleaning up is bounded in time, and left half done it would leave processes behind.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def _guarded(main: Coroutine[Any, Any, None]) -> bool:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    told: list[int] = []

    def stop(number: int) -> None:
        if not told and task is not None:
            task.cancel()
        told.append(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        await main
    except asyncio.CancelledError:
        if not told:
            raise
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
    return not told


def run_to_end(main: Coroutine[Any, Any, None]) -> bool:
    """Run a coroutine in a loop of its own, on the main thread.

    Returns:
        False when SIGINT, SIGTERM or SIGHUP ended it; its own clean-up is done then, too.
    """
    return asyncio.run(_guarded(main))
