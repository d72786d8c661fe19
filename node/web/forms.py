"""What a form sends: few, short, plain texts.

Enters: the body of a POST. Leaves: a `Form`: name -> texts. Never: a file, a field without bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from node.api.bodies import raw_body
from node.numerals import whole_number
from protocol.errors import LocalProtocolError

_NUMBER_MAX: Final = 10**15 - 1
"""Below what a number of a JSON document holds exactly."""
_SIGNS: Final = ("+", "-")
FIELDS_MAX: Final = 400
"""Forty wishes of six fields each, and the rest of a request."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in."""

    fields: Mapping[str, Sequence[str]]

    def text(self, name: str, default: str = "") -> str:
        """Give a field without the blanks around it."""
        found = self.fields.get(name)
        return found[-1].strip() if found else default

    def whole(self, name: str) -> str:
        """Give a field with its blanks, as a passphrase may have them."""
        found = self.fields.get(name)
        return found[-1] if found else ""

    def texts(self, name: str) -> list[str]:
        """Give every value of a field."""
        return [each.strip() for each in self.fields.get(name, ())]

    def has(self, name: str) -> bool:
        """Tell whether a box is ticked, or a button pressed."""
        return name in self.fields

    def number(self, name: str, default: int) -> int:
        """Give a whole number; `default` where the field is empty.

        Raises:
            LocalProtocolError: E-FIELD, naming the field.
        """
        text = self.text(name)
        return _number(name, text) if text else default

    def numbers(self, name: str) -> list[int]:
        """Give every value of a field, whole numbers all.

        Raises:
            LocalProtocolError: E-FIELD, naming the field.
        """
        return [_number(name, text) for text in self.texts(name)]


def _number(name: str, text: str) -> int:
    size = whole_number(text[1:] if text[:1] in _SIGNS else text, _NUMBER_MAX)
    if size is None:
        raise LocalProtocolError(
            f"'{text[:40]}' is not a whole number",
            code="E-FIELD",
            fix="Write digits alone",
            field=name,
        )
    return -size if text[0] == "-" else size


async def read_form(request: web.Request) -> Form:
    """Read the form a request carries.

    Raises:
        GateError: 413 E-BODY-SIZE.
        LocalProtocolError: E-FORM when it is none; E-TIMEOUT when it did not come.
    """
    return form_of(await raw_body(request))


def form_of(raw: bytes) -> Form:
    """Read the bytes of a form.

    Raises:
        LocalProtocolError: E-FORM.
    """
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(raw),
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError as error:
        raise LocalProtocolError(
            "the form cannot be read", code="E-FORM", fix="Go back and send it again"
        ) from error
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return Form(found)
