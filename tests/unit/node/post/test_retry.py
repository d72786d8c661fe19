"""Waits double, are drawn, and are never so short that they spin nor longer than the cap."""

from __future__ import annotations

import pytest

from node.post.retry import Backoff


class Extreme:
    """Entropy that draws one end."""

    def __init__(self, *, high: bool) -> None:
        self.high = high

    def bytes(self, count: int) -> bytes:
        return bytes(count)

    def jitter(self, low: float, high: float) -> float:
        return high if self.high else low


@pytest.mark.parametrize(
    ("tries", "bound"), [(1, 2_000), (2, 4_000), (3, 8_000), (10, 900_000), (10_000, 900_000)]
)
def test_the_bound_doubles_to_fifteen_minutes(tries, bound):
    assert Backoff().wait_ms(tries, Extreme(high=True)) == bound
    assert Backoff().wait_ms(tries, Extreme(high=False)) == bound // 20


def test_settings_may_scale_it():
    assert Backoff(base_ms=10, cap_ms=25).wait_ms(2, Extreme(high=True)) == 20
    assert Backoff(base_ms=10, cap_ms=25).wait_ms(3, Extreme(high=True)) == 25
