"""A wish as people type it: `--must "resolution >= 12 MP"`, `--prefer "colour in red, blue"`.

Enters: one line. Leaves: a constraint as a cast file writes it. Which keys, values and units exist
is asked by the node, which knows the category.
"""

from __future__ import annotations

import re
from typing import Any, Final, NoReturn

from protocol.errors import LocalProtocolError

_WORDS: Final = {
    "present": "present",
    "absent": "absent",
    "between": "between",
    "not in": "nin",
    "in": "in",
    "match": "match",
    "matches": "match",
    "eq": "eq",
    "is not": "ne",
    "is": "eq",
    "ne": "ne",
    "ge": "ge",
    "le": "le",
    "nin": "nin",
    "at least": "ge",
    "at most": "le",
}
_SIGNS: Final = {">=": "ge", "<=": "le", "!=": "ne", "==": "eq", "=": "eq", "~": "match"}
_BY_SIGN: Final = re.compile(r"(?P<key>[^<>=!~]+?)\s*(?P<op>>=|<=|!=|==|=|~)\s*(?P<value>[^=].*)")
_BY_WORD: Final = re.compile(
    rf"(?P<key>.+?)\s+(?P<op>{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
    r"(?:\s+(?P<value>.+))?",
    re.IGNORECASE,
)
_STRICT: Final = re.compile(r"[<>](?!=)")
_RANGE: Final = re.compile(
    r"(?P<low>.+?)(?:\s+and\s+|\s+to\s+|\.\.|\s+-\s+)(?P<high>.+)", re.IGNORECASE
)
_NUMBER_UNIT: Final = re.compile(r"(?P<number>[-+0-9.,]+)\s*(?P<unit>\D*)")
_CHARS_MAX: Final = 400
_EXAMPLE: Final = 'Write "key op value", for example "resolution >= 12 MP" or "insurance absent"'


def _bad(option: str, sentence: str, fix: str = _EXAMPLE) -> NoReturn:
    raise LocalProtocolError(f"{option} {sentence}", code="E-WISH", fix=fix, field=option)


def read_wish(text: str, option: str) -> dict[str, Any]:
    """Read one wish.

    Args:
        text: as typed.
        option: `--must` or `--prefer`, for the error and the level.

    Raises:
        LocalProtocolError: E-WISH.
    """
    line = " ".join(text.split())
    if not line or len(line) > _CHARS_MAX:
        _bad(
            option, "is empty" if not line else f"has {len(line)} characters, at most {_CHARS_MAX}"
        )
    if _STRICT.search(line):
        _bad(option, f"'{line[:60]}' uses < or >", "Use <= for at most, >= for at least")
    level = option.removeprefix("--")
    found = _BY_SIGN.fullmatch(line) or _BY_WORD.fullmatch(line)
    if found is None:
        return {"key": line, "op": "present", "level": level}
    word = found["op"].lower()
    op = _SIGNS.get(word) or _WORDS[word]
    wish = {"key": found["key"].strip(), "op": op, "level": level}
    value = (found["value"] or "").strip()
    if op in ("present", "absent"):
        if value:
            _bad(option, f"'{line[:60]}' says more than {op}", f'Write "{wish["key"]} {op}"')
        return wish
    if not value:
        _bad(option, f"'{line[:60]}' has no value")
    return wish | {"value": _value(op, value, option)}


def _value(op: str, text: str, option: str) -> str | list[str]:
    if op in ("in", "nin"):
        return [part.strip() for part in re.split(r",|\bor\b", text) if part.strip()]
    if op == "between":
        found = _RANGE.fullmatch(text)
        if found is None:
            _bad(option, f"'{text[:60]}' is not a range", 'Write "seats between 4 and 7"')
        return _same_unit(found["low"].strip(), found["high"].strip())
    return text


def _same_unit(low: str, high: str) -> list[str]:
    """Give both ends the unit that only the second names: `4 and 7 kg`."""
    first, second = _NUMBER_UNIT.fullmatch(low), _NUMBER_UNIT.fullmatch(high)
    if first and second and not first["unit"] and second["unit"]:
        low = f"{low} {second['unit'].strip()}"
    return [low, high]
