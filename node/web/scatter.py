"""The offers as points: what each costs, and when it comes.

Enters: the offers of a request. Leaves: places in a picture, with a name for each point, so that
it can be reached and read without seeing it. What has no day, one that cannot be, or another
currency is counted beside the picture, and stands in the table like all others: one date of the
year 9999 would press all others into one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from node.web.comparison import when_text
from node.web.texts import ngettext

Offer = dict[str, Any]
WIDTH: Final = 640
HEIGHT: Final = 260
_LEFT: Final = 84
_RIGHT: Final = 20
_TOP: Final = 20
_BOTTOM: Final = 36
_POINTS_MIN: Final = 2
_POINTS_MAX: Final = 500
_DAYS_AHEAD_MAX: Final = 3 * 366
"""Days from today that are drawn; what begins later is no date people plan by. A guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One offer."""

    x: int
    y: int
    name: str
    """For people who do not see it: vendor, total, day."""
    handle: str
    place: int
    """Its column, from 0."""
    is_best: bool
    """No other point is both cheaper and sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """The picture."""

    points: tuple[Point, ...]
    left_out: int
    """Offers without a day that can be, not valid, or in another currency."""
    beyond: int
    """Offers that could be drawn, and are more than one picture holds."""
    low: str
    """Text of the lowest total."""
    high: str
    first: str
    """First and last day."""
    last: str

    @property
    def left_out_words(self) -> str:
        """Say how many are left out, and where they stand."""
        odd = ngettext(
            "%(num)s offer without a day that can be, not valid or in another currency: "
            "see the table.",
            "%(num)s offers without a day that can be, not valid or in another currency: "
            "see the table.",
            self.left_out,
        )
        more = ngettext(
            "%(num)s more is not drawn: see the table.",
            "%(num)s more are not drawn: see the table.",
            self.beyond,
        )
        return " ".join([*([odd] if self.left_out else []), *([more] if self.beyond else [])])


def scatter(offers: Sequence[Offer], today: date) -> Plot | None:
    """Place every offer that names a day that can be; None where fewer than two do.

    Args:
        offers: in the order of the table.
        today: what ends before it is over, and what has begun comes today at the soonest.
    """
    currency = offers[0]["cur"] if offers else ""
    fit = [
        (place, one, found)
        for place, one in enumerate(offers)
        if one["cur"] == currency and one["valid"] and (found := _day(one, today))
    ]
    placed = fit[:_POINTS_MAX]
    if len(placed) < _POINTS_MIN:
        return None
    totals = [one["total"] for _, one, _ in placed]
    days = [found.toordinal() for *_, found in placed]
    by_total = sorted(placed, key=lambda each: each[1]["total"])
    by_day = sorted(found for *_, found in placed)
    return Plot(
        points=tuple(
            Point(
                x=_scaled(found.toordinal(), min(days), max(days), _LEFT, WIDTH - _RIGHT),
                y=_scaled(one["total"], min(totals), max(totals), HEIGHT - _BOTTOM, _TOP),
                name=f"{one['vendor']['name']}, {one['total_text']}, {when_text(one)}",
                handle=one["handle"],
                place=place,
                is_best=not _is_beaten(one["total"], found.toordinal(), totals, days),
            )
            for place, one, found in placed
        ),
        left_out=len(offers) - len(fit),
        beyond=len(fit) - len(placed),
        low=by_total[0][1]["total_text"],
        high=by_total[-1][1]["total_text"],
        first=by_day[0].isoformat(),
        last=by_day[-1].isoformat(),
    )


def _day(offer: Offer, today: date) -> date | None:
    """Give the first day an offer can come on; None where it names none that can be."""
    window = offer["fulfil"].get("window") or {}
    try:
        start, end = (date.fromisoformat(str(window.get(name, ""))) for name in ("start", "end"))
    except ValueError:
        return None
    ahead = start.toordinal() - today.toordinal()
    return None if end < today or ahead > _DAYS_AHEAD_MAX else max(start, today)


def _scaled(value: int, low: int, high: int, begin: int, end: int) -> int:
    """Put a value on a line; alone, it stands in the middle."""
    if low == high:
        return (begin + end) // 2
    return begin + (value - low) * (end - begin) // (high - low)


def _is_beaten(total: int, day: int, totals: Sequence[int], days: Sequence[int]) -> bool:
    pairs = zip(totals, days, strict=True)
    return any(t <= total and d <= day and (t < total or d < day) for t, d in pairs)
