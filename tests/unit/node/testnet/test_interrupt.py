"""Ctrl-C: one cancellation, an undisturbed clean-up."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from node.testnet.interrupt import run_to_end


def test_a_run_that_ends_by_itself_says_so():
    seen = []

    async def main() -> None:
        seen.append(1)

    assert run_to_end(main())
    assert seen == [1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_a_second_does_not_disturb_the_cleaning(number: int):
    steps = []

    async def main() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), number)
            for _ in range(5):
                await asyncio.sleep(0)
            steps.append("clean")

    assert not run_to_end(main())
    assert steps == ["clean"]


def test_errors_come_through():
    async def main() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_to_end(main())


def test_a_cancellation_that_was_no_signal_is_not_taken_for_one():
    async def main() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_to_end(main())
