"""Plain-text tables that fit the terminal.

Enters: headings and cells, some of them written by strangers. Leaves: lines. The widest columns
give way first; what is cut ends in an ellipsis. Wide characters count two columns, marks none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from node.cli.console import clean

_GAP = "  "
_CELL_MIN = 6
"""A column is not cut below this."""


def width_of(text: str) -> int:
    """Count the columns a text takes in a terminal."""
    return sum(_columns(c) for c in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """Cut a text to a width."""
    if width_of(text) <= columns:
        return text
    kept = ""
    room = columns - 1
    for c in text:
        room -= _columns(c)
        if room < 0:
            break
        kept += c
    return kept.rstrip() + "…"


def pad(text: str, columns: int, *, right: bool) -> str:
    """Fill a text up to a width."""
    space = " " * (columns - width_of(text))
    return space + text if right else text + space


def _fitted(widths: list[int], columns: int) -> list[int]:
    """Take from the widest column, one at a time, until all fit or none can give."""
    widths = list(widths)
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - columns
    while excess > 0 and max(widths) > _CELL_MIN:
        widths[widths.index(max(widths))] -= 1
        excess -= 1
    return widths


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    columns: int,
    right: Sequence[str] = (),
) -> list[str]:
    """Lay out a table.

    Args:
        headings: one per column.
        rows: as many cells each; None is shown as `-`.
        columns: width to fit.
        right: headings of columns that end flush, such as amounts.

    Returns:
        Lines, the headings first, without trailing spaces.
    """
    cells = [["-" if cell is None else clean(cell) for cell in row] for row in rows]
    natural = [
        max(width_of(text) for text in column) for column in zip(headings, *cells, strict=True)
    ]
    widths = _fitted(natural, columns)
    flush = [heading in right for heading in headings]
    return [
        _GAP.join(
            pad(cut(text, width), width, right=is_right)
            for text, width, is_right in zip(row, widths, flush, strict=True)
        ).rstrip()
        for row in [list(headings), *cells]
    ]


def pairs(rows: Sequence[tuple[str, object]]) -> list[str]:
    """Lay out names and their values, the values aligned."""
    widest = max((width_of(name) for name, _ in rows), default=0)
    return [
        f"{pad(name, widest, right=False)}{_GAP}{clean(value)}".rstrip() for name, value in rows
    ]
