"""Days and kilometres between a wish and an offer."""

from __future__ import annotations

import pytest

from protocol.market.fit import fit_of
from protocol.objects.intentcast import Window
from protocol.objects.offer import Fulfilment
from protocol.values.place import Where
from tests.parties import SHOP, WANTED, cast_body, offer_body


def window(start, end, flex_days=0):
    return Window(start=start, end=end, tz="Europe/Berlin", flex_days=flex_days)


def fit(*, function="buy", when=(), where=WANTED, **fulfil):
    cast = cast_body(function=function, when=list(when), where=where)
    offer = offer_body(bytes(32), bytes(32), fulfil=Fulfilment(**{"mode": "delivery", **fulfil}))
    return fit_of(cast, offer)


WISH = window("2026-03-20", "2026-03-25")


@pytest.mark.parametrize(
    ("offered", "flex", "buy", "rent"),
    [
        (window("2026-03-20", "2026-03-25"), 0, 0, 0),
        (window("2026-03-10", "2026-03-31"), 0, 0, 0),
        (window("2026-03-22", "2026-03-22"), 0, 0, 5),
        (window("2026-03-22", "2026-03-25"), 0, 0, 2),
        (window("2026-03-22", "2026-03-25"), 1, 0, 1),
        (window("2026-03-22", "2026-03-23"), 2, 0, 0),
        (window("2026-03-27", "2026-03-30"), 0, 2, 7),
        (window("2026-03-27", "2026-03-30"), 2, 0, 5),
        (window("2026-03-10", "2026-03-17"), 0, 3, 8),
        (window("2026-02-28", "2026-03-01"), 0, 19, 24),
    ],
)
def test_a_purchase_needs_one_day_and_a_rental_all_of_them(offered, flex, buy, rent):
    when = [window(WISH.start, WISH.end, flex)]
    assert fit(when=when, window=offered).days_off == buy
    for function in ("rent", "hire", "subscribe"):
        assert fit(function=function, when=when, window=offered).days_off == rent


def test_the_best_pair_of_windows_counts():
    when = [window("2026-05-01", "2026-05-02"), WISH]
    slots = [window("2026-04-01", "2026-04-01"), window("2026-05-04", "2026-05-04")]
    assert fit(when=when, slots=slots).days_off == 2
    assert fit(when=when, slots=slots, window=WISH).days_off == 0


def test_days_not_asked_and_days_not_said_differ():
    assert (fit(window=WISH).days_asked, fit(window=WISH).days_off) == (False, None)
    assert (fit(when=[WISH]).days_asked, fit(when=[WISH]).days_off) == (True, None)


def test_the_ends_of_the_calendar_do_no_harm():
    old = [window("0001-01-01", "0001-01-02", 30)]
    assert fit(when=old, window=window("9999-12-31", "9999-12-31")).days_off > 3_000_000


def test_only_a_pickup_makes_the_buyer_travel():
    for mode in ("delivery", "onsite", "remote"):
        found = fit(mode=mode, place=SHOP)
        assert (found.travels, found.in_area, found.distance_km) == (False, None, None)
    found = fit(mode="pickup", place=SHOP)
    assert (found.travels, found.in_area, found.distance_km) == (True, True, 36)
    assert found.radius_km == 80


def test_a_place_outside_the_circle_is_out():
    near = Where(cell=WANTED.cell, radius_km=20)
    assert fit(mode="pickup", place=SHOP, where=near).in_area is False


def test_a_place_not_said_is_unknown():
    for place in (None, Where(remote=True)):
        found = fit(mode="pickup", place=place)
        assert (found.in_area, found.distance_km) == (None, None)


def test_who_wants_it_sent_does_not_want_to_fetch_it():
    found = fit(mode="pickup", place=SHOP, where=Where(remote=True))
    assert (found.in_area, found.distance_km) == (False, None)
