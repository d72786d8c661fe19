"""Push slots: what an uplink bears, and who gets it."""

from __future__ import annotations

from protocol import limits
from protocol.network.flow import Flow
from protocol.network.slots import Slots
from tests.unit.protocol.network.driver import peer

PEERS = [peer(str(number)) for number in range(limits.push_slots + 2)]


def crowded(count: int = len(PEERS), **facts) -> Slots:
    slots = Slots(**facts)
    for each in PEERS[:count]:
        slots.joined(each)
    return slots


def test_until_it_says_otherwise_a_peer_is_pushed_to():
    slots = crowded(2)
    assert [flow for _, flow in slots] == [Flow.PUSH, Flow.PUSH]
    assert slots.of(peer("stranger")) is Flow.QUIET
    assert slots.pushing == 2


def test_beyond_the_slots_names_are_given_and_it_is_said():
    slots = crowded()
    assert slots.pushing == limits.push_slots
    last = PEERS[-1]
    assert slots.of(last) is Flow.IDS
    assert slots.asked(last, Flow.PUSH) is Flow.IDS
    assert slots.asked(last, Flow.QUIET) is None
    assert slots.asked(PEERS[0], Flow.PUSH) is None
    assert slots.asked(PEERS[0], Flow.IDS) is None
    assert slots.asked(last, Flow.PUSH) is None
    assert slots.of(last) is Flow.PUSH


def test_a_stranger_gets_nothing():
    slots = Slots()
    assert slots.asked(peer("stranger"), Flow.PUSH) is None
    assert slots.pushing == 0


def test_who_leaves_frees_a_slot():
    slots = crowded()
    slots.lost(PEERS[0])
    slots.lost(PEERS[-1])
    slots.lost(peer("stranger"))
    assert slots.pushing == limits.push_slots - 1
    assert slots.asked(PEERS[-2], Flow.PUSH) is None
    assert slots.pushing == limits.push_slots


def test_a_narrow_uplink_bears_fewer_and_never_too_few():
    slots = crowded(20, uplink_bps=5_000_000)
    assert slots.turn(1_000) == []
    for second in range(2, 40):
        for _ in range(50):
            slots.forwarded(830)
        slots.turn(1_000 * second)
    # 0.8 x 5 Mbit/s against 50 x 830 bytes a second.
    assert slots.count == 12
    assert slots.pushing == 12
    for second in range(40, 80):
        for _ in range(5_000):
            slots.forwarded(830)
        slots.turn(1_000 * second)
    assert slots.count == limits.push_slots_min
    assert slots.pushing == limits.push_slots_min
    for second in range(80, 120):
        slots.turn(1_000 * second)
    assert slots.count == limits.push_slots


def test_merit_keeps_a_slot_then_seniority():
    slots = crowded(10, uplink_bps=1, merit=lambda each: 5 if each == PEERS[9] else 0)
    slots.turn(0)
    slots.forwarded(10_000)
    slots.forwarded(10_000)
    assert slots.turn(1_000) == [(PEERS[8], Flow.IDS), (PEERS[7], Flow.IDS)]
    assert slots.of(PEERS[9]) is Flow.PUSH
    assert slots.turn(1_000) == []
