"""What a total is held against: the lowest one, or half of the one in the middle."""

from __future__ import annotations

import pytest

from protocol.market.yardstick import yardstick_of


@pytest.mark.parametrize(
    ("totals", "points"),
    [
        ((), ()),
        ((0,), (1000,)),
        ((500,), (1000,)),
        ((100, 125), (1000, 800)),
        ((100, 300), (1000, 333)),
        ((100, 400), (1000, 312)),
        ((1, 100), (1000, 252)),
        ((0, 100, 110, 120), (1000, 525, 477, 437)),
        ((1, 100, 110), (1000, 500, 454)),
        ((100, 100, 10**13), (1000, 1000, 0)),
        ((1, 2, 100, 100, 100), (1000, 1000, 500, 500, 500)),
    ],
)
def test_points(totals, points):
    scale = yardstick_of(reversed(totals))
    assert tuple(scale.points(total) for total in totals) == points


@pytest.mark.parametrize(
    ("totals", "total", "words"),
    [
        ((100, 125), 100, "no offer that does as well costs less"),
        ((100, 125), 125, "1.00 USD / 1.25 USD x 1000"),
        ((1, 2, 100, 100, 100), 2, "not above half of the middle total 1.00 USD"),
        ((1, 100, 110), 110, "half of the middle total 1.00 USD / 1.10 USD x 1000"),
        ((0, 100, 110, 120), 0, "no offer that does as well costs less"),
        (
            (0, 100, 110, 120),
            100,
            "a quarter of the middle totals (1.00 USD + 1.10 USD) / 1.00 USD x 1000",
        ),
    ],
)
def test_words_say_how(totals, total, words):
    assert yardstick_of(totals).words(total, "USD") == words


def test_far_below_is_less_than_half_of_the_middle():
    scale = yardstick_of((1, 99, 100))
    assert [scale.leaves_far_below(total) for total in (0, 49, 50, 99)] == [
        True,
        True,
        False,
        False,
    ]
