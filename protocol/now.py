"""The two clocks, as one value that is handed to every machine.

`wall_ms` drives signed times and may go back; `mono_ms` drives budgets and timers within one run.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """A moment: both clocks read together."""

    wall_ms: int
    """Unix time, ms."""
    mono_ms: int
    """Monotonic time of this run, ms."""

    def minute_ms(self) -> int:
        """Give the wall clock cut to the minute: finer skew would link one buyer's casts."""
        return self.wall_ms - self.wall_ms % MINUTE_MS
