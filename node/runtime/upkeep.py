"""House-keeping by the hour: what has outlived its use leaves the disk.

Enters: the storage and the clock. Leaves: nothing; what was removed is logged as counts. The live
table in memory forgets expired objects by itself, by the same expiry.
"""

from __future__ import annotations

import asyncio
import logging

from node.clock import Clock
from node.errors import StorageError
from node.storage.database import Storage

_LOG = logging.getLogger(__name__)
_PERIOD_S = 3_600.0


async def keep_house(storage: Storage, clock: Clock, period_s: float = _PERIOD_S) -> None:
    """Sweep at start and then by the period, s, until cancelled."""
    while True:
        try:
            swept = await storage.sweep(clock.now().wall_ms)
            _LOG.info("swept %d expired objects", len(swept.objects))
        except StorageError as error:
            _LOG.error("the sweep has to wait: %s", error)
        await asyncio.sleep(period_s)
