"""Fault points add up, fade, and end in a ban that ends too; merit orders and does no more."""

from __future__ import annotations

from protocol import limits
from protocol.network.standing import Faults, Merits, Standing
from tests.unit.protocol.network.driver import peer

ROGUE = peer("rogue")
HALF = limits.fault_half_life_ms


def test_points_add_up_to_the_door():
    faults = Faults()
    assert [faults.blame(ROGUE, 19, 0) for _ in range(6)] == [
        Standing.GOOD,
        Standing.NO_PUSH,
        Standing.UNWELCOME,
        Standing.UNWELCOME,
        Standing.UNWELCOME,
        Standing.BANNED,
    ]
    assert faults.is_banned(ROGUE, 0)
    assert not faults.is_welcome(ROGUE, 0)
    assert not faults.is_banned(peer("other"), 0)
    assert faults.standing(peer("other"), 0) is Standing.GOOD


def test_points_halve_in_their_time():
    faults = Faults()
    faults.blame(ROGUE, 80, 0)
    assert faults.points(ROGUE, HALF) == 40
    assert faults.standing(ROGUE, HALF) is Standing.NO_PUSH
    assert faults.is_welcome(ROGUE, HALF)
    assert faults.blame(ROGUE, 50, HALF) is Standing.UNWELCOME
    assert faults.points(ROGUE, HALF) == 90
    assert faults.standing(ROGUE, 4 * HALF) is Standing.GOOD


def test_a_ban_ends_and_is_not_shortened_by_a_small_fault():
    faults = Faults()
    faults.blame(ROGUE, 100, 0)
    faults.blame(ROGUE, 1, limits.ban_ms // 2)
    assert faults.standing(ROGUE, limits.ban_ms - 1) is Standing.BANNED
    assert faults.points(ROGUE, limits.ban_ms) < limits.fault_points_unwelcome
    assert faults.standing(ROGUE, limits.ban_ms) is Standing.NO_PUSH


def test_nobodys_fault_leaves_no_trace():
    faults = Faults()
    assert faults.blame(ROGUE, 0, 0) is Standing.GOOD
    assert len(faults) == 0
    assert faults.points(ROGUE, 0) == 0


def test_the_longest_unblamed_is_forgotten_first():
    faults = Faults(kept_max=2)
    for name in ("one", "two", "one", "three"):
        faults.blame(peer(name), 10, 0)
    assert len(faults) == 2
    assert [faults.points(peer(name), 0) for name in ("one", "two", "three")] == [20, 0, 10]


def test_merit_is_counted_bounded_and_fades():
    merits = Merits()
    merits.joined(ROGUE)
    for number in range(limits.merit_max + 5):
        merits.credit(ROGUE, number)
    assert merits.of(ROGUE) == limits.merit_max
    merits.credit(ROGUE, HALF)
    assert merits.of(ROGUE) == limits.merit_max // 2 + 1
    merits.credit(ROGUE, 4 * HALF)
    assert merits.of(ROGUE) == (limits.merit_max // 2 + 1) // 8 + 1


def test_merit_is_a_links_and_goes_with_it():
    merits = Merits()
    merits.credit(ROGUE, 0)
    assert merits.of(ROGUE) == 0
    merits.joined(ROGUE)
    merits.credit(ROGUE, 0)
    assert merits.of(ROGUE) == 1
    merits.lost(ROGUE)
    merits.lost(ROGUE)
    assert merits.of(ROGUE) == 0
