"""The two clocks in one value."""

from __future__ import annotations

import dataclasses

import pytest

from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS, Now


def test_the_wall_clock_is_cut_to_the_minute():
    for wall_ms in (0, 59_999, 60_000, 1_795_305_659_999):
        cut = Now(wall_ms=wall_ms, mono_ms=5).minute_ms()
        assert cut % MINUTE_MS == 0
        assert 0 <= wall_ms - cut < MINUTE_MS


def test_a_moment_does_not_change():
    now = Now(wall_ms=1, mono_ms=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        now.wall_ms = 3  # type: ignore[misc]


def test_units():
    assert (MINUTE_MS, HOUR_MS, DAY_MS) == (60_000, 3_600_000, 86_400_000)
