"""A clock is believed unless three peers say otherwise, and not in the moment they are away."""

from __future__ import annotations

import pytest

from node.clock import ManualClock
from node.errors import RefusedError
from node.timekeeper import Timekeeper
from protocol.now import HOUR_MS, MINUTE_MS


class Peers:
    def __init__(self, offset: int | None) -> None:
        self.offset = offset

    def say(self) -> int | None:
        return self.offset


@pytest.mark.parametrize(
    ("offset", "holds"),
    [
        (None, True),
        (0, True),
        (2 * MINUTE_MS, True),
        (-2 * MINUTE_MS, True),
        (2 * MINUTE_MS + 1, False),
        (-2 * MINUTE_MS - 1, False),
    ],
)
@pytest.mark.parametrize("clock", [None, ManualClock(wall_ms=HOUR_MS)])
def test_two_minutes_are_forgiven(offset: int | None, holds: bool, clock: ManualClock | None):
    keeper = Timekeeper(clock, Peers(offset).say)
    assert keeper.holds is holds
    if holds:
        keeper.check()
    else:
        with pytest.raises(RefusedError) as caught:
            keeper.check()
        assert caught.value.code == "E-CLOCK"


def test_nobody_to_compare_with_is_no_reason_to_refuse():
    Timekeeper().check()


def test_a_jump_is_not_believed_while_the_links_are_made_anew():
    clock, peers = ManualClock(wall_ms=HOUR_MS), Peers(0)
    keeper = Timekeeper(clock, peers.say)
    assert keeper.holds
    clock.jump_wall(24 * HOUR_MS)
    peers.offset = None
    assert not keeper.holds
    clock.advance(59_000)
    assert not keeper.holds
    # Alone for longer, it has to go by its own clock: it may have slept.
    clock.advance(2_000)
    assert keeper.holds


def test_what_peers_said_is_carried_on_by_the_clock_that_does_not_jump():
    clock, peers = ManualClock(wall_ms=HOUR_MS), Peers(5 * MINUTE_MS)
    keeper = Timekeeper(clock, peers.say)
    assert not keeper.holds
    peers.offset = None
    clock.advance(30_000)
    assert not keeper.holds
    clock.jump_wall(5 * MINUTE_MS)
    assert keeper.holds
