"""Amounts as feeds write them, read only when they can be meant in one way.

Enters: a cell, what its column's head says, what the shop declared for the whole feed. Leaves:
minor units and a currency, or a refusal with the fix a shop owner can type. A price that is wrong
by a thousand would be signed: nothing here guesses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from node.vendor.columns import FieldColumn, period_unit
from protocol.errors import LocalProtocolError
from protocol.values.currencies import SHARED_SYMBOLS, SYMBOLS
from protocol.values.money import parse_amount, parse_money
from protocol.values.numerals import Separator, read_numeral

_CHARS_MAX: Final = 80
"""Characters of a cell that can be an amount."""
_PER: Final = re.compile(r"^(?P<price>.+?)\s*(?:/|\bper\b|\bpro\b|\bpar\b|\bpor\b)\s*(?P<per>\D+)$")
_CODE: Final = r"[A-Za-z€₹₪₫₺₴₦₽]{0,3}"
_WITH_CODE: Final = re.compile(rf"(?P<a>{_CODE})\s*(?P<n>[^A-Za-z€₹₪₫₺₴₦₽]+?)\s*(?P<b>{_CODE})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopHabits:
    """What a shop says about the numbers and things of its feed."""

    source: str
    """Name of the feed; articles that leave it are taken off the shelf."""
    currency: str = ""
    """ISO 4217 code of prices that name none."""
    decimal_comma: bool = False
    """Whether `19,99` is a bit under twenty."""
    category: str = ""
    """Category of rows that tell none; rows that do must lie below it."""
    price_unit: str = "each"
    """What a price is for when neither head nor cell says: `each`, `DAY`, ..."""


def read_money(
    text: str, meaning: FieldColumn, row_currency: str, habits: ShopHabits
) -> tuple[int, str]:
    """Read an amount: its own currency first, then its head's, the row's and the feed's.

    Returns:
        Minor units and ISO 4217 code.

    Raises:
        LocalProtocolError: E-MONEY, its fix what to type.
    """
    plain = text.strip()
    declared = meaning.currency or row_currency or habits.currency
    try:
        return _read(plain, declared, habits)
    except LocalProtocolError as error:
        fix = _fix(plain, declared) or error.fix or 'Write it like "19.99 EUR"'
        raise LocalProtocolError(error.sentence, code="E-MONEY", fix=fix) from error


def _read(text: str, declared: str, habits: ShopHabits) -> tuple[int, str]:
    if len(text) > _CHARS_MAX:
        raise LocalProtocolError("is too long to be an amount", code="E-MONEY")
    if any(c.isalpha() or c in SYMBOLS for c in text):
        return _with_currency(text, habits)
    if not declared:
        raise LocalProtocolError(_no_currency(text), code="E-MONEY")
    bare = _without_sign(text, declared)
    return parse_amount(bare, declared, decimal_comma=habits.decimal_comma), declared


def split_price_unit(text: str) -> tuple[str, str | None]:
    """Split `49 USD/day` into the amount and `DAY`; None when it says no unit."""
    split = _PER.match(text) if len(text) <= _CHARS_MAX else None
    unit = period_unit(split["per"]) if split else None
    return (split["price"], unit) if split and unit else (text, None)


def _with_currency(text: str, habits: ShopHabits) -> tuple[int, str]:
    """Read `19.99 EUR`; a declared comma settles `1.234 EUR`, which is a thousand and more."""
    words = _WITH_CODE.fullmatch(text) if habits.decimal_comma else None
    if words and bool(words["a"]) != bool(words["b"]):
        code = words["a"] or words["b"]
        currency = SYMBOLS.get(code, code.upper())
        if read_numeral(words["n"], Separator.COMMA) is not None:
            return parse_amount(words["n"], currency, decimal_comma=True), currency
    found = parse_money(text)
    return found.minor, found.cur


def _no_currency(text: str) -> str:
    return "no currency, and a decimal comma" if "," in text and "." not in text else "no currency"


def _without_sign(text: str, currency: str) -> str:
    """Drop a sign such as `$` that the declared currency also goes by."""
    for sign, codes in SHARED_SYMBOLS.items():
        if currency in codes:
            return text.removeprefix(sign).removesuffix(sign).strip()
    return text


def _fix(text: str, currency: str) -> str:
    """Suggest what to write, where the number can be read in one way; empty where it cannot."""
    bare = "".join(c for c in text[:_CHARS_MAX] if c.isdigit() or c in ".,' ").strip()
    point = read_numeral(bare, Separator.POINT)
    comma = read_numeral(bare, Separator.COMMA)
    if isinstance(comma, str) and not isinstance(point, str):
        options = "--decimal-comma" if currency else "--currency EUR --decimal-comma"
        return (
            f"Prices with a decimal comma ({text.strip()[:20]}): {options}; "
            f'or write "{comma} {currency or "EUR"}"'
        )
    if isinstance(point, str) and not currency:
        return f'"{point} EUR" or --currency EUR'
    if isinstance(point, str) and not isinstance(comma, str):
        return f'"{point} {currency}", or leave out --decimal-comma'
    return ""
