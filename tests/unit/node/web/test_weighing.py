"""The weights of an address."""

from __future__ import annotations

import pytest

from node.web.weighing import as_numbers, read_weights


def test_equal_ones_say_nothing():
    assert as_numbers(read_weights({})) is None


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "11", "1e3", "٣", "²", "010000", "999999999999", "0" * 5_000]
)
def test_nonsense_is_one(text: str):
    assert as_numbers(read_weights({"w_total": text})) is None


def test_weights_are_read():
    found = as_numbers(read_weights({"w_total": "10", "w_trust": "0", "w_other": "3"}))
    assert found == {"preferences": 1, "total": 10, "date": 1, "distance": 1, "trust": 0}
