"""What is declined is not asked for; what policy alone declines counts as held until it expires."""

from __future__ import annotations

import pytest

from protocol import limits
from protocol.network import declined
from protocol.network.declined import Declined, Times
from protocol.network.holdings import Holdings


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def nothing_live(_name: bytes) -> None:
    return None


def made(size_max: int = 10) -> tuple[Declined, Holdings]:
    holdings = Holdings(nothing_live)
    return Declined(holdings, size_max), holdings


def test_a_name_with_times_counts_as_held_until_it_expires():
    memory, holdings = made()
    memory.add(name(1), Times(at=5, exp=20))
    memory.add(name(2))
    assert name(1) in memory
    assert name(2) in memory
    assert name(3) not in memory
    assert holdings.whole.places(0, 1) == [(5, name(1))]
    memory.expire(19)
    assert len(memory) == 2
    memory.expire(20)
    assert (len(memory), len(holdings.whole)) == (1, 0)


def test_the_last_word_on_a_name_counts():
    memory, holdings = made()
    memory.add(name(1), Times(at=5, exp=20))
    memory.add(name(1), Times(at=5, exp=30))
    memory.expire(20)
    assert len(holdings.whole) == 1
    memory.add(name(1))
    assert (len(memory), len(holdings.whole)) == (1, 0)
    memory.expire(30)
    memory.discard(name(1))
    memory.discard(name(1))
    assert len(memory) == 0


def test_the_longest_untouched_is_forgotten():
    memory, holdings = made(size_max=2)
    memory.add(name(1), Times(at=1, exp=9))
    memory.add(name(2), Times(at=2, exp=9))
    assert name(1) in memory
    memory.add(name(3), Times(at=3, exp=9))
    assert name(2) not in memory
    assert holdings.whole.names(0, 2) == [name(1), name(3)]


def test_names_that_come_and_go_leave_a_bounded_trace(monkeypatch):
    monkeypatch.setattr(declined, "_EXPIRIES_SPARE", 4)
    memory, holdings = made()
    memory.add(name(2))
    for _ in range(50):
        memory.add(name(1), Times(at=1, exp=9))
    assert len(memory._expiries) <= 8
    memory.expire(9)
    assert (len(memory), len(holdings.whole)) == (1, 0)


def test_what_policy_alone_stood_against_is_released():
    memory, holdings = made()
    memory.add(name(1), Times(at=1, exp=9))
    memory.add(name(2))
    memory.release()
    assert name(1) not in memory
    assert name(2) in memory
    assert len(holdings.whole) == 0
    memory.expire(9)
    assert len(memory) == 1


def test_revokes_are_freed_a_few_at_a_time_when_their_target_comes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "revokes_freed_at_once", 2)
    memory, holdings = made()
    for number in (1, 2, 3):
        memory.add(name(number), Times(at=number, exp=99, target=b"target"))
    memory.add(name(4), Times(at=4, exp=99, target=b"other"))
    memory.free_revokes(b"target")
    memory.free_revokes(b"nobody's")
    memory.expire(0)
    assert holdings.whole.names(0, len(holdings.whole)) == [name(3), name(4)]
    memory.expire(0)
    memory.expire(0)
    assert holdings.whole.names(0, len(holdings.whole)) == [name(4)]
    assert name(3) not in memory
    memory.free_revokes(b"other")
    memory.discard(name(4))
    memory.expire(0)
    assert (memory._revokes, memory._freed) == ({}, {})
