"""Two clocks, read together; one that tests can push."""

from __future__ import annotations

from node.clock import ManualClock, SystemClock
from protocol.now import Now


def test_the_system_clock_moves_forward_and_shows_our_days():
    clock = SystemClock()
    first, second = clock.now(), clock.now()
    assert second.mono_ms >= first.mono_ms
    assert first.wall_ms > 1_700_000_000_000


def test_an_offset_shifts_the_wall_clock_alone():
    ahead, plain = SystemClock(3_600_000).now(), SystemClock().now()
    assert abs(ahead.wall_ms - plain.wall_ms - 3_600_000) < 5_000
    assert abs(ahead.mono_ms - plain.mono_ms) < 5_000


def test_a_manual_clock_stands_still_until_it_is_pushed():
    clock = ManualClock(wall_ms=1_000)
    assert clock.now() == Now(wall_ms=1_000, mono_ms=0)
    clock.advance(250)
    assert clock.now() == Now(wall_ms=1_250, mono_ms=250)


def test_the_wall_clock_may_jump_by_itself():
    clock = ManualClock(wall_ms=1_000)
    clock.jump_wall(-400)
    assert clock.now() == Now(wall_ms=600, mono_ms=0)


def test_a_manual_clock_can_run_with_another():
    base = ManualClock(wall_ms=5_000)
    clock = ManualClock(base, wall_ms=100)
    base.advance(7)
    clock.advance(3)
    assert clock.now() == Now(wall_ms=5_110, mono_ms=10)
