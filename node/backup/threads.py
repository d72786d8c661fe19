"""Threads that are waited for, whatever happens to whoever asked.

Enters: a function that works on files, or work under way. Leaves: its answer. A thread cannot be
stopped; a caller that is cancelled and cleans up at once would take away what the thread still
writes, or let another begin in the same place. So it is let go only when the thread is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function in a thread to its end.

    Raises:
        CancelledError: the caller was cancelled meanwhile; the function has ended all the same.
        Exception: whatever the function raised.
    """
    return await to_its_end(asyncio.to_thread(function, *args, **kwargs))


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait for work that must not be left halfway; raises as `in_thread`."""
    task = asyncio.ensure_future(work)  # noqa: TID251 - it never outlives this call
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        # Looked at, so that nobody complains of an error nobody asked for.
        task.exception()
    raise cancelled
