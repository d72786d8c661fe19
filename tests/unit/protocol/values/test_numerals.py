"""Numerals are read in one way or not at all."""

from __future__ import annotations

from decimal import Decimal

import pytest

from protocol.values.numerals import Ambiguous, Separator, plain_text, read_numeral

NBSP, NARROW, RIGHT_QUOTE, MINUS = "\u00a0", "\u202f", "\u2019", "\u2212"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("300", "300"),
        ("+300", "300"),
        ("-5", "-5"),
        (f"{MINUS}5", "-5"),
        ("300.50", "300.50"),
        ("1.234", "1.234"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("1,5", "1.5"),
        ("300,50", "300.50"),
        ("0,125", "0.125"),
        ("1234,567", "1234.567"),
        ("1,234.50", "1234.50"),
        ("1.234,50", "1234.50"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1 234,5", "1234.5"),
        (f"1{NBSP}234{NARROW}567.5", "1234567.5"),
        ("1'234.50", "1234.50"),
        (f"1{RIGHT_QUOTE}234", "1234"),
        (" 7 ", "7"),
    ],
)
def test_reads_what_has_one_reading(text, plain):
    assert read_numeral(text) == plain


@pytest.mark.parametrize("text", ["1,234", "12,345", "123,456", "-1,234"])
def test_a_single_comma_before_three_digits_has_two_readings(text):
    assert read_numeral(text) is Ambiguous.GROUP_OR_FRACTION


@pytest.mark.parametrize(
    "text",
    [
        "", "-", ".", ",", "5.", "5,", ",5", "1,23,4", "1.23.4", "1,234,56", "12 34", "1 234 5",
        "1'23", "1234'567", "1 234.567 890", "1e5", "0x10", "inf", "nan", "١٢", "1_000", "--5",
        "1.234,567,8", "1,234.567.8", ",234.5", "1'234.5,6", "12a", "1,234.",
    ],
)  # fmt: skip
def test_refuses_what_is_no_numeral(text):
    assert read_numeral(text) is None


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("1,234", "1234", "1.234"),
        ("1.234", "1.234", "1234"),
        ("1,234.5", "1234.5", None),
        ("1.234,5", None, "1234.5"),
        ("300,50", None, "300.50"),
        ("300.50", "300.50", None),
        (".5", "0.5", None),
    ],
)
def test_a_declared_habit_decides(text, point, comma):
    assert read_numeral(text, Separator.POINT) == point
    assert read_numeral(text, Separator.COMMA) == comma


@pytest.mark.parametrize(
    ("number", "digits", "text"),
    [
        ("1.500", 3, "1.5"),
        ("100", 2, "100"),
        ("1E+3", 0, "1000"),
        ("0.00049", 3, "0"),
        ("-0.0001", 2, "0"),
        ("2.5", 0, "2"),
        ("3.5", 0, "4"),
    ],
)
def test_plain_text_has_no_exponent_and_rounds_half_even(number, digits, text):
    assert plain_text(Decimal(number), digits) == text
