"""JSON from outside, read without guessing.

Enters: bytes of a request body or of a file a person wrote. Leaves: plain values, or one sentence.
Python's reader takes the last of two equal keys, `NaN`, and numbers that overflow to infinity;
all of these are refused here, and so is nesting that would exhaust the stack.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from protocol.errors import LocalProtocolError

DEPTH_MAX = 24
"""Nesting of arrays and objects; a cast needs seven."""
VALUES_MAX = 20_000
"""Values in one document; guess, far above the largest cast."""
_NUMBER_CHARS_MAX = 40
# Possessive, and content with a text that never ends: hostile input costs one pass, not a square.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def _bad(sentence: str, fix: str = "Correct the JSON and try again") -> NoReturn:
    raise LocalProtocolError(sentence, code="E-JSON", fix=fix)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _bad(f"the key '{twice[:60]}' stands twice in one object", "Keep one of them")
    return found


def _constant(text: str) -> NoReturn:
    _bad(f"{text} is not a JSON number", "Write a finite number")


def _float(text: str) -> float:
    value = float(text) if len(text) <= _NUMBER_CHARS_MAX else math.inf
    if not math.isfinite(value):
        _bad(f"the number {text[:20]} is out of range", "Write a smaller number, or a text")
    return value


def _int(text: str) -> int:
    if len(text) > _NUMBER_CHARS_MAX:
        _bad(f"the number {text[:20]}... is out of range", "Write a smaller number, or a text")
    return int(text)


def _check_size(raw: bytes) -> None:
    """Count before reading: the reader itself recurses."""
    bare = _TEXT.sub(b"", raw)
    depth = 0
    for mark in re.findall(rb"[\[\]{}]", bare):
        depth += 1 if mark in b"[{" else -1
        if depth > DEPTH_MAX:
            _bad(f"the JSON is nested deeper than {DEPTH_MAX}", "Flatten it")
    if bare.count(b",") + bare.count(b"[") + bare.count(b"{") > VALUES_MAX:
        _bad(f"the JSON holds more than {VALUES_MAX} values", "Send less at once")


def read_json(raw: bytes) -> Any:
    """Read one JSON document.

    Args:
        raw: UTF-8, without byte order mark; the caller has bounded its length.

    Raises:
        LocalProtocolError: E-JSON, with line and column where the text breaks off.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LocalProtocolError(
            f"the JSON is not UTF-8 text (byte {error.start})",
            code="E-JSON",
            fix="Save it as UTF-8",
        ) from error
    _check_size(raw)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as error:
        raise LocalProtocolError(
            f"this is not JSON: {error.msg} (line {error.lineno}, column {error.colno})",
            code="E-JSON",
            fix="Correct that place and try again",
        ) from error
    _check_text(value)
    return value


def _check_text(value: Any) -> None:
    """Refuse escapes of half a character: no UTF-8 file or database could hold them."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack.extend(node.keys())
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, str) and any("\ud800" <= c <= "\udfff" for c in node):
            _bad("a text holds half a character (a lone surrogate)", "Remove that escape")
