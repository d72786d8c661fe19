"""Randomness: the system's, or a stream that repeats and is refused where money is."""

from __future__ import annotations

import pytest

from node.entropy import SeededEntropy, SystemEntropy
from node.errors import ConfigError


def test_the_system_gives_as_much_as_is_asked_and_never_the_same():
    entropy = SystemEntropy()
    assert len(entropy.bytes(32)) == 32
    assert entropy.bytes(16) != entropy.bytes(16)
    assert entropy.bytes(0) == b""


@pytest.mark.parametrize("entropy", [SystemEntropy(), SeededEntropy("7", net="test")])
def test_jitter_stays_between_its_bounds(entropy: SystemEntropy | SeededEntropy):
    drawn = [entropy.jitter(2.0, 3.0) for _ in range(200)]
    assert all(2.0 <= value <= 3.0 for value in drawn)
    assert len(set(drawn)) > 100
    assert entropy.jitter(4.0, 4.0) == 4.0


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200])
def test_one_seed_gives_one_stream(count: int):
    first, second = SeededEntropy("7", net="test"), SeededEntropy("7", net="test")
    assert first.bytes(count) == second.bytes(count)
    assert len(first.bytes(count)) == count
    assert first.bytes(16) != first.bytes(16)
    assert SeededEntropy("8", net="test").bytes(64) != SeededEntropy("7", net="test").bytes(64)


def test_a_seed_is_refused_on_the_main_network():
    with pytest.raises(ConfigError) as refused:
        SeededEntropy("7", net="main")
    assert refused.value.code == "E-SEED"
    assert refused.value.fix
