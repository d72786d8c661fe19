"""Places are cells: coarse in public, exact in comparing."""

from __future__ import annotations

import math

import msgspec
import pytest

from protocol.errors import LocalProtocolError, ObjectError, Reason
from protocol.values.place import (
    Where,
    cell_of,
    center,
    check_public_place,
    coarsen,
    distance_km,
    resolution_of,
    within,
)

PARK_CITY = cell_of(40.6461, -111.4980, 7)
SALT_LAKE_AIRPORT = cell_of(40.7899, -111.9791, 7)
MUNICH = cell_of(48.1374, 11.5755, 7)


def test_cell_and_center_agree():
    lat, lon = center(PARK_CITY)
    assert math.isclose(lat, 40.6461, abs_tol=0.03)
    assert math.isclose(lon, -111.4980, abs_tol=0.03)
    assert cell_of(lat, lon, 7) == PARK_CITY
    assert resolution_of(PARK_CITY) == 7


@pytest.mark.parametrize(
    ("lat", "lon", "resolution"),
    [(91, 0, 7), (0, 181, 7), (0, 0, 16), (0, 0, -1), (math.nan, 0, 7), (0, math.inf, 7)],
)
def test_cell_of_refuses_what_is_not_on_earth(lat, lon, resolution):
    with pytest.raises(LocalProtocolError) as caught:
        cell_of(lat, lon, resolution)
    assert caught.value.code == "E-PLACE"


def test_distance_is_whole_kilometres_and_symmetric():
    assert 40 <= distance_km(PARK_CITY, SALT_LAKE_AIRPORT) <= 46
    assert distance_km(MUNICH, PARK_CITY) == distance_km(PARK_CITY, MUNICH)
    assert distance_km(MUNICH, MUNICH) == 0


def test_coarsen_never_makes_finer():
    fine = cell_of(40.6461, -111.4980, 12)
    assert coarsen(fine, 7) == PARK_CITY
    assert coarsen(PARK_CITY, 9) == PARK_CITY


def test_within_counts_both_radii():
    near = Where(cell=PARK_CITY, radius_km=10)
    assert within(near, PARK_CITY)
    assert not within(near, SALT_LAKE_AIRPORT)
    assert within(near, SALT_LAKE_AIRPORT, extra_km=40)
    assert not within(near, SALT_LAKE_AIRPORT, extra_km=-100)
    assert within(Where(cell=PARK_CITY, radius_km=60), SALT_LAKE_AIRPORT)


def test_a_shop_inside_a_coarse_cell_is_within_it_whatever_the_radius():
    state = coarsen(PARK_CITY, 2)
    assert distance_km(state, PARK_CITY) > 0
    assert within(Where(cell=state), PARK_CITY)
    assert within(Where(cell=PARK_CITY), state)
    assert not within(Where(cell=state), MUNICH)


def test_remote_is_within_everywhere_and_nowhere_is_not():
    assert within(Where(remote=True), MUNICH)
    assert not within(Where(), MUNICH)


@pytest.mark.parametrize(
    "where",
    [Where(cell=PARK_CITY, radius_km=50), Where(remote=True), Where(cell=coarsen(PARK_CITY, 3))],
)
def test_public_places_that_may_be_seen(where):
    check_public_place(where)


@pytest.mark.parametrize(
    "where",
    [
        Where(),
        Where(cell=PARK_CITY, remote=True),
        Where(remote=True, radius_km=5),
        Where(cell=cell_of(40.6461, -111.4980, 8)),
        Where(cell="8" + "f" * 14),
        Where(cell="872696a5afffff0"),
        Where(cell=PARK_CITY.upper()),
        Where(cell=PARK_CITY, radius_km=20_001),
        Where(cell=PARK_CITY, radius_km=-1),
    ],
)
def test_public_places_that_may_not(where):
    with pytest.raises(ObjectError) as caught:
        check_public_place(where)
    assert caught.value.reason is Reason.OUT_OF_RANGE


@pytest.mark.parametrize("cell", ["", "0", "x" * 15, PARK_CITY.upper(), "0" + PARK_CITY])
def test_no_function_takes_a_cell_that_is_none(cell):
    for use in (center, resolution_of, lambda c: distance_km(MUNICH, c)):
        with pytest.raises(ObjectError):
            use(cell)
    with pytest.raises(ObjectError):
        within(Where(remote=True), cell)


def test_where_off_the_wire():
    assert msgspec.convert({"cell": PARK_CITY, "radius_km": 50}, Where).radius_km == 50
    assert msgspec.to_builtins(Where(remote=True)) == {"remote": True}
    for body in ({"cell": "XYZ"}, {"radius_km": 20_001}, {"radius_km": 1.5}, {"remote": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(body, Where)
