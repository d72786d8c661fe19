"""Drawing mailboxes: different owners, no set twice, and what there is where there is little."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.market.lots import draw, groups_of, in_turn
from protocol import limits
from protocol.ids import NodeId

KEYS = [NodeId(bytes([number]) * 32) for number in range(60)]


def grouped(*sizes: int) -> dict[NodeId, str]:
    """So many mailboxes in the first group, so many in the second, and so on."""
    keys = iter(KEYS)
    return {
        key: f"group {number}"
        for number, size in enumerate(sizes)
        for key in itertools.islice(keys, size)
    }


def test_a_group_is_that_of_the_first_address():
    records = [
        SimpleNamespace(key=KEYS[0], addresses=("8.8.4.4:7440", "9.9.9.9:7440")),
        SimpleNamespace(key=KEYS[1], addresses=("8.8.8.8:7440",)),
        SimpleNamespace(key=KEYS[2], addresses=()),
    ]
    groups = groups_of(records, "main")
    assert groups[KEYS[0]] == groups[KEYS[1]] == "8.8.0.0/16"
    assert groups[KEYS[2]] == KEYS[2].hex()


def test_groups_take_turns():
    groups = grouped(3, 1, 2)
    assert in_turn(KEYS[:6], groups) == [KEYS[n] for n in (0, 3, 4, 1, 5, 2)]
    assert in_turn([], groups) == []
    assert in_turn(KEYS[:2], {}) == KEYS[:2]


def test_mailboxes_are_of_different_groups():
    groups = grouped(20, 2, 2, 1)
    pool = list(groups)
    for seed in range(50):
        random.Random(seed).shuffle(pool)
        chosen = draw(pool, groups, [])
        assert len({groups[key] for key in chosen}) == len(chosen) == 3


def test_who_runs_many_nodes_in_one_block_is_not_chosen_more_often():
    groups = grouped(40, 1, 1, 1, 1, 1)
    pool = list(groups)
    counts: Counter[str] = Counter()
    dice = random.Random(7)
    order = [f"group {number}" for number in range(6)]
    for _ in range(300):
        dice.shuffle(pool)
        dice.shuffle(order)
        counts.update(groups[key] for key in draw(pool, groups, [], order))
    # Six groups share three places evenly, whoever has forty nodes.
    assert all(120 < counts[group] < 180 for group in order)


def test_no_set_is_used_twice_while_there_is_another():
    groups = grouped(2, 2, 2)
    taken: list[frozenset[NodeId]] = []
    for _ in range(8):
        chosen = draw(list(groups), groups, taken)
        assert len({groups[key] for key in chosen}) == 3
        assert frozenset(chosen) not in taken
        taken.append(frozenset(chosen))
    # All threes of different groups are in use: then twos of different groups.
    assert len(draw(list(groups), groups, taken)) == 2


@pytest.mark.parametrize(
    ("sizes", "count"), [((), 0), ((1,), 1), ((2,), 2), ((1, 1), 2), ((5,), 3), ((5, 1), 2)]
)
def test_where_there_is_little_it_is_used(sizes: tuple[int, ...], count: int):
    groups = grouped(*sizes)
    chosen = draw(list(groups), groups, [])
    assert len(chosen) == len(set(chosen)) == count


def test_when_every_set_is_in_use_one_is_used_again():
    groups = grouped(1, 1)
    chosen = draw(list(groups), groups, [frozenset(groups)])
    assert set(chosen) == set(groups)


@given(
    sizes=st.lists(st.integers(1, 6), max_size=6),
    taken=st.integers(0, 12),
    seed=st.integers(0, 99),
)
def test_whatever_is_known_a_set_is_found(sizes: list[int], taken: int, seed: int):
    groups = grouped(*sizes)
    pool = list(groups)
    random.Random(seed).shuffle(pool)
    used: list[frozenset[NodeId]] = []
    for _ in range(taken + 1):
        chosen = draw(pool, groups, used)
        assert set(chosen) <= set(pool)
        assert len(set(chosen)) == len(chosen) <= limits.mailboxes_per_reply_max
        assert len(chosen) >= min(len(pool), limits.put_mailboxes_min)
        sets = [
            frozenset(each)
            for count in (2, 3)
            if len(pool) >= count
            for each in itertools.combinations(pool, count)
        ]
        if frozenset(chosen) in used:
            assert all(each in used for each in sets)
        used.append(frozenset(chosen))
