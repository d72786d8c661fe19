"""Constraints: whether a stated fact meets one wish, decided the same way on both sides.

Enters: a constraint of a cast, the fact a vendor states (from a catalogue or an answer) and the
attribute's spec from the shipped vocabulary. Leaves: met, unmet or unknown, with the reason in
words. Nothing is guessed: what is not said, not comparable or not in the vocabulary is `unknown`,
and an unknown must is never met. Facts come from strangers: whatever they hold, nothing is raised.
Source: docs/protocol/11-intentcast.md, "Constraints".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from protocol.errors import LocalProtocolError, ObjectError
from protocol.objects.intentcast import AttributeConstraint
from protocol.values.attributes import AttributeSpec, AttributeType
from protocol.values.quantity import convert, decimal_of, unit_label
from protocol.values.spelling import fold_words
from protocol.values.units import UNITS

_NONE_SLUG = "none"
"""An enum value of this slug states that there is none of it."""


class Outcome(StrEnum):
    """How a fact stands to a wish; the same words as an offer's answers use."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fact:
    """What is said about one attribute of a thing."""

    value: str | bool | list[str] | None
    """Decimal string, slug, text, flag or list; False or an empty list states absence."""
    unit: str | None = None
    """Unit code of a number; None means the spec's own."""


@dataclass(frozen=True, slots=True)
class Status:
    """The answer to one wish."""

    outcome: Outcome
    """Met, unmet or unknown."""
    why: str
    """Short words for people; no control characters."""


def evaluate(
    constraint: AttributeConstraint, fact: Fact | None, spec: AttributeSpec | None
) -> Status:
    """Decide one wish.

    Args:
        constraint: shape-checked, from a cast.
        fact: what is stated, or None when nothing is.
        spec: the attribute in the cast's category, or None when the vocabulary lacks the key; then
            a must is unknown, and a preference is compared by the form of its values.
    """
    asked = f"asked: {wish_text(constraint)}"
    if spec is None and constraint.level == "must":
        return Status(Outcome.UNKNOWN, f"'{plain(constraint.key)}' is not in this vocabulary")
    if fact is None or fact.value is None:
        return Status(Outcome.UNKNOWN, f"nothing is said; {asked}")
    known = spec or _implied(constraint, fact)
    stated = _settled(fact, known)
    said = fact_text(stated, known)
    try:
        holds = _decide(constraint, stated, known)
    except _Incomparable as error:
        return Status(Outcome.UNKNOWN, f"{said}: {error}; {asked}")
    return Status(Outcome.MET if holds else Outcome.UNMET, f"{said}; {asked}")


class _Incomparable(Exception):  # noqa: N818 - an outcome of comparing, never seen outside
    """The two sides cannot be compared; its text says why."""


# --- absence and presence ----------------------------------------------------------------------


def _decide(constraint: AttributeConstraint, fact: Fact, spec: AttributeSpec) -> bool:
    if constraint.op in ("present", "absent"):
        return _states_absence(fact, spec) == (constraint.op == "absent")
    if spec.type is not AttributeType.FLAG and fact.value in (False, []):
        # What is not there is not red, whatever red was asked for.
        return constraint.op in ("ne", "nin")
    if spec.type is not AttributeType.FLAG and fact.value is True:
        raise _Incomparable("there is one, of which no more is said")
    if spec.type is AttributeType.NUMBER:
        return _number_holds(constraint, fact, spec)
    return _words_hold(constraint, fact, spec)


def _states_absence(fact: Fact, spec: AttributeSpec) -> bool:
    value = fact.value
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return all(text == _NONE_SLUG for text in value)
    text = str(value)
    if spec.type is AttributeType.FLAG:
        raise _Incomparable("is neither yes nor no")
    if spec.type is AttributeType.NUMBER:
        if _number(text) is None:
            raise _Incomparable("is not a number")
        return _is_zero_count(text, fact, spec)
    return spec.type is AttributeType.ENUM and text == _NONE_SLUG


def _is_zero_count(text: str, fact: Fact, spec: AttributeSpec) -> bool:
    """Nought pieces is none of it; nought degrees is a temperature."""
    unit = UNITS.get(fact.unit or spec.unit or "")
    return unit is not None and unit.dimension == "count" and _number(text) == 0


def _settled(fact: Fact, spec: AttributeSpec) -> Fact:
    """Bring a fact to the vocabulary's own spelling where it has one."""
    if fact.value in (False, []) and _NONE_SLUG in spec.values:
        return Fact([_NONE_SLUG] if spec.type is AttributeType.LIST else _NONE_SLUG)
    if not isinstance(fact.value, str):
        return fact
    if spec.type is AttributeType.LIST:
        return Fact([fact.value], fact.unit)
    if spec.type in (AttributeType.FLAG, AttributeType.ENUM):
        read = _canonical(fact.value, spec)
        if read is not None:
            return Fact(read == "yes" if spec.type is AttributeType.FLAG else read)
    return fact


def _implied(constraint: AttributeConstraint, fact: Fact) -> AttributeSpec:
    """Give a free key the type its two values look like."""
    key = constraint.key
    sides = [fact.value, constraint.value]
    flag = AttributeSpec(key=key, label=key, type=AttributeType.FLAG)
    if any(isinstance(side, bool) for side in sides):
        return flag
    if isinstance(fact.value, list):
        return AttributeSpec(key=key, label=key, type=AttributeType.LIST)
    if constraint.op in ("present", "absent") and _canonical(str(fact.value), flag):
        return flag
    wishes = _wishes(constraint)
    if wishes and constraint.op != "match" and all(map(_is_number, [str(fact.value), *wishes])):
        unit = constraint.unit or fact.unit or "each"
        return AttributeSpec(key=key, label=key, type=AttributeType.NUMBER, unit=unit)
    return AttributeSpec(key=key, label=key, type=AttributeType.TEXT)


# --- numbers -----------------------------------------------------------------------------------


def _number(text: str) -> Decimal | None:
    try:
        return decimal_of(text)
    except ObjectError:
        return None


def _is_number(text: str) -> bool:
    return _number(text) is not None


def _number_holds(constraint: AttributeConstraint, fact: Fact, spec: AttributeSpec) -> bool:
    have = _in_wished_unit(constraint, fact, spec)
    wishes = []
    for text in _wishes(constraint):
        wish = _number(text)
        if wish is None:
            raise _Incomparable(f"'{plain(text)}' is not a number")
        wishes.append(wish)
    compare = _NUMBER_OPERATORS.get(constraint.op)
    if compare is None:
        raise _Incomparable(f"'{constraint.op}' does not suit a number")
    return compare(have, wishes)


_NUMBER_OPERATORS: dict[str, Callable[[Decimal, list[Decimal]], bool]] = {
    "eq": lambda have, wishes: have == wishes[0],
    "ne": lambda have, wishes: have != wishes[0],
    "in": lambda have, wishes: have in wishes,
    "nin": lambda have, wishes: have not in wishes,
    "ge": lambda have, wishes: have >= wishes[0],
    "le": lambda have, wishes: have <= wishes[0],
    "between": lambda have, wishes: wishes[0] <= have <= wishes[-1],
}


def _in_wished_unit(constraint: AttributeConstraint, fact: Fact, spec: AttributeSpec) -> Decimal:
    """Express the fact in the unit of the wish; exact wherever the two can be equal."""
    number = None if isinstance(fact.value, list) else _number(str(fact.value))
    if number is None:
        raise _Incomparable("is not a number")
    home = spec.unit or "each"
    stated, wished = fact.unit or home, constraint.unit or home
    in_spec = convert(number, stated, home)
    have = convert(number, stated, wished)
    if in_spec is None or have is None:
        raise _Incomparable(f"cannot compare {_unit(stated)} with {_unit(wished)}")
    low, high = spec.minimum, spec.maximum
    if (low is not None and in_spec < low) or (high is not None and in_spec > high):
        raise _Incomparable("is outside what makes sense")
    return have


# --- words, flags and lists --------------------------------------------------------------------


def _canonical(text: str, spec: AttributeSpec) -> str | None:
    """Give the spelling two sides compare by; None when the vocabulary does not know it."""
    if spec.type is AttributeType.FLAG or spec.values:
        try:
            read = spec.parse_value(text).value
        except LocalProtocolError:
            return None
        if isinstance(read, bool):
            return "yes" if read else "no"
        return read if isinstance(read, str) else read[0]
    return fold_words(text) or None


def _words_hold(constraint: AttributeConstraint, fact: Fact, spec: AttributeSpec) -> bool:
    texts = _texts(fact.value)
    if constraint.op == "match":
        return _match_holds(_wishes(constraint)[0], texts, spec)
    if constraint.op not in ("eq", "ne", "in", "nin"):
        raise _Incomparable(f"'{constraint.op}' needs a number")
    have = [_canonical(text, spec) for text in texts]
    wishes = [_canonical(text, spec) for text in _wishes(constraint)]
    # A known wish among known facts decides; failing that, one unknown side leaves it open.
    if any(wish is not None and wish in have for wish in wishes):
        return constraint.op in ("eq", "in")
    if None in have or None in wishes:
        raise _Incomparable("is a value this vocabulary does not know")
    return constraint.op in ("ne", "nin")


def _match_holds(wish: str, texts: list[str], spec: AttributeSpec) -> bool:
    """Whole words, in any order, accents and case aside; no pattern language is understood."""
    wanted = set(fold_words(wish).split())
    if not wanted:
        raise _Incomparable("no word was asked for")
    return any(wanted <= _words_of(text, spec) for text in texts)


def _words_of(text: str, spec: AttributeSpec) -> set[str]:
    allowed = spec.values.get(_canonical(text, spec) or "")
    names = [text] if allowed is None else [text, allowed.label, *allowed.synonyms]
    return {word for name in names for word in fold_words(name).split()}


def _texts(value: str | bool | list[str] | None) -> list[str]:  # noqa: FBT001 - a value of a wish
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    return value if isinstance(value, list) else [str(value)]


def _wishes(constraint: AttributeConstraint) -> list[str]:
    return [] if constraint.value is None else _texts(constraint.value)


# --- words for people --------------------------------------------------------------------------


def plain(text: str) -> str:
    """Drop what a terminal or page would obey instead of show."""
    return "".join(c for c in text if c.isprintable())


def _unit(code: str) -> str:
    return plain(unit_label(code)) or "pieces"


def _with_unit(text: str, code: str | None) -> str:
    label = plain(unit_label(code)) if code else ""
    return f"{plain(text)} {label}".strip()


_WISH_WORDS: dict[str, tuple[str, str, str]] = {
    "eq": ("", "", ""),
    "ne": ("not ", "", ""),
    "in": ("", " or ", ""),
    "nin": ("neither ", " nor ", ""),
    "ge": ("at least ", "", ""),
    "le": ("at most ", "", ""),
    "between": ("", " to ", ""),
    "match": ("the words '", "", "'"),
    "present": ("any", "", ""),
    "absent": ("none", "", ""),
}
"""Operator -> what stands before, between and after its values."""


def wish_text(constraint: AttributeConstraint) -> str:
    """Say a constraint's wish in words: `at least 12 MP`, `red or blue`, `none`."""
    before, between, after = _WISH_WORDS[constraint.op]
    values = [_with_unit(text, constraint.unit) for text in _wishes(constraint)]
    return f"{before}{between.join(values)}{after}"


def fact_text(fact: Fact, spec: AttributeSpec | None) -> str:
    """Say a fact in words, with its unit where it has one."""
    if isinstance(fact.value, bool):
        return "yes" if fact.value else "no"
    if not fact.value:
        return "none"
    if isinstance(fact.value, list):
        return ", ".join(plain(text) for text in fact.value)
    number = spec is not None and spec.type is AttributeType.NUMBER
    return _with_unit(fact.value, fact.unit or (spec.unit if spec and number else None))
