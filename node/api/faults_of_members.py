"""What is wrong with a member of a body, in words of this house.

Enters: what the library that types bodies says. Leaves: a sentence and the next step. Never here:
what a member means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

_BOUND: Final = re.compile(
    r"Expected `(?P<kind>\w+)`(?P<length> of length)? (?P<sign>[<>]=?) (?P<bound>-?[0-9.]+)"
)
_KIND: Final = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`")
_CHOICE: Final = re.compile(r"Invalid enum value (?P<value>.*)", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_PATTERN: Final = re.compile(r"Expected `str` matching regex")
_TOP: Final = re.compile(r"[^.\[]*")
_NOUNS: Final = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
}
_SHOWN: Final = 40


class Fault(NamedTuple):
    """What is wrong, and what to do."""

    sentence: str
    """Names the member."""
    fix: str
    """The next step."""


def fault_of(detail: str, field: str, kind: type[msgspec.Struct]) -> Fault:
    """Say in words of this house what a library said of a member.

    Args:
        detail: its words, without the place.
        field: where; empty for the whole body.
        kind: the record that was to be made.
    """
    known = ", ".join(each.encode_name for each in msgspec.structs.fields(kind)) or "none"
    name = field or "the body"
    if found := _MISSING.match(detail):
        return Fault(f"'{found['name']}' is missing", f"Known: {known}")
    if found := _CHOICE.match(detail):
        choices = ", ".join(dict.fromkeys(_choices(kind, field)))
        return Fault(f"{name} is {found['value'][:_SHOWN]}", f"Correct {name}: {choices}")
    if found := _BOUND.match(detail):
        return _bounded(name, found)
    what, need = "is not written as it must be", ""
    if found := _KIND.match(detail):
        need = " or ".join(_NOUNS.get(each, each) for each in found["wanted"].split(" | "))
        what = f"is {_NOUNS.get(found['got'], found['got'])}, not {need}"
    elif not _PATTERN.match(detail):
        what = f"is wrong: {detail}"
    fix = f"Correct {name}" + (f": give {need}" if need else "")
    return Fault(f"{name} {what}", fix if field else f"Known: {known}")


def _bounded(name: str, found: re.Match[str]) -> Fault:
    is_least, bound = found["sign"].startswith(">"), found["bound"]
    edge = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}[found["sign"]]
    if not found["length"]:
        return Fault(
            f"{name} is {'below' if is_least else 'above'} its range",
            f"Correct {name}: {edge} {bound}",
        )
    unit = "entries" if found["kind"] == "array" else "characters"
    unit = {"entries": "entry", "characters": "character"}[unit] if bound == "1" else unit
    if is_least and bound == "1":
        return Fault(f"{name} is empty", f"Correct {name}: {edge} 1 {unit}")
    what = "is too short" if is_least else "is too long"
    return Fault(f"{name} {what}", f"Correct {name}: {edge} {bound} {unit}")


def _choices(kind: type[msgspec.Struct], field: str) -> Iterator[str]:
    top = _TOP.match(field)
    info = inspect.type_info(kind)
    for each in info.fields if isinstance(info, inspect.StructType) else ():
        if top is not None and each.encode_name == top[0]:
            yield from _values(each.type)


def _values(found: Any) -> Iterator[str]:
    match found:
        case inspect.EnumType():
            yield from (str(each.value) for each in found.cls)
        case inspect.LiteralType():
            yield from map(str, found.values)
        case inspect.UnionType():
            for each in found.types:
                yield from _values(each)
        case inspect.ListType():
            yield from _values(found.item_type)
        case inspect.DictType():
            yield from _values(found.value_type)
        case _:
            return
