"""Timers of one node: tokens handed back when their time has come.

Enters: `SetTimer` actions. Leaves: calls with the token, in the loop. Setting a token again
replaces the wait it had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from protocol.network.actions import Timer

_MS = 1_000


class Timers:
    """At most one wait per token."""

    def __init__(self, on_fired: Callable[[Timer], None]) -> None:
        """Prepare; nothing runs until set."""
        self._on_fired = on_fired
        self._handles: dict[Timer, asyncio.TimerHandle] = {}

    def set(self, timer: Timer, delay_ms: int) -> None:
        """Hand `timer` back after `delay_ms`."""
        if timer in self._handles:
            self._handles[timer].cancel()
        loop = asyncio.get_running_loop()
        self._handles[timer] = loop.call_later(delay_ms / _MS, self._fire, timer)

    def _fire(self, timer: Timer) -> None:
        del self._handles[timer]
        self._on_fired(timer)

    def stop(self) -> None:
        """Hand back nothing any more."""
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()
