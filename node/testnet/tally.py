"""Counts what a small network brings about, and measures how soon.

Enters: what each buyer sees. Leaves: sums, the first moments by the clock that never goes back, and
a call whenever a sum changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from node.clock import Clock
from node.testnet.goal import Counts, Goal


class Tally:
    """Sums over all buyers."""

    def __init__(self, clock: Clock, on_change: Callable[[Counts], None] = lambda _: None) -> None:
        """Start at nothing, now."""
        self._clock = clock
        self._on_change = on_change
        self._by_buyer: dict[str, Counts] = {}
        self._moved = asyncio.Event()
        self._started_ms = clock.now().mono_ms
        self._first_cast_ms: int | None = None
        self._first_offer_ms: int | None = None
        self.counts = Counts()

    def elapsed_ms(self) -> int:
        """Ms since the start."""
        return self._clock.now().mono_ms - self._started_ms

    @property
    def first_cast_ms(self) -> int | None:
        """Ms from the start until the first buyer began to ask."""
        return self._first_cast_ms

    @property
    def first_offer_ms(self) -> int | None:
        """Ms from the first asking until a buyer held an offer."""
        if self._first_offer_ms is None or self._first_cast_ms is None:
            return None
        return self._first_offer_ms - self._first_cast_ms

    def asking(self) -> None:
        """Note that a buyer begins to ask: its draft is not signed yet."""
        if self._first_cast_ms is None:
            self._first_cast_ms = self.elapsed_ms()

    def update(self, buyer: str, counts: Counts) -> None:
        """Take what a buyer sees now."""
        self._by_buyer[buyer] = counts
        total = sum(self._by_buyer.values(), Counts())
        if total == self.counts:
            return
        self.counts = total
        if total.offers and self._first_offer_ms is None:
            self._first_offer_ms = self.elapsed_ms()
        self._on_change(total)
        self._moved.set()

    async def reach(self, goal: Goal) -> None:
        """Wait until a goal holds."""
        while not goal.reached(self.counts):
            self._moved.clear()
            await self._moved.wait()
