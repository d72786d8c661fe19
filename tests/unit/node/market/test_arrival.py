"""Promises wait until our boxes were read after a start, and never for long."""

from __future__ import annotations

import asyncio

import pytest

from node.clock import ManualClock
from node.market import arrival
from node.market.arrival import Arrival
from node.storage.boxes_own import OwnBox
from protocol.ids import NodeId
from tests.unit.node.market.booth import ListPost

ONE, OTHER = NodeId(b"1" * 32), NodeId(b"2" * 32)
BOX = OwnBox(reader=b"r" * 32, ctx=b"c" * 16, box=b"b" * 32, mailboxes=(ONE, OTHER), until=9)


@pytest.fixture
def post() -> ListPost:
    found = ListPost()
    found.watched = [BOX]
    return found


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch, clock: ManualClock) -> list[float]:
    """Let waits move the clock instead; gives how long each was."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)
        clock.advance(round(seconds * 1_000))

    monkeypatch.setattr(arrival, "asyncio", type("Waits", (), {"sleep": staticmethod(sleep)}))
    return found


async def test_a_home_without_boxes_waits_for_nothing(clock: ManualClock, waited: list[float]):
    await Arrival(ListPost(), clock).over()
    assert waited == []


async def test_it_waits_for_every_mailbox_that_answers(post: ListPost, clock: ManualClock):
    coming = asyncio.ensure_future(Arrival(post, clock).over())
    await asyncio.sleep(0)
    assert not coming.done()
    post.read_since[BOX.reader, ONE] = 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(coming), 0.15)
    post.read_since[BOX.reader, OTHER] = 1
    await asyncio.wait_for(coming, 5)


async def test_one_that_fails_is_not_waited_for(
    post: ListPost, clock: ManualClock, waited: list[float]
):
    post.read_since[BOX.reader, ONE] = 1
    post.failing_since[BOX.reader, OTHER] = 1
    await Arrival(post, clock).over()
    assert waited == []


async def test_where_none_answers_the_wait_has_an_end_and_a_wake_begins_anew(
    post: ListPost, clock: ManualClock, waited: list[float]
):
    post.failing_since = {(BOX.reader, each): 1 for each in BOX.mailboxes}
    arrived = Arrival(post, clock)
    await arrived.over()
    assert sum(waited) == pytest.approx(5)
    await arrived.over()
    assert sum(waited) == pytest.approx(5)
    arrived.begin()
    await arrived.over()
    assert sum(waited) == pytest.approx(10)


async def test_a_clock_that_stands_still_ends_it_too(
    post: ListPost, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(arrival, "_WAIT_MS", 100)
    await asyncio.wait_for(Arrival(post, clock).over(), 5)
