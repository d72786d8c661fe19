"""The yardstick of prices: what a total is held against, so that no single offer sets the scale.

Enters: the totals that can be compared, in minor units of one currency. Leaves: points for a total,
and how they came about. A total is held against the lowest one, or against half of the middle one
where that is more: a token price makes itself the cheapest, and the others no cheaper or dearer
among themselves. Whole numbers alone; nothing is rounded before the points are.
Source: docs/protocol/12-offer.md, "Ranking"; docs/decisions/0019-no-single-offer-sets-the-scale.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from protocol.values.money import format_money

POINTS_MAX: Final = 1_000
"""Points of a term that could not be better."""
_QUARTERS: Final = 4
"""Half of the mean of two totals is a quarter of their sum; all is counted in quarters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """What totals of one currency are held against."""

    lowest: int
    """The lowest total, minor units; 0 where there is none."""
    middle: tuple[int, int]
    """The total in the middle, twice; of an even number the two in the middle."""

    @property
    def reference_quarters(self) -> int:
        """What earns all points, in quarters of a minor unit."""
        return max(_QUARTERS * self.lowest, sum(self.middle))

    def points(self, total: int) -> int:
        """Give 0..1000: the reference through the total; all of them at or below the reference."""
        if _QUARTERS * total <= self.reference_quarters:
            return POINTS_MAX
        return POINTS_MAX * self.reference_quarters // (_QUARTERS * total)

    def words(self, total: int, cur: str) -> str:
        """Say how the points of a total came about, so that they can be redone on paper."""
        shown = format_money(total, cur)
        if total <= self.lowest:
            return "no offer that does as well costs less"
        if _QUARTERS * self.lowest >= sum(self.middle):
            return f"{format_money(self.lowest, cur)} / {shown} x 1000"
        if _QUARTERS * total <= sum(self.middle):
            return f"not above {self._half_of_middle(cur)}"
        return f"{self._half_of_middle(cur)} / {shown} x 1000"

    def leaves_far_below(self, total: int) -> bool:
        """Tell whether a total is less than half of the one in the middle."""
        return _QUARTERS * total < sum(self.middle)

    def _half_of_middle(self, cur: str) -> str:
        low, high = (format_money(each, cur) for each in self.middle)
        if low == high:
            return f"half of the middle total {low}"
        return f"a quarter of the middle totals ({low} + {high})"


def yardstick_of(totals: Iterable[int]) -> Yardstick:
    """Make the yardstick of some totals.

    Args:
        totals: minor units of one currency, in any order; none give a yardstick of nothing.
    """
    found = sorted(totals)
    if not found:
        return Yardstick(lowest=0, middle=(0, 0))
    last = len(found) - 1
    return Yardstick(lowest=found[0], middle=(found[last // 2], found[len(found) // 2]))
