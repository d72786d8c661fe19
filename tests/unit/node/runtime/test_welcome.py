"""The first steps: offered once by themselves, until there is a request or somebody says no."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.runtime.welcome import Welcome
from tests.unit.node.market.booth import START_MS, Booth


@pytest.fixture
async def booth(tmp_path: Path) -> AsyncIterator[Booth]:
    found = await Booth.open(tmp_path, "buyer_ana", ManualClock(wall_ms=START_MS))
    yield found
    await found.close()


def welcome(booth: Booth) -> Welcome:
    return Welcome(booth.storage, booth.clock)


async def test_a_fresh_home_leads_there_once(booth: Booth):
    assert await welcome(booth).leads()
    assert not await welcome(booth).leads()
    assert await welcome(booth).is_due()


async def test_a_no_lasts(booth: Booth):
    await welcome(booth).dismiss()
    await welcome(booth).dismiss()
    assert not await welcome(booth).is_due()
    assert not await welcome(booth).leads()


async def test_a_home_with_a_request_needs_no_steps(booth: Booth):
    await booth.cast()
    assert not await welcome(booth).is_due()
    assert not await welcome(booth).leads()
