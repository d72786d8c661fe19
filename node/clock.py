"""The only place that asks what time it is.

Leaves: `Now`, both clocks read together. Tests and testnets hand in another clock; the machine's
own is never set.
"""

from __future__ import annotations

import time
from typing import Protocol

from protocol.now import Now

_NS_PER_MS = 1_000_000


class Clock(Protocol):
    """Whatever can say what moment it is."""

    def now(self) -> Now:
        """Read both clocks."""
        ...


class SystemClock:
    """The machine's clocks, the wall clock shifted by a fixed offset (testnets only)."""

    def __init__(self, offset_ms: int = 0) -> None:
        """Keep the offset, ms."""
        self._offset_ms = offset_ms

    def now(self) -> Now:
        """Read both clocks."""
        return Now(
            wall_ms=time.time_ns() // _NS_PER_MS + self._offset_ms,
            mono_ms=time.monotonic_ns() // _NS_PER_MS,
        )


class ManualClock:
    """A clock that runs with another one and can be pushed ahead, for tests and replays."""

    def __init__(self, base: Clock | None = None, *, wall_ms: int = 0) -> None:
        """Start at `wall_ms`, standing still, or run with `base`."""
        self._base = base
        self._wall_ms = wall_ms
        self._mono_ms = 0

    def advance(self, ms: int) -> None:
        """Push both clocks ahead."""
        self._wall_ms += ms
        self._mono_ms += ms

    def jump_wall(self, ms: int) -> None:
        """Move the wall clock alone, as a suspend or a correction does."""
        self._wall_ms += ms

    def now(self) -> Now:
        """Read both clocks."""
        base = self._base.now() if self._base else Now(wall_ms=0, mono_ms=0)
        return Now(wall_ms=base.wall_ms + self._wall_ms, mono_ms=base.mono_ms + self._mono_ms)
