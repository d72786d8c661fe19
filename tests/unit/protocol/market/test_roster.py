"""The roster of terms holds the standard's codes, each in plain words."""

from __future__ import annotations

import msgspec
import pytest

from protocol.market.roster import DEFAULT_TERMS, ROSTER, known_terms
from protocol.objects.intentcast import Code


def test_it_has_ten_service_codes_three_contributions_and_two_between_persons():
    assert sum(code.startswith("SD-BASE") for code in ROSTER) == 10
    assert sum(code.startswith("PDC-") for code in ROSTER) == 3
    assert sum(code.startswith("TPR") for code in ROSTER) == 2
    assert len(ROSTER) == 15


@pytest.mark.parametrize("code", ROSTER)
def test_every_code_can_be_signed_and_every_summary_is_one_line(code):
    assert msgspec.convert(code, Code) == code
    assert ROSTER[code].endswith(".")
    assert "\n" not in ROSTER[code]
    assert known_terms(code)


def test_summaries_differ_and_the_defaults_are_of_the_roster():
    assert len(set(ROSTER.values())) == len(ROSTER)
    assert all(map(known_terms, DEFAULT_TERMS))
    assert not known_terms("SD-EVERYTHING")
