"""A text as squares a camera reads: for the page as a path, for a terminal as half blocks.

Enters: a text. Leaves: QR squares with the still border every reader needs. Never: a picture from
elsewhere; nothing is fetched, and nobody is told.
Source: ISO/IEC 18004, made by the library segno.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Final

import segno

from protocol.errors import LocalProtocolError

BORDER: Final = 4
"""Light squares around it. Source: ISO/IEC 18004, 6.3.8."""
CHARS_MAX: Final = 2_000
"""Longer ones make squares too small to read off a screen; guess."""
_BLOCKS: Final = {(True, True): " ", (True, False): "▄", (False, True): "▀", (False, False): "█"}
"""Dark above, dark below -> what leaves the dark ones to the terminal's own dark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The squares as one path of an SVG."""

    size: int
    """Squares of a side, border included; the view box is as wide and high."""
    path: str
    """What is dark."""


def squares(text: str) -> list[list[bool]]:
    """Give the squares, border included; True is dark.

    Raises:
        LocalProtocolError: E-QR, it is too long to be read off a screen.
    """
    if len(text) > CHARS_MAX:
        raise LocalProtocolError(
            f"a text of {len(text)} characters is too long for a QR code",
            code="E-QR",
            fix="Hand the text itself on",
        )
    code = segno.make_qr(text, error="L", boost_error=False)
    return [[bool(cell) for cell in row] for row in code.matrix_iter(border=BORDER)]


def drawing(text: str) -> Drawing:
    """Draw it for a page.

    Raises:
        LocalProtocolError: E-QR.
    """
    rows = squares(text)
    runs = (
        f"M{x} {y}h{width}v1h-{width}z" for y, row in enumerate(rows) for x, width in _runs(row)
    )
    return Drawing(size=len(rows), path="".join(runs))


def _runs(row: Sequence[bool]) -> list[tuple[int, int]]:
    """List where dark runs begin and how long they are."""
    found, x = [], 0
    for is_dark, cells in groupby(row):
        width = len(list(cells))
        if is_dark:
            found.append((x, width))
        x += width
    return found


def lines(text: str) -> list[str]:
    """Draw it for a terminal, two rows of squares a line; it reads as light on dark.

    Raises:
        LocalProtocolError: E-QR.
    """
    rows = squares(text)
    light = [False] * len(rows)
    pairs = zip_longest(rows[::2], rows[1::2], fillvalue=light)
    return ["".join(_BLOCKS[pair] for pair in zip(*each, strict=True)) for each in pairs]
