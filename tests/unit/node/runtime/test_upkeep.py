"""House-keeping sweeps at once and again, and a failing disk does not end it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from node.clock import ManualClock
from node.errors import StorageError
from node.runtime.upkeep import keep_house

if TYPE_CHECKING:
    from node.storage.database import Storage


class Shelf:
    """Counts sweeps; the second one fails."""

    def __init__(self):
        self.at = []
        self.third = asyncio.Event()

    async def sweep(self, now_ms):
        self.at.append(now_ms)
        if len(self.at) == 2:
            raise StorageError("the disk is full", code="E-DISK-FULL")
        if len(self.at) == 3:
            self.third.set()
        return SimpleNamespace(objects=[b"x"])


async def test_it_sweeps_at_once_and_after_a_failure(caplog):
    shelf = Shelf()
    with caplog.at_level(logging.INFO):
        task = asyncio.create_task(
            keep_house(cast("Storage", shelf), ManualClock(wall_ms=77), period_s=0)
        )
        await asyncio.wait_for(shelf.third.wait(), 5)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert shelf.at[:3] == [77, 77, 77]
    assert "the disk is full" in caplog.text
    assert "swept 1 expired" in caplog.text


async def test_by_a_clock_that_is_off_nothing_is_swept():
    shelf = Shelf()
    holds = False
    task = asyncio.create_task(
        keep_house(
            cast("Storage", shelf),
            ManualClock(wall_ms=77),
            period_s=0.001,
            clock_holds=lambda: holds,
        )
    )
    await asyncio.sleep(0.05)
    assert shelf.at == []
    holds = True
    await asyncio.wait_for(shelf.third.wait(), 5)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
