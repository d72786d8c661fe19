"""Returns: who is missed, who is looked after, and when."""

from __future__ import annotations

from protocol import limits
from protocol.network.chance import Chance
from protocol.network.returns import Returns
from tests.unit.protocol.network.desk import key

LONG_MS = 2 * limits.return_ms


def test_nobody_is_missed_at_first():
    returns = Returns(Chance(b"seed"))
    assert returns.due_in(0) is None
    assert returns.draw(LONG_MS, lambda _key: True) is None
    assert returns.back(key("a")) is None


def test_each_is_looked_after_in_turn():
    returns = Returns(Chance(b"seed"))
    returns.broke(key("a"), 0, 5)
    returns.broke(key("b"), 1, 7)
    wait_ms = returns.due_in(5)
    assert wait_ms is not None
    assert limits.return_ms * 4 // 5 <= wait_ms <= limits.return_ms * 6 // 5
    assert returns.draw(5 + wait_ms - 1, lambda _key: True) is None
    drawn = [returns.draw(turn * LONG_MS, lambda _key: True) for turn in (1, 2, 3)]
    assert drawn == [key("a"), key("b"), key("a")]
    assert returns.draw(3 * LONG_MS, lambda _key: True) is None, "not twice at once"
    assert returns.draw(4 * LONG_MS, lambda found: found != key("b")) == key("a")
    assert returns.draw(5 * LONG_MS, lambda _key: False) is None
    assert returns.due_in(5 * LONG_MS) != 0, "and the next look comes later"


def test_who_is_back_is_missed_no_more():
    returns = Returns(Chance(b"seed"))
    returns.broke(key("a"), 3, 5)
    returns.broke(key("a"), 0, 9)
    assert returns.back(key("a")) == 0
    assert returns.back(key("a")) is None
    assert returns.due_in(LONG_MS) is None


def test_of_too_many_the_one_missed_for_longest_is_forgotten():
    returns = Returns(Chance(b"seed"))
    for number in range(limits.returns_max):
        returns.broke(key(f"n{number}"), number, number)
    assert returns.draw(LONG_MS, lambda _key: True) == key("n0")
    returns.broke(key(f"n{limits.returns_max}"), limits.returns_max, LONG_MS)
    assert returns.back(key("n0")) is None, "that one was looked after last changes nothing"
    assert [returns.back(key(f"n{n}")) for n in range(1, limits.returns_max + 1)] == [
        *range(1, limits.returns_max + 1)
    ]
