"""Patience runs out by the clock that never goes back."""

from __future__ import annotations

from node.cli.deadline import Deadline
from node.clock import ManualClock


def test_deadline():
    clock = ManualClock()
    deadline = Deadline(2.5, clock)
    assert deadline.left_s() == 2.5
    clock.jump_wall(-1_000_000)
    assert not deadline.over()
    clock.advance(2_500)
    assert deadline.over()
    clock.advance(1_000)
    assert deadline.left_s() == 0


def test_no_patience_at_all():
    assert Deadline(0, ManualClock()).over()
