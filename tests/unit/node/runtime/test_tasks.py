"""No task is lost, and none fails in silence."""

from __future__ import annotations

import asyncio
import logging

import pytest

from node.runtime.tasks import Tasks


async def test_a_task_runs_under_its_name():
    tasks = Tasks()

    async def work() -> int:
        return 7

    task = tasks.spawn(work(), "works")
    assert task.get_name() == "works"
    assert await task == 7
    await tasks.close()
    assert tasks.failures == 0


async def test_a_failure_is_logged_by_name_and_counted(caplog: pytest.LogCaptureFixture):
    tasks = Tasks()

    async def fail() -> None:
        raise ZeroDivisionError("a bug")

    with caplog.at_level(logging.ERROR):
        task = tasks.spawn(fail(), "fails")
        with pytest.raises(ZeroDivisionError):
            await task
        await asyncio.sleep(0)
    assert tasks.failures == 1
    (record,) = caplog.records
    assert "task fails failed" in record.message
    assert record.exc_info is not None


async def test_the_end_waits_for_what_tidies_up_even_when_that_spawns_more():
    tasks = Tasks()
    tidied: list[str] = []

    async def tidy(name: str) -> None:
        await asyncio.sleep(0)
        tidied.append(name)

    async def runs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await tidy("first")
            _ = tasks.spawn(asyncio.Event().wait(), "last")

    _ = tasks.spawn(runs(), "runs")
    await asyncio.sleep(0)
    await tasks.close()
    assert tidied == ["first"]
    assert tasks._tasks == set()
    assert tasks.failures == 0


async def test_a_cancelled_task_is_no_failure():
    tasks = Tasks()
    task = tasks.spawn(asyncio.Event().wait(), "waits")
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await tasks.close()
    assert tasks.failures == 0
