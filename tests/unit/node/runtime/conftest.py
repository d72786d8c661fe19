"""A disk for the rooms of the runtime, and a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.storage.database import Storage
from protocol.now import HOUR_MS
from tests.parties import NOW_MS


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall_ms=NOW_MS + HOUR_MS)


@pytest.fixture
async def storage(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Storage]:
    opened = await Storage.open(tmp_path / "home.db", clock=clock)
    yield opened
    await opened.close()
