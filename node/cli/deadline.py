"""How long a command may still wait.

Enters: seconds a person allowed. Leaves: what is left of them, by the clock that never goes back.
"""

from __future__ import annotations

from node.clock import Clock, SystemClock

_MS = 1000


class Deadline:
    """A moment on this run's own clock."""

    def __init__(self, seconds: float, clock: Clock | None = None) -> None:
        """Begin now."""
        self._clock = clock or SystemClock()
        self._end_ms = self._clock.now().mono_ms + seconds * _MS

    def left_s(self) -> float:
        """Seconds left, not below zero."""
        return max(0.0, (self._end_ms - self._clock.now().mono_ms) / _MS)

    def over(self) -> bool:
        """Whether nothing is left."""
        return self.left_s() <= 0
