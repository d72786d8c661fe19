"""Timers hand a token back once, at the last time set."""

from __future__ import annotations

import asyncio

from node.runtime.timers import Timers
from protocol.network.actions import Timer


async def test_a_timer_set_again_fires_once():
    fired: list[Timer] = []
    timers = Timers(fired.append)
    timers.set(Timer.SWEEP, 0)
    timers.set(Timer.SWEEP, 1)
    timers.set(Timer.DIAL, 0)
    async with asyncio.timeout(2):
        while len(fired) < 2:
            await asyncio.sleep(0)
    assert fired == [Timer.DIAL, Timer.SWEEP]
    timers.set(Timer.DIAL, 0)
    timers.stop()
    await asyncio.sleep(0.005)
    assert len(fired) == 2
