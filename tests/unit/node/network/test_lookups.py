"""Looking for the far ends of tunnels: each key once at a time, and not again right after."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import TransportError
from node.network.lookups import Lookups
from node.runtime.tasks import Tasks
from protocol import limits
from protocol.ids import NodeId
from tests.unit.node.network.passers import FakeLink, key_of

KEY = key_of("far")


class Guide:
    """Finds nobody until told, and counts how often it was asked."""

    def __init__(self, tasks: Tasks) -> None:
        self.clock = ManualClock()
        self.asked: Counter[NodeId] = Counter()
        self.may_go_on = asyncio.Event()
        self.found: Any = TransportError("nowhere")
        self.lookups = Lookups(self.connect, clock=self.clock, spawn=tasks.spawn)

    async def connect(self, key: NodeId) -> Any:
        self.asked[key] += 1
        await self.may_go_on.wait()
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
async def guide() -> AsyncIterator[Guide]:
    tasks = Tasks()
    yield Guide(tasks)
    await tasks.close()
    assert tasks.failures == 0


async def test_one_key_is_looked_for_once_at_a_time(guide: Guide):
    guide.found = FakeLink("far")
    finds = [asyncio.ensure_future(guide.lookups.find(KEY)) for _ in range(50)]
    await asyncio.sleep(0)
    finds[0].cancel()
    guide.may_go_on.set()
    ends = await asyncio.gather(*finds, return_exceptions=True)
    assert isinstance(ends[0], asyncio.CancelledError)
    assert ends[1:] == [guide.found] * 49
    assert guide.asked == {KEY: 1}
    # What was found is not remembered: the link may be gone.
    assert await guide.lookups.find(KEY) is guide.found
    assert guide.asked == {KEY: 2}


async def test_what_was_in_vain_is_not_done_again_at_once(guide: Guide):
    guide.may_go_on.set()
    for _ in range(3):
        with pytest.raises(TransportError):
            await guide.lookups.find(KEY)
    assert guide.asked == {KEY: 1}
    guide.clock.advance(limits.lookup_vain_ms)
    guide.found = FakeLink("far")
    assert await guide.lookups.find(KEY) is guide.found


async def test_a_look_up_has_its_time(guide: Guide, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "tunnel_open_ms_max", 10)
    with pytest.raises(TransportError, match="in time"):
        await guide.lookups.find(KEY)
    assert not guide.lookups._open
    with pytest.raises(TransportError, match="in vain"):
        await guide.lookups.find(KEY)


async def test_so_many_are_remembered_as_not_found(guide: Guide, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "lookups_vain_max", 2)
    guide.may_go_on.set()
    for name in ("one", "two", "three", "three", "one"):
        with pytest.raises(TransportError):
            await guide.lookups.find(key_of(name))
    assert guide.asked == {key_of("one"): 2, key_of("two"): 1, key_of("three"): 1}
    assert len(guide.lookups._vain) == 2
