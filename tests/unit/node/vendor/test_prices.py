"""Amounts are read when they can be meant in one way; else the fix can be typed."""

from __future__ import annotations

import pytest

from node.vendor.column_names import Field
from node.vendor.columns import FieldColumn
from node.vendor.prices import ShopHabits, read_money, split_price_unit
from protocol.errors import LocalProtocolError

PRICE = FieldColumn(field=Field.PRICE)


def habits(**said: object) -> ShopHabits:
    return ShopHabits(source="feed", **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("19.99 EUR", {}, (1999, "EUR")),
        ("EUR 19.99", {}, (1999, "EUR")),
        ("19,99 EUR", {}, (1999, "EUR")),
        ("€19.99", {}, (1999, "EUR")),
        ("1500 JPY", {}, (1500, "JPY")),
        ("19,99", {"currency": "EUR", "decimal_comma": True}, (1999, "EUR")),
        ("1.234,50", {"currency": "EUR", "decimal_comma": True}, (123450, "EUR")),
        ("1.234 EUR", {"decimal_comma": True}, (123400, "EUR")),
        ("279.00 EUR", {"decimal_comma": True}, (27900, "EUR")),
        ("EUR 1,234.50", {"decimal_comma": True}, (123450, "EUR")),
        ("1,234.50", {"currency": "USD"}, (123450, "USD")),
        ("1,234", {"currency": "USD"}, (123400, "USD")),
        ("$19.99", {"currency": "USD"}, (1999, "USD")),
        ("19.99$", {"currency": "CAD"}, (1999, "CAD")),
        ("£5", {"currency": "GBP"}, (500, "GBP")),
        ("12.50 USD", {"currency": "EUR"}, (1250, "USD")),
    ],
)
def test_amounts(text: str, said: dict[str, object], expected: tuple[int, str]):
    assert read_money(text, PRICE, "", habits(**said)) == expected


def test_the_head_comes_before_the_row_and_the_row_before_the_feed():
    head = FieldColumn(field=Field.PRICE, currency="CHF")
    assert read_money("5", head, "GBP", habits(currency="USD")) == (500, "CHF")
    assert read_money("5", PRICE, "GBP", habits(currency="USD")) == (500, "GBP")
    assert read_money("5", PRICE, "", habits(currency="USD")) == (500, "USD")


@pytest.mark.parametrize(
    ("text", "said", "sentence", "fix"),
    [
        (
            "19,99",
            {},
            "no currency, and a decimal comma",
            (
                "Prices with a decimal comma (19,99): --currency EUR --decimal-comma; "
                'or write "19.99 EUR"'
            ),
        ),
        ("19.99", {}, "no currency", '"19.99 EUR" or --currency EUR'),
        (
            "19,99",
            {"currency": "USD"},
            "'19,99' is not an amount",
            'Prices with a decimal comma (19,99): --decimal-comma; or write "19.99 USD"',
        ),
        (
            "279.00",
            {"currency": "USD", "decimal_comma": True},
            "'279.00' is not an amount",
            '"279.00 USD", or leave out --decimal-comma',
        ),
        ("$1,2,3", {"currency": "USD"}, "'1,2,3' is not an amount", ""),
        ("1,234 EUR", {}, "'1,234 EUR' can be read in two ways", ""),
        ("-5 EUR", {}, "", ""),
        ("free", {}, "", ""),
        ("=1+1", {"currency": "USD"}, "", ""),
        ("19.999 EUR", {}, "", ""),
        ("5 XYZ", {}, "'XYZ' is not a currency in use", ""),
        ("$5", {}, "no currency", ""),
        ("9" * 30 + " EUR", {}, "", ""),
        ("1" * 500, {"currency": "USD"}, "is too long to be an amount", ""),
        ("١٢ EUR", {}, "", ""),
    ],
)
def test_doubt_is_refused(text: str, said: dict[str, object], sentence: str, fix: str):
    with pytest.raises(LocalProtocolError) as found:
        read_money(text, PRICE, "", habits(**said))
    assert found.value.code == "E-MONEY"
    assert found.value.sentence.startswith(sentence)
    if fix:
        assert found.value.fix == fix


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("49 USD/day", ("49 USD", "DAY")),
        ("49.00 USD per day", ("49.00 USD", "DAY")),
        ("15 EUR / Stunde", ("15 EUR", "HUR")),
        ("3,50 EUR pro kg", ("3,50 EUR", "KGM")),
        ("49 USD", ("49 USD", None)),
        ("49 USD/blorp", ("49 USD/blorp", None)),
        ("1/2", ("1/2", None)),
        (" " * 5_000, (" " * 5_000, None)),
    ],
)
def test_a_cell_may_say_what_the_price_is_for(text: str, expected: tuple[str, str | None]):
    assert split_price_unit(text) == expected
