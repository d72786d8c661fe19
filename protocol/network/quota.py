"""Quota: who has a place in a store that grows full, and who gives way.

Up to four fifths everything has one. Beyond, the longest life that is sure of a place falls by
half, and once more: what lives longer comes in only in place of something that stands lower. In a
full store a newcomer within that life takes the place of whoever stands lowest, if that paid no
more work: what was prepared long before, however much of it, keeps nobody out who comes later.
Lower stands who paid less work beyond what was due, then who would stay longer, of what its kind
may. Enters: an entry, how full it is, some of those that are there. Leaves: a place, somebody's
place, or none. Never touched: our own objects and pinned ones, which count for nothing here.
Source: docs/protocol/06-gossip.md, "Quota".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from protocol import limits
from protocol.objects.header import STATEMENT_KINDS, Kind, life_ms_max

if TYPE_CHECKING:
    from protocol.network.live import LiveEntry

SAMPLE: Final = 32
"""Entries looked at to find one that stands low: one of the lower tenth is among them in 29 of 30
cases, and nothing has to be kept in order for it."""
_PERCENTS: Final = (limits.quota_first_percent, limits.quota_second_percent)
_PARTS: Final = 1_000_000


class Quota:
    """The rule of one store."""

    def __init__(self, entries_max: int) -> None:
        """Set the size.

        Args:
            entries_max: how many objects of others have a place.
        """
        self.entries_max = entries_max

    def life_ms_max(self, kind: Kind, count: int) -> int:
        """Give the longest life that is sure of a place, at a number of objects of others."""
        # What is said of a key lasts, paid more work than anything, and is little.
        halvings = 0 if kind in STATEMENT_KINDS else self._halvings(count)
        return life_ms_max(kind, public=True) >> halvings

    def _halvings(self, count: int) -> int:
        full = count * 100 // max(1, self.entries_max)
        return sum(full >= percent for percent in _PERCENTS)

    def is_sure(self, entry: LiveEntry, count: int, wall_ms: int) -> bool:
        """Tell whether an entry may take a place that is free, or anybody's who paid no more."""
        return not self._halvings(count) or entry.exp - wall_ms <= self.life_ms_max(
            entry.kind, count
        )

    def lowest(self, sample: Iterable[LiveEntry], wall_ms: int) -> LiveEntry | None:
        """Find who stands lowest of some entries; None of none."""
        return min(sample, key=lambda entry: rank(entry, wall_ms), default=None)

    def gives_way(
        self, sample: Iterable[LiveEntry], to: LiveEntry, count: int, wall_ms: int
    ) -> LiveEntry | None:
        """Find who gives way to a newcomer; None when nobody has to."""
        lowest = self.lowest(sample, wall_ms)
        if lowest is None:
            return None
        if self.is_sure(to, count, wall_ms):
            return lowest if lowest.surplus <= to.surplus else None
        return lowest if rank(lowest, wall_ms) < rank(to, wall_ms) else None


def rank(entry: LiveEntry, wall_ms: int) -> tuple[int, int]:
    """Give the standing of an entry; higher stays.

    Work beyond what is due comes first. Then the life that is left, as a part of what the kind may
    have, or every profile would give way to any request; statements are taken for short-lived.
    """
    if entry.kind in STATEMENT_KINDS:
        return entry.surplus, 0
    left_ms = max(0, entry.exp - wall_ms)
    return entry.surplus, -(left_ms * _PARTS // life_ms_max(entry.kind, public=True))
