"""The unit table is consistent: exact factors, unique spellings, codes of the right shape."""

from __future__ import annotations

import re
from collections import defaultdict
from fractions import Fraction

import pytest

from protocol import limits
from protocol.values.units import RECIPROCAL, SPELLINGS, SPELLINGS_ANY_CASE, UNITS

OWN_CODES = {
    "MPX", "METRICHP", "LP100KM", "KMPL", "MPGUS", "MPGUK", "FRAMES", "KWHP100", "PAGEMIN", "each",
}  # fmt: skip


def test_codes_are_short_and_our_own_cannot_collide_with_rec_20():
    for code in UNITS:
        assert re.fullmatch(r"[A-Za-z0-9]+", code)
        assert len(code) <= limits.unit_chars_max
        assert len(code) <= 3 or code in OWN_CODES
    assert set(UNITS) >= OWN_CODES


def test_factors_are_positive_and_only_temperatures_are_shifted():
    assert all(unit.factor > 0 for unit in UNITS.values())
    assert {unit.code for unit in UNITS.values() if unit.offset} == {"CEL", "FAH"}
    assert {UNITS[code].dimension for code in RECIPROCAL} == {"fuel"}


def test_every_dimension_has_a_base_unit():
    factors = defaultdict(set)
    for unit in UNITS.values():
        factors[unit.dimension].add(unit.factor)
    assert [name for name, found in factors.items() if Fraction(1) not in found] == []


def test_spellings_point_at_units_and_are_trimmed():
    for spelling, code in SPELLINGS.items():
        assert code in UNITS
        assert spelling == " ".join(spelling.split())
    assert set(SPELLINGS_ANY_CASE.values()) <= set(UNITS)


@pytest.mark.parametrize("folded", ["mb", "gb", "mw", "mb/s", "nm", "kb"])
def test_case_decides_where_two_units_share_letters(folded):
    assert folded not in SPELLINGS_ANY_CASE
