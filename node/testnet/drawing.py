"""A small network as a picture: relays in a ring, everybody else around them.

Enters: who there is and who is linked. Leaves: places in a picture, the same for the same names,
with words for whoever does not see it. Nothing is measured here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 960
HEIGHT: Final = 560
_RING: Final = (180.0, 120.0)
"""Half axes of the relays' ring ..."""
_AROUND: Final = (330.0, 235.0)
"""... and of the ring around it."""
_LABEL_GAP: Final = 16
_SIDE: Final = 0.35
"""Beyond it, of the way to the edge, a name stands beside its node, else above or below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a node stands."""

    name: str
    x: int
    y: int
    label_x: int
    label_y: int
    anchor: str
    """`start`, `middle` or `end` of its name is at that place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where a link runs."""

    name: str
    """`a~b`."""
    x1: int
    y1: int
    x2: int
    y2: int


def spots(relays: Sequence[str], others: Sequence[str]) -> list[Spot]:
    """Place every node, the relays inside."""
    # Turned a little, so that no link to a far relay runs behind a near one.
    return [*_ring(relays, _RING, 0.0), *_ring(others, _AROUND, 0.5)]


def _ring(names: Sequence[str], half: tuple[float, float], turned: float) -> list[Spot]:
    found = []
    for number, name in enumerate(names):
        angle = 2 * math.pi * (number + turned) / len(names) - math.pi / 2
        across, down = math.cos(angle), math.sin(angle)
        x, y = round(WIDTH / 2 + half[0] * across), round(HEIGHT / 2 + half[1] * down)
        is_beside = abs(across) > _SIDE
        way = math.copysign(1, across)
        found.append(
            Spot(
                name=name,
                x=x,
                y=y,
                label_x=x + round(_LABEL_GAP * way) if is_beside else x,
                label_y=y + 4 if is_beside else y + (_LABEL_GAP + 10 if down > 0 else -_LABEL_GAP),
                anchor=("start" if across > 0 else "end") if is_beside else "middle",
            )
        )
    return found


def lines(places: Sequence[Spot], links: Sequence[tuple[str, str]]) -> list[Line]:
    """Draw the links whose two ends have a place."""
    at = {spot.name: spot for spot in places}
    return [
        Line(
            name=f"{first}~{second}",
            x1=at[first].x,
            y1=at[first].y,
            x2=at[second].x,
            y2=at[second].y,
        )
        for first, second in links
        if first in at and second in at
    ]
