"""A buyer's booth and a vendor's, with one clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.clock import ManualClock
from tests.unit.node.market.booth import START_MS, Booth, Market


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall_ms=START_MS)


@pytest.fixture
async def market(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Market]:
    buyer = await Booth.open(tmp_path, "buyer_ana", clock)
    vendor = await Booth.open(tmp_path, "vendor_bo", clock)
    yield Market(buyer=buyer, vendor=vendor, clock=clock)
    await buyer.close()
    await vendor.close()


@pytest.fixture
def buyer(market: Market) -> Booth:
    return market.buyer


@pytest.fixture
def vendor(market: Market) -> Booth:
    return market.vendor
