"""Offers as points."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.web.scatter import HEIGHT, WIDTH, scatter
from tests.unit.node.web.papers import CAST, offer


def test_cheaper_is_lower_and_sooner_is_further_left():
    plot = scatter([offer(1), offer(9), offer(5)], CAST)
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
    plot = scatter([offer(1), *odd, offer(2)], CAST)
    assert plot is not None
    assert (len(plot.points), plot.left_out) == (2, 4)
    assert [point.place for point in plot.points] == [0, 5]


def test_one_point_is_no_picture():
    assert scatter([], CAST) is None
    assert scatter([offer(1)], CAST) is None


@given(st.lists(st.tuples(st.integers(1, 10**12), st.integers(1, 28)), min_size=2, max_size=30))
def test_every_point_is_inside_and_somebody_is_best(found: list[tuple[int, int]]):
    offers = [offer(day, total=total) for total, day in found]
    plot = scatter(offers, CAST)
    assert plot is not None
    assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in plot.points)
    assert any(point.is_best for point in plot.points)
