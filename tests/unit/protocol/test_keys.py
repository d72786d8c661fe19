"""One root gives many keys, and none of them leads to another."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from protocol.keys import Purpose, derive

ROOT = bytes(range(32))


def test_the_formula_is_keyed_blake2b():
    expected = hashlib.blake2b(
        b"ctx", digest_size=32, key=ROOT, person=b"sign".ljust(16, b"\0"), salt=bytes(15) + b"\x03"
    ).digest()
    assert derive(ROOT, Purpose.SIGN, b"ctx", 3) == expected


def test_every_purpose_context_and_generation_has_its_own_key():
    contexts, generations = (b"", b"profile", bytes(16)), (0, 1, 2**64 - 1)
    seeds = {derive(ROOT, *facts) for facts in itertools.product(Purpose, contexts, generations)}
    assert len(seeds) == len(Purpose) * 9
    assert all(len(seed) == 32 for seed in seeds)
    assert derive(b"\x01" * 32, Purpose.SIGN, b"") not in seeds


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_root_has_32_bytes(length):
    with pytest.raises(ValueError, match="32 bytes"):
        derive(bytes(length), Purpose.SIGN, b"")
