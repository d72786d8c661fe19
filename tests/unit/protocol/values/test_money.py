"""Money is exact, and an amount with two readings is refused."""

from __future__ import annotations

import re

import msgspec
import pytest

from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.values.money import Money, format_money, parse_amount, parse_money


@pytest.mark.parametrize(
    ("text", "cur", "minor"),
    [
        ("300USD", "USD", 30_000),
        ("300 USD", "USD", 30_000),
        ("300 usd", "USD", 30_000),
        ("USD 300.50", "USD", 30_050),
        ("USD300", "USD", 30_000),
        ("1,234.50 USD", "USD", 123_450),
        ("1.234,50 EUR", "EUR", 123_450),
        ("300,50 EUR", "EUR", 30_050),
        ("300,5 EUR", "EUR", 30_050),
        ("1,234,567 EUR", "EUR", 123_456_700),
        ("1'234.50 CHF", "CHF", 123_450),
        ("1 234 567,89\u00a0EUR", "EUR", 123_456_789),
        ("€300", "EUR", 30_000),
        ("300 €", "EUR", 30_000),
        ("+5 EUR", "EUR", 500),
        ("300 JPY", "JPY", 300),
        ("1,234 JPY", "JPY", 1_234),
        ("1.234 KWD", "KWD", 1_234),
        ("0 EUR", "EUR", 0),
        ("0.00 EUR", "EUR", 0),
        ("000300 EUR", "EUR", 30_000),
        ("100000000000 EUR", "EUR", limits.money_minor_max),
    ],
)
def test_parse_money_reads_what_people_write(text, cur, minor):
    assert parse_money(text) == Money(cur=cur, minor=minor)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("300", "300EUR"),
        ("", "300EUR"),
        ("EUR", "300EUR"),
        ("1,234 USD", "Write 1234USD or 1.23USD"),
        ("1.234 USD", "at most 2 digits"),
        ("1.000 EUR", "at most 2 digits"),
        ("12.5 JPY", "no decimals"),
        ("-5 EUR", "zero or more"),
        ("-0 EUR", "zero or more"),
        ("300 XYZ", "three-letter code"),
        ("300 $", "USD, CAD or AUD"),
        ("£300", "GBP or EGP"),
        ("300 kr", "SEK, NOK or DKK"),
        ("300 ☃", "three-letter code"),
        ("EUR 300 EUR", "300EUR"),
        ("300 EUR each", "300EUR"),
        ("1,23,4 EUR", "300EUR"),
        ("1e3 EUR", "300EUR"),
        ("٣٠٠ EUR", "300EUR"),
        ("100000000000.01 EUR", "smaller"),
        ("9" * 300 + " EUR", "smaller"),
        ("9" * 500 + " EUR", "300EUR"),
    ],
)
def test_parse_money_refuses_the_rest_and_says_what_to_type(text, hint):
    with pytest.raises(LocalProtocolError) as caught:
        parse_money(text)
    assert caught.value.code == "E-MONEY"
    assert hint in caught.value.fix


def test_a_fix_for_two_readings_is_one_that_works():
    for text in ("1,200 EUR", "EUR 1,234", "-1,200 EUR", "999,001 KWD", "€1,000"):
        with pytest.raises(LocalProtocolError) as caught:
            parse_money(text)
        [one, other] = re.findall(r"[0-9.]+[A-Z]{3}", caught.value.fix)
        assert parse_money(one).minor > parse_money(other).minor > 0
    with pytest.raises(LocalProtocolError, match=r"Write 1234KWD or 1\.234KWD"):
        parse_money("1,234 KWD")
    assert parse_money("1234KWD").minor == 1_234_000
    assert parse_money("1.234KWD").minor == 1_234


@pytest.mark.parametrize(
    ("text", "cur", "comma", "minor"),
    [
        ("249.00", "EUR", False, 24_900),
        ("249", "EUR", False, 24_900),
        ("249.0000", "EUR", False, 24_900),
        ("1,234.50", "USD", False, 123_450),
        ("1,234", "USD", False, 123_400),
        ("1.234,50", "EUR", True, 123_450),
        ("1.234", "EUR", True, 123_400),
        ("12,5", "EUR", True, 1_250),
        (" 5 ", "JPY", False, 5),
        ("5.000", "JPY", False, 5),
        ("1.5", "kwd", False, 1_500),
    ],
)
def test_parse_amount_follows_the_declared_habit(text, cur, comma, minor):
    assert parse_amount(text, cur, decimal_comma=comma) == minor


@pytest.mark.parametrize(
    ("text", "cur", "comma"),
    [
        ("249,00", "EUR", False),
        ("249.00", "EUR", True),
        ("-1", "EUR", False),
        ("1.005", "EUR", False),
        ("", "EUR", False),
        ("free", "EUR", False),
        ("1", "XTS", False),
        ("1", "", False),
        ("1" * 401, "EUR", False),
    ],
)
def test_parse_amount_refuses(text, cur, comma):
    with pytest.raises(LocalProtocolError) as caught:
        parse_amount(text, cur, decimal_comma=comma)
    assert caught.value.code == "E-MONEY"
    assert caught.value.fix


@pytest.mark.parametrize(
    ("minor", "cur", "text"),
    [
        (24_900, "EUR", "249.00 EUR"),
        (-500, "EUR", "-5.00 EUR"),
        (-1, "USD", "-0.01 USD"),
        (300, "JPY", "300 JPY"),
        (1_234, "KWD", "1.234 KWD"),
        (0, "EUR", "0.00 EUR"),
        (7, "ZZZ", "7 minor units of ZZZ"),
    ],
)
def test_format_money(minor, cur, text):
    assert format_money(minor, cur) == text


@pytest.mark.parametrize(
    "body",
    [
        {"cur": "eur", "minor": 1},
        {"cur": "EURO", "minor": 1},
        {"cur": "EUR\n", "minor": 1},
        {"cur": "EUR", "minor": -1},
        {"cur": "EUR", "minor": limits.money_minor_max + 1},
        {"cur": "EUR", "minor": 1.0},
        {"cur": "EUR"},
    ],
)
def test_money_off_the_wire_keeps_its_ranges(body):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, Money)


def test_money_off_the_wire():
    assert msgspec.convert({"cur": "EUR", "minor": 5}, Money) == Money(cur="EUR", minor=5)
