"""Which form of a request is the newest."""

from __future__ import annotations

from itertools import permutations

import pytest

from protocol.ids import blake2b_256
from protocol.market.forms import Form, ordered

AT = 60_000


def form(name: str, after: str | None = None, *, at: int = AT) -> Form:
    supersedes = None if after is None else blake2b_256(after.encode())
    return Form(id=blake2b_256(name.encode()), at=at, supersedes=supersedes)


def test_nothing_is_in_order():
    assert ordered([]) == []


@pytest.mark.parametrize("names", list(permutations("abcd")))
def test_a_chain_of_one_minute_has_one_order(names: tuple[str, ...]):
    """The ids say nothing: the same chain under any names."""
    first, second, third, fourth = names
    chain = [form(first), form(second, first), form(third, second), form(fourth, third)]
    for some in permutations(chain):
        assert ordered(some) == chain


def test_what_supersedes_counts_for_more_than_a_clock_that_was_set_back():
    root, later = form("root"), form("later", "root", at=0)
    assert ordered([later, root]) == [root, later]


def test_of_two_that_follow_one_the_later_is_the_newest():
    root = form("root")
    early, late = form("early", "root"), form("late", "root", at=AT + 1)
    for some in permutations([root, early, late]):
        assert ordered(some) == [root, early, late]


def test_a_true_fork_of_one_minute_has_one_order_too():
    root, one, other = form("root"), form("one", "root"), form("other", "root")
    least, greatest = sorted([one, other], key=lambda each: each.id)
    for some in permutations([root, one, other]):
        assert ordered(some) == [root, least, greatest]


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_an_amendment_whose_predecessor_is_unknown_follows_the_root(name: str):
    root, far = form("root"), form(name, "unknown")
    assert ordered([far, root]) == ordered([root, far]) == [root, far]


def test_the_same_form_twice_is_one():
    root = form("root")
    assert ordered([root, root]) == [root]
