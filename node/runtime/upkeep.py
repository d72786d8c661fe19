"""House-keeping by the hour: what has outlived its use leaves the disk.

Enters: the storage and the clock. Leaves: nothing; what was removed is logged as counts. The live
table in memory forgets expired objects by itself, by the same expiry.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from node.clock import Clock
from node.errors import StorageError
from node.storage.database import Storage

_LOG = logging.getLogger(__name__)
_PERIOD_S = 3_600.0
_CLOCK_LOOK_S = 10.0


async def keep_house(
    storage: Storage,
    clock: Clock,
    period_s: float = _PERIOD_S,
    *,
    clock_holds: Callable[[], bool] = lambda: True,
) -> None:
    """Sweep at start and then by the period, s, until cancelled; never by a clock that is off."""
    while True:
        if not clock_holds():
            await asyncio.sleep(min(period_s, _CLOCK_LOOK_S))
            continue
        try:
            swept = await storage.sweep(clock.now().wall_ms)
            _LOG.info("swept %d expired objects", len(swept.objects))
        except StorageError as error:
            _LOG.error("the sweep has to wait: %s", error)
        await asyncio.sleep(period_s)
