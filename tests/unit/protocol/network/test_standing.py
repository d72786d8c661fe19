"""Fault points add up, fade, and end in a ban that ends too."""

from __future__ import annotations

from protocol import limits
from protocol.network.standing import Faults
from tests.unit.protocol.network.driver import peer

ROGUE = peer("rogue")


def test_points_add_up_to_the_door():
    faults = Faults()
    assert [faults.blame(ROGUE, 20, 0) for _ in range(5)] == [False, False, False, False, True]
    assert faults.is_banned(ROGUE, 0)
    assert not faults.is_banned(peer("other"), 0)


def test_points_halve_in_their_time():
    faults = Faults()
    faults.blame(ROGUE, 80, 0)
    assert faults.points(ROGUE, limits.fault_half_life_ms) == 40
    assert not faults.blame(ROGUE, 50, limits.fault_half_life_ms)
    assert faults.points(ROGUE, limits.fault_half_life_ms) == 90


def test_a_ban_ends_and_is_not_shortened_by_a_small_fault():
    faults = Faults()
    faults.blame(ROGUE, 100, 0)
    faults.blame(ROGUE, 1, limits.ban_ms // 2)
    assert faults.is_banned(ROGUE, limits.ban_ms - 1)
    assert not faults.is_banned(ROGUE, limits.ban_ms)


def test_nobodys_fault_leaves_no_trace():
    faults = Faults()
    assert not faults.blame(ROGUE, 0, 0)
    assert len(faults) == 0
    assert faults.points(ROGUE, 0) == 0


def test_the_longest_unblamed_is_forgotten_first():
    faults = Faults(kept_max=2)
    for name in ("one", "two", "one", "three"):
        faults.blame(peer(name), 10, 0)
    assert len(faults) == 2
    assert [faults.points(peer(name), 0) for name in ("one", "two", "three")] == [20, 0, 10]
