"""Work grows with size and life, is found by searching, and is counted in leading zero bits."""

from __future__ import annotations

import pytest

from protocol import limits
from protocol.ids import blake2b_256
from protocol.work import (
    _ceil_log2,
    base_bits,
    bits_of,
    box_open_bits,
    put_surplus_bits,
    required_bits,
    solve,
)

DIGEST = blake2b_256(b"object")
DAY_MS = 86_400_000


def solved(bits: int, tries: int = 1 << 18) -> bytes:
    nonce = solve(DIGEST, bits, tries=tries)
    assert nonce is not None
    return nonce


def test_a_solution_reaches_its_target():
    for bits in (0, 1, 8, 10):
        nonce = solved(bits)
        assert len(nonce) == limits.pow_bytes
        assert bits_of(DIGEST, nonce) >= bits


def test_bits_are_leading_zeros_of_the_hash():
    nonce = solved(9)
    digest = int.from_bytes(blake2b_256(DIGEST, nonce), "big")
    assert bits_of(DIGEST, nonce) == 256 - digest.bit_length()
    assert f"{digest:0256b}".startswith("0" * bits_of(DIGEST, nonce) + "1")


def test_work_is_for_one_object():
    nonce = solved(12)
    assert bits_of(blake2b_256(b"another"), nonce) < 12


def test_a_search_can_be_cut_in_slices():
    whole = solved(10)
    start, found = 0, None
    while found is None:
        found = solve(DIGEST, 10, start=start, tries=100)
        start += 100
    assert found == whole
    assert solve(DIGEST, 10, start=0, tries=int.from_bytes(whole, "big")) is None
    assert solve(DIGEST, 64, tries=0) is None


@pytest.mark.parametrize(
    ("size", "days", "surplus"),
    [
        (1, 1, 0),
        (2_048, 7, 0),
        (2_049, 7, 1),
        (2_048, 8, 1),
        (4_096, 14, 2),
        (4_097, 14, 3),
        (8_192, 60, 4),
        (8_192, 730, 4),
    ],
)
def test_larger_and_longer_objects_owe_more(size, days, surplus):
    due = required_bits("test", size, days * DAY_MS)
    assert due == limits.pow_base_bits_other + surplus
    assert required_bits("main", size, days * DAY_MS) == limits.pow_base_bits_main + surplus


def test_the_main_network_asks_more():
    assert base_bits("main") > base_bits("test") == base_bits("mainnet")
    assert box_open_bits("main") > box_open_bits("test")


def test_work_rises_where_the_rule_says_and_nowhere_else():
    """Held against the rule counted out: ceil(log2(max(1, numerator / step)))."""
    for step in (1, 3, 2_048):
        for numerator in (
            *range(1, 70),
            *(step << n for n in range(9)),
            *((step << n) + 1 for n in range(9)),
        ):
            bits = 0
            while step << bits < numerator:
                bits += 1
            assert _ceil_log2(numerator, step) == bits


@pytest.mark.parametrize(
    ("size", "bits"), [(1, 0), (4_096, 0), (4_097, 1), (16_384, 2), (32_769, 4), (57_344, 4)]
)
def test_a_letter_owes_a_bit_for_each_doubling_beyond_its_share(size: int, bits: int):
    assert put_surplus_bits(size) == bits


def test_a_letters_share_is_what_a_box_has_for_each():
    assert limits.put_share_bytes == limits.box_bytes_max // limits.box_letters_max
