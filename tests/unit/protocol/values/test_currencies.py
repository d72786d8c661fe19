"""The currency tables hold what ISO 4217 says."""

from __future__ import annotations

import pytest

from protocol.values.currencies import MINOR_DIGITS, SHARED_SYMBOLS, SYMBOLS


@pytest.mark.parametrize(
    ("code", "digits"),
    [
        ("USD", 2),
        ("EUR", 2),
        ("JPY", 0),
        ("KRW", 0),
        ("ISK", 0),
        ("KWD", 3),
        ("TND", 3),
        ("XCG", 2),
    ],
)
def test_exponents_of_well_known_currencies(code, digits):
    assert MINOR_DIGITS[code] == digits


@pytest.mark.parametrize("code", ["ANG", "ZWL", "HRK", "BGN", "SLL", "XAU", "XTS", "USN", "BOV"])
def test_withdrawn_currencies_and_funds_are_not_offered(code):
    assert code not in MINOR_DIGITS


def test_every_code_has_three_capital_letters_and_a_small_exponent():
    assert 145 <= len(MINOR_DIGITS) <= 165
    for code, digits in MINOR_DIGITS.items():
        assert len(code) == 3
        assert code.isascii()
        assert code.isupper()
        assert digits in (0, 2, 3)


def test_a_symbol_names_one_currency_in_use_or_is_called_shared():
    assert set(SYMBOLS.values()) <= set(MINOR_DIGITS)
    assert not set(SYMBOLS) & set(SHARED_SYMBOLS)
