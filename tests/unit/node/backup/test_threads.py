"""Threads that are waited for: a cancelled caller is let go when the work is done, not before."""

from __future__ import annotations

import asyncio
import threading

import pytest

from node.backup.threads import in_thread, to_its_end


async def test_answers_and_errors_pass_through():
    assert await in_thread(sorted, [2, 1], reverse=True) == [2, 1]
    with pytest.raises(ValueError, match="invalid literal"):
        await in_thread(int, "x")


@pytest.mark.parametrize("fails", [False, True])
async def test_however_often_cancelled_it_waits_for_the_end(fails: bool):
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go.wait(10)
        done.set()
        if fails:
            raise OSError(28, "No space left on device")

    caller = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(2):
        caller.cancel()
        await asyncio.wait((caller,), timeout=0)
        await asyncio.sleep(0)
        assert not caller.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done.is_set()


async def test_work_that_is_cancelled_itself_says_so():
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await to_its_end(work())
    waits = asyncio.Event()

    async def stopped() -> None:
        await waits.wait()
        raise asyncio.CancelledError

    caller = asyncio.create_task(to_its_end(stopped()))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.sleep(0)
    waits.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
