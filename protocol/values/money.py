"""Amounts of money: a currency and an integer count of its minor units, never a float.

Enters: text a person typed or a feed column holds. Leaves: Money or an integer, or a refusal with
code E-MONEY that says what to type. An amount that could be read in two ways is refused: a price
that is wrong by a thousand must not be signed.
"""

from __future__ import annotations

import re
from typing import Annotated, NoReturn

import msgspec

from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.values.currencies import MINOR_DIGITS, SHARED_SYMBOLS, SYMBOLS
from protocol.values.numerals import Ambiguous, Separator, read_numeral

__all__ = ["MINOR_DIGITS", "Money", "format_money", "parse_amount", "parse_money"]

_EXAMPLE = 'for example 300EUR or "300 USD"'
_NUMERAL = r"[-+\u2212]?[0-9][0-9.,'\u2019 \u00a0\u2009\u202f]*|[-+\u2212]?[.,][0-9]+"
_CODE = r"[A-Za-z]{3}|[^\s0-9A-Za-z.,'+\-\u2019\u2212]|kr"
_MONEY = re.compile(
    rf"(?:(?P<before>{_CODE})\s*(?P<after_code>{_NUMERAL})|(?P<number>{_NUMERAL})\s*(?P<after>{_CODE}))",
)


class Money(msgspec.Struct, frozen=True):
    """An amount as it is signed: `cur` and `minor`, for example `{EUR, 24900}` for 249.00 EUR."""

    cur: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{3}\Z")]
    """ISO 4217 code; only its shape is checked here, since relays need not know every currency."""
    minor: Annotated[int, msgspec.Meta(ge=0, le=limits.money_minor_max)]
    """Minor units, 0..10^13."""


def _refuse(sentence: str, fix: str = "Write an amount and a currency, " + _EXAMPLE) -> NoReturn:
    raise LocalProtocolError(sentence, code="E-MONEY", fix=fix)


def _known_currency(text: str) -> str:
    """Turn a code or sign into an ISO 4217 code."""
    code = SYMBOLS.get(text, text.upper())
    if code in MINOR_DIGITS:
        return code
    shared = SHARED_SYMBOLS.get(text)
    if shared:
        _refuse(f"'{text}' is the sign of several currencies", f"Write the code: {shared}")
    _refuse(f"'{text[:8]}' is not a currency in use", f"Use a three-letter code, {_EXAMPLE}")


def _minor_of(plain: str, cur: str, shown: str) -> int:
    """Scale `[-]digits[.digits]` to minor units, exactly."""
    digits = MINOR_DIGITS[cur]
    whole, _, fraction = plain.partition(".")
    if plain.startswith("-"):
        _refuse(f"'{shown}' is negative", "Write an amount of zero or more")
    if len(fraction) > digits:
        _refuse(
            f"'{shown}' has more decimals than {cur} has ({digits})",
            f"Write at most {digits} digits after the point, and no mark between thousands"
            if digits
            else f"{cur} has no decimals; write whole units without any mark",
        )
    scaled = (whole + fraction.ljust(digits, "0")).lstrip("0") or "0"
    # The length is judged first: turning thousands of digits into an integer costs time.
    if len(scaled) > len(str(limits.money_minor_max)) or int(scaled) > limits.money_minor_max:
        _refuse(f"'{shown}' is more than any amount here may be", "Write a smaller amount")
    return int(scaled)


def parse_amount(text: str, cur: str, *, decimal_comma: bool = False) -> int:
    """Read a number without currency by one declared habit, as a feed's settings give it.

    Args:
        text: `1,234.50` or `1234.5`; with `decimal_comma` `1.234,50` or `1234,5`.
        cur: ISO 4217 code, upper case.
        decimal_comma: True when the writer separates the fraction with a comma.

    Returns:
        Minor units, 0..10^13.

    Raises:
        LocalProtocolError: E-MONEY when it is no number, negative, too large or too fine for `cur`.
    """
    cur = _known_currency(cur)
    shown = text[:40].strip()
    if len(text) > limits.input_chars_max:
        _refuse(f"'{shown}...' is too long to be an amount")
    plain = read_numeral(text, Separator.COMMA if decimal_comma else Separator.POINT)
    if not isinstance(plain, str):
        expected = "1.234,50" if decimal_comma else "1,234.50"
        _refuse(
            f"'{shown}' is not an amount",
            f"Write it like {expected}, or change decimal_comma in the feed's settings",
        )
    whole, point, fraction = plain.partition(".")
    # Shops export `249.0000`. With a declared habit that can only mean 249; without one, in
    # parse_money, `1.000` might be a thousand and stays refused.
    fraction = fraction.rstrip("0")
    return _minor_of(f"{whole}{point}{fraction}", cur, shown)


def parse_money(text: str) -> Money:
    """Read an amount with its currency: `300USD`, `USD 300.50`, `300,50 EUR`, `€300`.

    Raises:
        LocalProtocolError: E-MONEY when there is no currency, it is not in use, or the number is
            negative, too large, too fine, or readable in two ways (`1,234 USD`).
    """
    shown = text[:40].strip()
    found = _MONEY.fullmatch(text.strip()) if len(text) <= limits.input_chars_max else None
    if found is None:
        _refuse(f"'{shown}' is not an amount of money")
    cur = _known_currency(found["before"] or found["after"])
    numeral = found["after_code"] or found["number"]
    plain = read_numeral(numeral)
    if plain is Ambiguous.GROUP_OR_FRACTION:
        if MINOR_DIGITS[cur] == 0:  # no fraction exists, so the comma can only group thousands
            plain = read_numeral(numeral, Separator.POINT)
        else:
            whole, _, rest = numeral.strip().partition(",")
            # Both readings are such as would be accepted: no finer than the currency.
            fine = f"{whole}.{rest[: MINOR_DIGITS[cur]]}"
            _refuse(
                f"'{shown}' can be read in two ways", f"Write {whole}{rest}{cur} or {fine}{cur}"
            )
    if not isinstance(plain, str):
        _refuse(f"'{shown}' is not an amount of money")
    return Money(cur=cur, minor=_minor_of(plain, cur, shown))


def format_money(minor: int, cur: str) -> str:
    """Write minor units for people: `249.00 EUR`, `-5.00 EUR`, `300 JPY`.

    Any currency code is accepted, since a stored offer must always be shown; an unknown one is
    written with its minor units spelt out, so that no decimal point is invented.
    """
    digits = MINOR_DIGITS.get(cur)
    if digits is None:
        return f"{minor} minor units of {cur}"
    sign = "-" if minor < 0 else ""
    whole, fraction = divmod(abs(minor), 10**digits)
    number = f"{whole}.{fraction:0{digits}d}" if digits else f"{whole}"
    return f"{sign}{number} {cur}"
