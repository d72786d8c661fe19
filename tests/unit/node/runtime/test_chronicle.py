"""Pages of what happened, their gaps, and a wait that misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.clock import SystemClock
from node.runtime import chronicle as chronicle_module
from node.runtime.chronicle import Chronicle, Signal
from node.storage import audit, bounds
from node.storage.database import Storage


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    found = await Storage.open(tmp_path / "home.db", clock=SystemClock())
    yield found
    await found.close()


@pytest.fixture
def chronicle(storage: Storage) -> Chronicle:
    return Chronicle(storage, Signal())


async def write(storage: Storage, count: int) -> None:
    def txn(conn):
        for n in range(count):
            audit.append(conn, at=1_000 * n, what="offer", ids=[b"\x01", bytes([n % 256])])

    await storage.write(txn)


async def test_an_empty_log_has_one_empty_page(chronicle: Chronicle):
    page = await chronicle.page(0)
    assert (page.events, page.cursor, page.has_gap, page.is_last) == ((), 0, False, True)
    assert chronicle.newest == 0


async def test_pages_follow_each_other(
    chronicle: Chronicle, storage: Storage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(chronicle_module, "PAGE_MAX", 3)
    await write(storage, 5)
    first = await chronicle.page(0)
    assert [event["n"] for event in first.events] == [1, 2, 3]
    assert (first.start, first.cursor, first.has_gap, first.is_last) == (0, 3, False, False)
    second = await chronicle.page(first.cursor)
    assert second.events == (
        {"n": 4, "at": "1970-01-01T00:00:03Z", "what": "offer", "ids": ["01", "03"]},
        {"n": 5, "at": "1970-01-01T00:00:04Z", "what": "offer", "ids": ["01", "04"]},
    )
    assert (second.cursor, second.is_last) == (5, True)
    assert (await chronicle.page(5)).events == ()


@pytest.mark.parametrize(
    ("after", "start", "has_gap"), [(0, 6, True), (5, 6, True), (6, 6, False), (11, 10, True)]
)
async def test_a_cursor_of_another_time_is_a_gap(
    chronicle: Chronicle,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
    start: int,
    has_gap: bool,
):
    monkeypatch.setattr(bounds, "audit_rows_max", 4)
    await write(storage, 10)
    page = await chronicle.page(after)
    assert (page.start, page.has_gap) == (start, has_gap)
    assert [event["n"] for event in page.events] == list(range(start + 1, 11))


async def test_whoever_waits_is_woken_by_a_commit_alone(chronicle: Chronicle, storage: Storage):
    waiting = asyncio.ensure_future(chronicle.wait(0, 30))
    await asyncio.sleep(0)
    await storage.write(lambda _conn: None)
    await asyncio.sleep(0)
    assert not waiting.done()
    await write(storage, 2)
    assert await waiting == 2
    assert await chronicle.wait(1, 30) == 2


@pytest.mark.parametrize("turns", range(4))
async def test_an_end_that_comes_together_with_a_ring_is_not_lost(storage: Storage, turns: int):
    """A loop that waits here must end when told to: its owner waits for it."""
    signal = Signal()
    chronicle = Chronicle(storage, signal)
    waiting = asyncio.ensure_future(chronicle.wait(0, 30))
    await asyncio.sleep(0)
    signal.ring()
    for _ in range(turns):
        await asyncio.sleep(0)
    if waiting.cancel():
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert waiting.done()


async def test_waiting_ends_with_a_ring_or_with_patience(storage: Storage):
    signal = Signal()
    chronicle = Chronicle(storage, signal)
    assert await chronicle.wait(0, 0.01) == 0
    waiting = asyncio.ensure_future(chronicle.wait(0, 30))
    await asyncio.sleep(0)
    signal.ring()
    assert await waiting == 0


async def test_a_home_that_is_opened_again_knows_its_newest_event(tmp_path: Path):
    path = tmp_path / "home.db"
    for expected in (0, 3):
        storage = await Storage.open(path, clock=SystemClock())
        assert storage.newest_event == expected
        await write(storage, 3)
        await storage.close()
