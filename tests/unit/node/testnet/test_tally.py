"""Counting, and the two moments that are measured."""

from __future__ import annotations

import asyncio

from node.clock import ManualClock
from node.testnet.goal import Counts, parse_goal
from node.testnet.tally import Tally


def test_first_moments_are_measured_once():
    clock = ManualClock()
    tally = Tally(clock)
    clock.advance(100)
    tally.asking()
    clock.advance(50)
    tally.asking()
    tally.update("a", Counts(casts=1))
    assert tally.first_offer_ms is None
    clock.advance(30)
    tally.update("a", Counts(casts=1, offers=1))
    clock.advance(1_000)
    tally.update("a", Counts(casts=1, offers=2))
    assert [tally.first_cast_ms, tally.first_offer_ms] == [100, 80]
    assert tally.elapsed_ms() == 1_180


def test_sums_run_over_buyers_and_only_changes_are_told():
    told: list[Counts] = []
    tally = Tally(ManualClock(), told.append)
    tally.update("a", Counts(casts=1))
    tally.update("a", Counts(casts=1))
    tally.update("b", Counts(casts=2, offers=1))
    assert told == [Counts(casts=1), Counts(casts=3, offers=1)]
    assert tally.counts == told[-1]


async def test_reaching_a_goal_ends_the_wait():
    tally = Tally(ManualClock())
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(tally.reach(parse_goal("offers>=2")))
        await asyncio.sleep(0)
        tally.update("a", Counts(offers=1))
        await asyncio.sleep(0)
        assert not waiting.done()
        tally.update("b", Counts(offers=1))
    await tally.reach(parse_goal("offers==2"))
