"""Narrowing: who asks for less than everything, and when it asks anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.clock import ManualClock
from node.config import Settings
from node.runtime import narrowing
from node.runtime.narrowing import NOTHING, Narrowing, narrows
from node.storage import restorations
from node.storage.database import Storage
from protocol import limits
from protocol.channel.messages import Interest

BOOKS = Interest(categories=["books"], cells=None)


class FakeNetwork:
    """What the network is told to want."""

    def __init__(self) -> None:
        self.wanted: list[Interest | None] = []

    def want_casts(self, interest: Interest | None) -> None:
        self.wanted.append(interest)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), True),
        (Settings(listen_port=0), False),
        (Settings(interest="all"), False),
        (Settings(net="park-city"), False),
        (Settings(net="park-city", interest="narrow"), True),
        (Settings(net="park-city", interest="narrow", listen_port=7440), False),
    ],
)
def test_only_who_cannot_be_dialled_asks_for_less(settings: Settings, expected: bool):
    assert narrows(settings) is expected


def leaf(network: Any, storage: Storage, clock: ManualClock, **facts) -> Narrowing:
    reach = facts.pop("reach", lambda: BOOKS)
    return Narrowing(network, settings=Settings(**facts), storage=storage, clock=clock, reach=reach)


async def test_a_leaf_asks_for_what_its_shop_can_answer(storage: Storage, clock: ManualClock):
    network: Any = FakeNetwork()
    await leaf(network, storage, clock).look()
    await leaf(network, storage, clock, reach=lambda: NOTHING).look()
    await leaf(network, storage, clock, interest="all").look()
    assert network.wanted == [BOOKS, NOTHING]


async def test_a_restored_home_asks_for_everything_while_its_requests_may_be_out(
    storage: Storage, clock: ManualClock
):
    network: Any = FakeNetwork()
    now_ms = clock.now().wall_ms
    await storage.write(
        lambda conn: restorations.record(conn, how="words", backup_ms=None, now_ms=now_ms)
    )
    await leaf(network, storage, clock).look()
    clock.advance(limits.cast_ttl_ms_max)
    await leaf(network, storage, clock).look()
    assert network.wanted == [None, BOOKS]


async def test_it_looks_again(storage: Storage, clock: ManualClock, monkeypatch):
    monkeypatch.setattr(narrowing, "_LOOK_S", 0.001)
    network: Any = FakeNetwork()
    task = asyncio.ensure_future(leaf(network, storage, clock).run())
    async with asyncio.timeout(5):
        while len(network.wanted) < 2:
            await asyncio.sleep(0.001)
    task.cancel()
    await leaf(network, storage, clock, interest="all").run()
