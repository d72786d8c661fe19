"""Offers as points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.web.scatter import HEIGHT, WIDTH, scatter
from tests.unit.node.web.papers import TODAY, offer


def test_cheaper_is_lower_and_sooner_is_further_left():
    plot = scatter([offer(1), offer(9), offer(5)], TODAY)
    assert plot is not None
    a, b, c = plot.points
    assert a.x < c.x < b.x
    assert a.y > c.y > b.y
    assert a.name == "vendor_1, 210.00 EUR, 1 Mar 2027"
    assert [point.is_best for point in plot.points] == [True, False, False]
    assert (plot.low, plot.high) == ("210.00 EUR", "290.00 EUR")
    assert (plot.first, plot.last) == ("2027-03-01", "2027-03-09")
    assert plot.left_out == 0


def test_what_cannot_be_placed_is_counted():
    odd = [
        offer(3, fulfil={"mode": "pickup"}),
        offer(4, cur="USD"),
        offer(5, valid=False),
        offer(6, fulfil={"mode": "pickup", "window": {"start": "soon", "end": "soon"}}),
    ]
    plot = scatter([offer(1), *odd, offer(2)], TODAY)
    assert plot is not None
    assert (len(plot.points), plot.left_out) == (2, 4)
    assert [point.place for point in plot.points] == [0, 5]


def window(start, end=None):
    return {"mode": "delivery", "window": {"start": start, "end": end or start}}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("0001-01-01", "0001-01-01"),
        ("2027-02-01", "2027-02-14"),
        ("9999-12-31", "9999-12-31"),
        ("2030-02-19", "2030-02-20"),
        ("2027-03-01", ""),
    ],
)
def test_a_date_that_cannot_be_stretches_nothing_and_is_counted(start, end):
    bait = offer(3, total=1, fulfil={"mode": "delivery", "window": {"start": start, "end": end}})
    honest = [offer(1), offer(2)]
    plot, alone = scatter([bait, *honest], TODAY), scatter(honest, TODAY)
    assert plot is not None
    assert alone is not None
    assert [(each.x, each.y) for each in plot.points] == [(each.x, each.y) for each in alone.points]
    assert plot.left_out == 1
    assert "1 offer without a day that can be" in plot.left_out_words


def test_what_has_begun_comes_today_at_the_soonest():
    plot = scatter([offer(1, fulfil=window("0001-01-01", "9999-12-31")), offer(2)], TODAY)
    assert plot is not None
    assert (plot.first, plot.last, plot.left_out) == ("2027-02-15", "2027-03-02", 0)
    edge = [offer(1, fulfil=window("2027-02-15")), offer(2, fulfil=window("2030-02-17"))]
    plot = scatter(edge, TODAY)
    assert plot is not None
    assert (len(plot.points), plot.left_out_words) == (2, "")


def test_those_that_are_too_many_are_not_said_to_lack_a_day():
    plot = scatter([offer(n % 28 + 1) for n in range(503)], TODAY)
    assert plot is not None
    assert (len(plot.points), plot.left_out, plot.beyond) == (500, 0, 3)
    assert plot.left_out_words == "3 more are not drawn: see the table."


def test_one_point_is_no_picture():
    assert scatter([], TODAY) is None
    assert scatter([offer(1)], TODAY) is None


@given(st.lists(st.tuples(st.integers(1, 10**12), st.integers(1, 28)), min_size=2, max_size=30))
def test_every_point_is_inside_and_somebody_is_best(found: list[tuple[int, int]]):
    offers = [offer(day, total=total) for total, day in found]
    plot = scatter(offers, TODAY)
    assert plot is not None
    assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in plot.points)
    assert any(point.is_best for point in plot.points)
