"""Whose piece of a tunnel is next on a link, and how many may go and wait."""

from __future__ import annotations

import asyncio

import pytest

from node.clock import ManualClock
from node.network.turns import Turns
from protocol import limits

ROOM = 1_000
STEP_MS = 1_000 // limits.tunnel_pieces_s


class Desk:
    """Turns whose timer is turned by hand, and what was done."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.turns = Turns(self.clock)
        self.done: list[str] = []

    def take(self, who: str, what: str = "", size: int = 1, room: int = ROOM) -> bool:
        return self.turns.take(who, size, lambda: self.done.append(what or who), room=room)

    def tire(self) -> None:
        """Use up what may go at once."""
        for _ in range(limits.tunnel_pieces_burst):
            assert self.take("before")
        self.done.clear()

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.clock.advance(STEP_MS)
            self.turns._timed()


@pytest.fixture
async def desk():
    made = Desk()
    yield made
    made.turns.close()
    assert made.turns._timer is None


async def test_so_many_go_at_once_and_so_many_a_second(desk: Desk):
    count = limits.tunnel_pieces_burst + 5
    for _ in range(count):
        assert desk.take("ana")
    assert len(desk.done) == limits.tunnel_pieces_burst
    desk.step(3)
    assert len(desk.done) == limits.tunnel_pieces_burst + 3
    desk.turns._timed()
    assert len(desk.done) == limits.tunnel_pieces_burst + 3
    desk.clock.advance(1_000)
    desk.turns._timed()
    assert len(desk.done) == count
    assert desk.turns.bytes_waiting == 0


async def test_by_itself_the_next_goes_when_it_may(desk: Desk):
    desk.tire()
    desk.take("ana")
    timer = desk.turns._timer
    assert timer is not None
    left_s = timer.when() - asyncio.get_running_loop().time()
    assert 0 < left_s <= 1 / limits.tunnel_pieces_s


async def test_who_has_little_waits_for_nobodys_heap(desk: Desk):
    desk.tire()
    for number in range(100):
        desk.take("greedy", f"greedy {number}")
    desk.take("bo")
    desk.take("ana", "ana 1")
    desk.take("ana", "ana 2")
    desk.step(5)
    assert desk.done == ["greedy 0", "bo", "ana 1", "greedy 1", "ana 2"]


async def test_nobody_has_more_waiting_than_is_free(desk: Desk):
    desk.tire()
    desk.take("before", size=0)
    taken = dict.fromkeys(("one", "two", "three"), 0)
    for who in taken:
        while desk.take(who, size=10):
            taken[who] += 10
    assert taken == {"one": 500, "two": 250, "three": 130}
    assert desk.turns.bytes_waiting == 880
    assert desk.take("ana", size=100)
    desk.step(5)
    # One of "before", and one of each.
    assert desk.turns.bytes_waiting == 880 - 3 * 10


async def test_what_follows_comes_after_and_is_never_refused(desk: Desk):
    desk.tire()
    desk.take("ana", "first", size=ROOM // 2)
    assert not desk.take("ana", "too much", size=ROOM // 2)
    desk.turns.follow("ana", lambda: desk.done.append("end"))
    desk.step(2)
    assert desk.done == ["first", "end"]
    # A step later there is room again, and nothing that waits: it goes at once.
    desk.clock.advance(STEP_MS)
    desk.turns.follow("ana", lambda: desk.done.append("at once"))
    assert desk.done[-1] == "at once"


async def test_a_turn_is_waited_for_and_may_be_given_up(desk: Desk):
    await asyncio.wait_for(desk.turns.turn("ana"), 1)
    while not desk.turns.bytes_waiting:
        desk.take("before")
    given_up = asyncio.ensure_future(desk.turns.turn("bo"))
    waiting = asyncio.ensure_future(desk.turns.turn("ana"))
    await asyncio.sleep(0)
    given_up.cancel()
    desk.step(2)
    await asyncio.sleep(0)
    assert not waiting.done()
    desk.step()
    await waiting
    with pytest.raises(asyncio.CancelledError):
        await given_up


async def test_with_its_link_nothing_waits_any_more(desk: Desk):
    desk.tire()
    desk.take("ana")
    waiting = asyncio.ensure_future(desk.turns.turn("bo"))
    await asyncio.sleep(0)
    desk.turns.close()
    await waiting
    assert desk.done == ["ana"]
    await desk.turns.turn("late")
    assert desk.take("late")
