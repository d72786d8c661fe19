"""Numbers as people and feeds write them, read only when they can be read in one way.

Enters: a numeral such as `1,234.50`, `1.234,50`, `1 234`, `300`. Leaves: `[-]digits[.digits]`, or
None when the text is no numeral, or Ambiguous when it could be two. `1,234` is the classic: a
thousand or one and a bit. Nothing here guesses.
"""

from __future__ import annotations

import enum
import re
from decimal import Context, Decimal

_SPACES = {ord(c): "'" for c in " \u00a0\u2009\u202f\u2019"}
"""Every space and apostrophe used between groups of three becomes one apostrophe."""

_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_EXACT = Context(prec=60)
_GROUP = 3
"""Digits between two marks of thousands."""
_BARE_FRACTION = re.compile(r"(-?)\.([0-9]+)")


class Separator(enum.Enum):
    """What a writer uses between whole and fraction."""

    UNKNOWN = "unknown"
    """Decide from the text itself, and refuse when it does not decide."""
    POINT = "point"
    """`1,234.50`: a comma can only group thousands."""
    COMMA = "comma"
    """`1.234,50`: a point can only group thousands."""


class Ambiguous(enum.Enum):
    """Answer of `read_numeral` for text with two readings."""

    GROUP_OR_FRACTION = "group_or_fraction"


def _grouped(whole: str, mark: str) -> str | None:
    """Join groups of three after a first group of one to three; None when they are not that."""
    groups = whole.split(mark)
    first = len(groups[0].lstrip("-"))
    if not 1 <= first <= _GROUP or any(len(group) != _GROUP for group in groups[1:]):
        return None
    return "".join(groups)


def _assemble(text: str, group: str, point: str) -> str | None:
    whole, found, fraction = text.partition(point)
    if found and not fraction:
        return None
    if group in whole:
        joined = _grouped(whole, group)
        if joined is None:
            return None
        whole = joined
    number = f"{whole}.{fraction}" if found else whole
    return number if _PLAIN.fullmatch(number) else None


def _undeclared(text: str) -> str | Ambiguous | None:
    """Read text whose writer's habit is not known."""
    points, commas = text.count("."), text.count(",")
    if points and commas:
        comma_is_point = text.rfind(",") > text.rfind(".")
        return _assemble(text, ".", ",") if comma_is_point else _assemble(text, ",", ".")
    if commas > 1:
        return _assemble(text, ",", ".")
    if points > 1:
        return _assemble(text, ".", ",")
    if commas == 1:
        whole, _, fraction = text.partition(",")
        # With any other number of digits a comma cannot group thousands, nor after "0" or "1234".
        may_group = len(whole.lstrip("-")) <= _GROUP and whole.lstrip("-") not in ("", "0")
        if len(fraction) == _GROUP and may_group:
            return Ambiguous.GROUP_OR_FRACTION
        return _assemble(text, ".", ",")
    return _assemble(text, ",", ".")


def read_numeral(text: str, separator: Separator = Separator.UNKNOWN) -> str | Ambiguous | None:
    """Bring a numeral to plain form, `-?digits[.digits]`, ASCII digits only.

    A single point always separates the fraction, since that is how this product writes numbers;
    a single comma before exactly three digits is ambiguous unless `separator` says otherwise.

    Args:
        text: the numeral alone, no unit and no currency.
        separator: the writer's declared habit, as a feed's settings know it.

    Returns:
        The plain form, Ambiguous, or None when it is no numeral.
    """
    cleaned = text.strip().replace("\u2212", "-").removeprefix("+").translate(_SPACES)
    if "'" in cleaned:
        head, mark, tail = _split_fraction(cleaned)
        joined = _grouped(head, "'")
        if joined is None or "'" in tail:
            return None
        # Groups are spoken for, so whatever mark is left can only be the fraction's.
        return _assemble(joined + mark + tail, "'", mark or ".")
    if separator is Separator.POINT:
        found: str | Ambiguous | None = _assemble(_leading_zero(cleaned), ",", ".")
    elif separator is Separator.COMMA:
        found = _assemble(cleaned, ".", ",")
    else:
        found = _undeclared(_leading_zero(cleaned))
    return found


def _split_fraction(text: str) -> tuple[str, str, str]:
    for mark in (".", ","):
        if mark in text:
            head, _, tail = text.partition(mark)
            return head, mark, tail
    return text, "", ""


def _leading_zero(text: str) -> str:
    """Write `.5` as `0.5`."""
    found = _BARE_FRACTION.fullmatch(text)
    return f"{found[1]}0.{found[2]}" if found else text


def plain_text(number: Decimal, fraction_digits: int) -> str:
    """Write a decimal without exponent or trailing zeros, rounded half-even."""
    rounded = number.quantize(Decimal(1).scaleb(-fraction_digits), context=_EXACT)
    text = f"{rounded:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
