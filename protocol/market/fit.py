"""Fit: how far an offer's days and place are from those asked for, in whole days and kilometres.

Enters: the bodies of a cast and of an offer to it. Leaves: counted distances and nothing else; how
bad a day or a kilometre is, is for ranking to say. What an offer does not state stays None.
Source: docs/protocol/12-offer.md, "Ranking".
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.objects.intentcast import Intentcast, Window
from protocol.objects.offer import Fulfilment, Offer
from protocol.values.place import distance_km, within

_WHOLE_SPAN = frozenset({"rent", "hire", "subscribe"})
"""Functions whose offer must last through the days asked for; others need one day of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Days and kilometres between a wish and an offer."""

    days_asked: bool
    """Whether the cast names days at all."""
    days_off: int | None
    """Days missed, flexible days allowed for, by the best of the offered windows; 0 is a fit. None
    when no days are asked for or none are offered."""
    travels: bool
    """Whether the buyer has to come to a place."""
    in_area: bool | None
    """Whether that place is where it is wanted; None when the buyer need not come, or not said."""
    distance_km: int | None
    """From the centre of the wish to that place; None as above, or when the wish has no place."""
    radius_km: int
    """The wish's own radius."""


def fit_of(cast: Intentcast, offer: Offer) -> Fit:
    """Measure an offer against the days and the place its cast asks for."""
    fulfil = offer.fulfil
    travels = fulfil.mode == "pickup"
    place = fulfil.place.cell if fulfil.place is not None and travels else None
    wished = cast.where.cell
    return Fit(
        days_asked=bool(cast.when),
        days_off=_days_off(cast, fulfil),
        travels=travels,
        in_area=_in_area(cast, place) if travels else None,
        distance_km=distance_km(wished, place) if wished and place else None,
        radius_km=cast.where.radius_km,
    )


def _in_area(cast: Intentcast, place: str | None) -> bool | None:
    if cast.where.remote:
        return False  # wanted by wire or post, and the buyer would have to travel
    return None if place is None else within(cast.where, place)


def _days_off(cast: Intentcast, fulfil: Fulfilment) -> int | None:
    offered = [*fulfil.slots, *([] if fulfil.window is None else [fulfil.window])]
    whole = cast.function in _WHOLE_SPAN
    missed = [_missed(wish, window, whole=whole) for wish in cast.when for window in offered]
    return min(missed, default=None)


def _missed(wish: Window, offered: Window, *, whole: bool) -> int:
    """Count the days between two windows, each end of the wish moved as far as it may."""
    wish_first, wish_last = (day.toordinal() for day in wish.days())
    first, last = (day.toordinal() for day in offered.days())
    flex = wish.flex_days
    if whole:
        late = first - (wish_first + flex)
        early = (wish_last - flex) - last
    else:
        late = first - (wish_last + flex)
        early = (wish_first - flex) - last
    return max(0, late) + max(0, early)
