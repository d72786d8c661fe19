"""Chance repeats itself for one seed and favours nobody."""

from __future__ import annotations

from collections import Counter

import pytest

from protocol.network.chance import Chance


def test_same_seed_same_numbers():
    first, second = Chance(b"seed"), Chance(b"seed")
    assert [first.below(1000) for _ in range(50)] == [second.below(1000) for _ in range(50)]
    assert [Chance(b"other").below(1000) for _ in range(5)] != [Chance(b"seed").below(1000)] * 5


@pytest.mark.parametrize("bound", [1, 2, 3, 10, 2**63 + 1, 2**64])
def test_numbers_stay_below_the_bound(bound: int):
    chance = Chance(b"seed")
    assert all(0 <= chance.below(bound) < bound for _ in range(64))


def test_every_number_has_its_share():
    chance = Chance(b"seed")
    counts = Counter(chance.below(6) for _ in range(6_000))
    assert set(counts) == set(range(6))
    assert all(800 < count < 1_200 for count in counts.values())


def test_a_sample_holds_different_items_and_leaves_the_list_alone():
    items = list(range(20))
    chosen = Chance(b"seed").sample(items, 8)
    assert len(set(chosen)) == 8
    assert set(chosen) <= set(items)
    assert items == list(range(20))
    assert sorted(Chance(b"seed").sample(items, 50)) == items
    assert Chance(b"seed").sample([], 3) == []


def test_timers_spread_around_their_middle():
    chance = Chance(b"seed")
    waits = [chance.around(1_000) for _ in range(500)]
    assert min(waits) >= 800
    assert max(waits) <= 1_200
    assert max(waits) - min(waits) > 300
    assert chance.around(3) == 3


def test_waits_without_memory_have_their_mean_and_never_run_away():
    chance = Chance(b"seed")
    waits = [chance.exponential(1_000) for _ in range(4_000)]
    assert 950 < sum(waits) / len(waits) < 1_050
    # Of waits without memory a share of 1/e is longer than the mean.
    assert 0.35 < sum(wait > 1_000 for wait in waits) / len(waits) < 0.39
    assert 0 <= min(waits) < 5
    assert max(waits) < 23_000
    assert Chance(b"seed").exponential(0) == 0


def test_a_wait_is_the_logarithm_of_what_was_drawn():
    class Fixed(Chance):
        drawn = 0

        def below(self, bound: int) -> int:
            assert bound == 1 << 32
            return self.drawn

    chance = Fixed(b"")
    for part, expected in ((1, 0), (2, 693), (4, 1_386), (1 << 32, 22_181), (3, 1_099)):
        chance.drawn = (1 << 32) // part - 1
        assert abs(chance.exponential(1_000) - expected) <= 1


def test_a_few_places_of_many_are_chosen_without_listing_them():
    chance = Chance(b"x")
    assert chance.sample_places(3, 5) == [0, 1, 2]
    drawn = chance.sample_places(10**9, 32)
    assert len(set(drawn)) == 32
    assert all(0 <= each < 10**9 for each in drawn)
    assert sorted(chance.sample_places(6, 5)) != list(range(6))
