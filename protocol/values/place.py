"""Places as H3 cells: coarse enough in public to hide a home, exact enough to match a shop.

Enters: coordinates in memory, or cells from anywhere. Leaves: cells, whole kilometres, or a
refusal. Floats live only inside these functions; what is signed is a cell and integers. A public
place finer than resolution 7 (about 5 km2) must never leave this node.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Final

import h3
import msgspec

from protocol import limits
from protocol.errors import LocalProtocolError, ObjectError, Reason

_CELL: Final = re.compile(r"8[0-9a-f]{14}")
_RESOLUTION_MAX: Final = 15
_LAT_MAX: Final = 90
_LON_MAX: Final = 180


class Where(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where something is wanted: a circle around a cell, or remote (anywhere, by wire or post)."""

    cell: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{15}\Z")] | None = None
    """H3 index, 15 lower-case hex digits."""
    radius_km: Annotated[int, msgspec.Meta(ge=0, le=limits.place_radius_km_max)] = 0
    """Kilometres around the cell's centre, 0..20000."""
    remote: bool = False
    """True when the place does not matter; then there is no cell."""


@lru_cache(maxsize=4_096)
def _valid(cell: str) -> str:
    # The pattern comes first: the library also takes upper case and leading zeros, which would
    # give one place several spellings.
    if not _CELL.fullmatch(cell) or not h3.is_valid_cell(cell):
        raise ObjectError(Reason.OUT_OF_RANGE, "not an H3 cell", field="cell")
    return cell


def cell_of(lat: float, lon: float, resolution: int) -> str:
    """Name the cell that holds a point.

    Args:
        lat: degrees, -90..90.
        lon: degrees, -180..180.
        resolution: 0 (about 4,000,000 km2) .. 15 (about 1 m2).

    Raises:
        LocalProtocolError: E-PLACE when a number is out of range.
    """
    on_earth = abs(lat) <= _LAT_MAX and abs(lon) <= _LON_MAX
    if not on_earth or not 0 <= resolution <= _RESOLUTION_MAX:
        raise LocalProtocolError(
            "the coordinates are not on Earth",
            code="E-PLACE",
            fix="Write latitude,longitude in degrees, for example 40.65,-111.50",
        )
    return str(h3.latlng_to_cell(lat, lon, resolution))


def resolution_of(cell: str) -> int:
    """Tell how fine a cell is, 0..15.

    Raises:
        ObjectError: OUT_OF_RANGE when it is no cell.
    """
    # The second of its 15 digits; the library would first check the cell once more.
    return int(_valid(cell)[1], 16)


def coarsen(cell: str, resolution: int) -> str:
    """Name the cell of at most `resolution` that holds `cell`; what a public object may carry.

    Raises:
        ObjectError: OUT_OF_RANGE when it is no cell.
    """
    if resolution_of(cell) <= resolution:
        return cell
    return str(h3.cell_to_parent(cell, resolution))


def check_public_place(where: Where) -> None:
    """Refuse a place a public object may not carry.

    Raises:
        ObjectError: OUT_OF_RANGE when the cell is none or finer than resolution 7, when the place
            is both remote and a cell or neither, or when the radius has nothing to be around.
    """
    if (where.cell is None) != where.remote:
        raise ObjectError(Reason.OUT_OF_RANGE, "either a cell or remote", field="where")
    if not 0 <= where.radius_km <= limits.place_radius_km_max or (
        where.remote and where.radius_km != 0
    ):
        raise ObjectError(Reason.OUT_OF_RANGE, "a radius out of range", field="radius_km")
    if where.cell is not None and resolution_of(where.cell) > limits.public_place_resolution_max:
        raise ObjectError(Reason.OUT_OF_RANGE, "finer than a public place may be", field="cell")


def center(cell: str) -> tuple[float, float]:
    """Give the centre of a cell as (latitude, longitude) in degrees.

    Raises:
        ObjectError: OUT_OF_RANGE when it is no cell.
    """
    lat, lon = h3.cell_to_latlng(_valid(cell))
    return float(lat), float(lon)


def distance_km(cell_a: str, cell_b: str) -> int:
    """Measure between two centres along a great circle, rounded to whole kilometres.

    Raises:
        ObjectError: OUT_OF_RANGE when one is no cell.
    """
    return round(float(h3.great_circle_distance(center(cell_a), center(cell_b), unit="km")))


def within(where: Where, cell: str, extra_km: int = 0) -> bool:
    """Tell whether a vendor at `cell` lies in the wanted place.

    A remote wish is met anywhere. A cell inside the other lies in it whatever the radius, because
    the centre of a coarse cell can be far from a shop that stands in it.

    Args:
        where: the wish.
        cell: where the vendor, the counter or the stock is.
        extra_km: how far the vendor will travel or deliver, 0 or more.

    Raises:
        ObjectError: OUT_OF_RANGE when a cell is none.
    """
    _valid(cell)
    if where.cell is None:
        return where.remote
    coarse = min(resolution_of(where.cell), resolution_of(cell))
    if coarsen(where.cell, coarse) == coarsen(cell, coarse):
        return True
    return distance_km(where.cell, cell) <= where.radius_km + max(0, extra_km)
