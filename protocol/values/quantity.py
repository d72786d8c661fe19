"""Quantities: a decimal string and a unit, compared and converted without rounding surprises.

Enters: text a person or a feed wrote, or the strings of a signed object. Leaves: Quantity, Decimal
or a refusal. No float is ever made; converting goes through exact fractions, and units of
different dimensions never compare.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from fractions import Fraction
from typing import Annotated, Final

import msgspec

from protocol import limits
from protocol.errors import LocalProtocolError, ObjectError, Reason
from protocol.values.numerals import Ambiguous, plain_text, read_numeral
from protocol.values.spelling import nearest
from protocol.values.units import RECIPROCAL, SPELLINGS, SPELLINGS_ANY_CASE, UNITS, Unit

_DECIMAL: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_WRITTEN: Final = re.compile(
    r"(?P<n>[-+\u2212]?[0-9]+(?:[.,'\u2019 \u00a0\u202f][0-9]+)*|[-+\u2212]?\.[0-9]+)"
    r"\s*-?\s*(?P<unit>[^0-9].*|)",
    re.DOTALL,
)
_PRECISION: Final = Context(prec=60)
"""A converted number has 60 significant digits: far finer than the 30 an input can have."""


class Quantity(msgspec.Struct, frozen=True):
    """A number of some unit as it is signed, for example `{"2.5", KGM}`."""

    n: Annotated[
        str,
        msgspec.Meta(
            pattern=r"\A-?[0-9]{1,15}(\.[0-9]{1,15})?\Z", max_length=limits.quantity_chars_max
        ),
    ]
    """Plain decimal string, at most 15 digits on each side and 24 characters."""
    unit: Annotated[
        str, msgspec.Meta(pattern=r"\A[A-Za-z0-9]{1,8}\Z", max_length=limits.unit_chars_max)
    ]
    """UN/CEFACT Recommendation 20 code, one of our own, or `each`."""


def decimal_of(n: str) -> Decimal:
    """Read a decimal string of a signed object: optional minus, digits, optional fraction.

    Raises:
        ObjectError: OUT_OF_RANGE for an exponent, a sign of plus, other digits than ASCII, nothing
            on one side of the point, or more than 15 digits on a side.
    """
    if not _DECIMAL.fullmatch(n):
        raise ObjectError(Reason.OUT_OF_RANGE, "not a plain decimal number", field="n")
    return Decimal(n)


def decimal_text(number: Decimal) -> str:
    """Write a number as a signed object holds it, rounded half-even to what fits 24 characters.

    Raises:
        LocalProtocolError: E-QUANTITY when it has more than 15 digits before the point.
    """
    whole_digits = max(1, number.adjusted() + 1)
    room = limits.quantity_chars_max - len("-.") - whole_digits
    if whole_digits <= limits.decimal_digits_max:
        text = plain_text(number, min(room, limits.decimal_digits_max))
        # Rounding up can add a digit in front, so the length is judged on what was written.
        if _DECIMAL.fullmatch(text):
            return text
    raise LocalProtocolError(
        "the number is too large", code="E-QUANTITY", fix="Use a larger unit or a smaller number"
    )


def _to_base(n: Fraction, unit: Unit) -> Fraction | None:
    if unit.code in RECIPROCAL:
        return unit.factor / n if n > 0 else None
    return (n + unit.offset) * unit.factor


def _from_base(base: Fraction, unit: Unit) -> Fraction | None:
    if unit.code in RECIPROCAL:
        return unit.factor / base if base > 0 else None
    return base / unit.factor - unit.offset


def convert(n: Decimal, unit: str, to_unit: str) -> Decimal | None:
    """Express `n` of `unit` in `to_unit`, exactly, or to 60 significant digits where none end.

    Args:
        n: a finite number.
        unit: unit code.
        to_unit: unit code.

    Returns:
        The number, or None when the units measure different things or one is unknown. Equal codes
        always convert, known or not. Distance per fuel of zero or less has no counterpart: None.
    """
    if unit == to_unit:
        return n
    source, goal = UNITS.get(unit), UNITS.get(to_unit)
    if source is None or goal is None or source.dimension != goal.dimension:
        return None
    base = _to_base(Fraction(n), source)
    result = None if base is None else _from_base(base, goal)
    if result is None:
        return None
    return _PRECISION.divide(Decimal(result.numerator), Decimal(result.denominator))


def unit_code(spelling: str) -> str | None:
    """Find the code of a unit as people write it, or of a code itself; None when unknown.

    Case counts only where it decides: `MB` is a megabyte, `Mb` a megabit, `mW` is not `MW`.
    """
    word = " ".join(spelling.split())
    for candidate in (word, word.rstrip(".")):
        code = SPELLINGS.get(candidate) or SPELLINGS_ANY_CASE.get(candidate.casefold())
        if code is not None:
            return code
    return word if word in UNITS else None


def unit_label(code: str) -> str:
    """Give the shortest familiar spelling of a code for people, or the code itself."""
    return _LABELS.get(code, code)


_LABELS: Final = {
    code: next(spelling for spelling, found in SPELLINGS.items() if found == code)
    for code in set(SPELLINGS.values())
} | {"each": "", "MPX": "MP", "A86": "GHz", "KWH": "kWh", "LTR": "L", "CEL": "°C", "FAH": "°F"}


def _refuse(sentence: str, fix: str) -> LocalProtocolError:
    return LocalProtocolError(sentence, code="E-QUANTITY", fix=fix)


def parse_quantity(text: str, default_unit: str = "") -> Quantity:
    """Read a number with its unit: `12 MP`, `12.1 megapixels`, `5"`, `2 kg`, `5 seats`.

    Args:
        text: what was written; the unit may touch the number or follow a space or hyphen.
        default_unit: code to use when the text holds a number alone; empty demands a unit.

    Raises:
        LocalProtocolError: E-QUANTITY when there is no number, it can be read in two ways, it is
            too long, or the unit is missing or unknown.
    """
    shown = text[:40].strip()
    found = _WRITTEN.fullmatch(text.strip()) if len(text) <= limits.input_chars_max else None
    plain = None if found is None else read_numeral(found["n"])
    if plain is Ambiguous.GROUP_OR_FRACTION:
        raise _refuse(
            f"'{shown}' can be read in two ways",
            "Leave out the comma, or write a point before the fraction",
        )
    if found is None or not isinstance(plain, str):
        raise _refuse(f"'{shown}' is not a quantity", 'Write a number and a unit, such as "12 MP"')
    spelling = found["unit"].strip()
    unit = unit_code(spelling) if spelling else default_unit
    if not unit:
        raise _unknown_unit(shown, spelling)
    whole, _, fraction = plain.lstrip("-").partition(".")
    digits = limits.decimal_digits_max
    if len(whole.lstrip("0")) > digits or len(fraction.rstrip("0")) > digits:
        raise _refuse(f"'{shown}' has more digits than can be compared", "Use at most 15 digits")
    return Quantity(n=decimal_text(Decimal(plain)), unit=unit)


def _unknown_unit(shown: str, spelling: str) -> LocalProtocolError:
    if not spelling:
        return _refuse(f"'{shown}' has no unit", f'Add one, for example "{shown} kg"')
    close = nearest(spelling, SPELLINGS, 3)
    hint = f"Did you mean {', '.join(close)}?" if close else "Use a unit such as kg, cm, MP or each"
    return _refuse(f"'{spelling[:40]}' is not a unit known here", hint)
