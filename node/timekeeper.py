"""The timekeeper: whether this computer's clock may date a signature, or end anything.

Enters: what the peers' clocks say against ours. Leaves: yes or no. While the median of at least
three peers is more than two minutes off, nothing is signed and nothing ends for being late: a date
that is wrong stays wrong for ever, and waiting costs little. The clock itself is never set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from node.clock import Clock
from node.errors import RefusedError

CLOCK_OFF_MS: Final = 2 * 60_000
"""How far the median of the peers' clocks may be from ours."""
_REMEMBERED_MS: Final = 60_000
"""How long what peers said counts when too few are linked: a clock that jumps has its links made
anew, and must not be believed while they are; one without peers has to be in the end; guess."""


class Timekeeper:
    """One per node."""

    def __init__(
        self,
        clock: Clock | None = None,
        offset_ms: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Keep the ways to ask.

        Args:
            clock: ours; None remembers nothing.
            offset_ms: gives the median of the peers' clocks against ours; None when too few are
                linked to tell.
        """
        self._clock = clock
        self._offset_ms = offset_ms
        self._heard: tuple[int, int] | None = None

    def _offset(self) -> int | None:
        offset = self._offset_ms()
        if self._clock is None:
            return offset
        now = self._clock.now()
        if offset is not None:
            self._heard = (now.mono_ms, now.wall_ms + offset)
        elif self._heard is not None and now.mono_ms - self._heard[0] <= _REMEMBERED_MS:
            offset = self._heard[1] + now.mono_ms - self._heard[0] - now.wall_ms
        return offset

    @property
    def holds(self) -> bool:
        """Whether no majority of peers contradicts our clock."""
        offset = self._offset()
        return offset is None or abs(offset) <= CLOCK_OFF_MS

    def check(self) -> None:
        """Refuse to sign by a clock that is off.

        Raises:
            RefusedError: E-CLOCK.
        """
        if not self.holds:
            raise RefusedError(
                "this computer's clock differs from its peers' by over 2 minutes",
                code="E-CLOCK",
                fix="Set the clock, then try again; nothing was signed",
            )
