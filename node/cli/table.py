"""Plain-text tables that fit the terminal.

Enters: headings and cells, some of them written by strangers. Leaves: lines. Columns that can be
spared go first, then the widest give way; what is cut ends in an ellipsis, and what somebody may
want to copy is never cut. Wide characters count two columns, marks none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from node.cli.console import clean

_GAP = "  "
_CELL_MIN = 6
"""A column is not cut below this."""
_ROOMY = 16
"""Others are cut to this at most as long as a column can be spared instead."""


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


def _fitted(widths: list[int], floors: list[int], columns: int) -> list[int]:
    """Take from the widest column that can give, one at a time, until all fit or none can."""
    widths = list(widths)
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - columns
    while excess > 0:
        giving = [i for i, width in enumerate(widths) if width > floors[i]]
        if not giving:
            break
        widths[max(giving, key=lambda i: widths[i])] -= 1
        excess -= 1
    return widths


def _natural(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(width_of(text) for text in column) for column in zip(headings, *cells, strict=True)]


def _left_out(
    widths: Mapping[str, int], columns: int, whole: Sequence[str], spare: Sequence[str]
) -> frozenset[str]:
    """Say which columns must go, so that the others have room enough to be read."""
    left = {name: w if name in whole else min(w, _ROOMY) for name, w in widths.items()}
    gone: set[str] = set()
    for name in spare:
        if sum(left.values()) + len(_GAP) * (len(left) - 1) <= columns:
            break
        _ = left.pop(name, None)
        gone.add(name)
    return frozenset(gone)


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    columns: int,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> list[str]:
    """Lay out a table.

    Args:
        headings: one per column.
        rows: as many cells each; None is shown as `-`.
        columns: width to fit.
        right: headings of columns that end flush, such as amounts.
        whole: headings of columns that are never cut, such as handles.
        spare: headings of columns that may be left out, in this order.

    Returns:
        Lines, the headings first, without trailing spaces. They are wider than asked only where
        the columns that are never cut leave no other way.
    """
    cells = [["-" if cell is None else clean(cell) for cell in row] for row in rows]
    natural = _natural(headings, cells)
    left_out = _left_out(dict(zip(headings, natural, strict=True)), columns, whole, spare)
    if left_out:
        kept = [i for i, heading in enumerate(headings) if heading not in left_out]
        headings = [headings[i] for i in kept]
        cells = [[row[i] for i in kept] for row in cells]
        natural = [natural[i] for i in kept]
    floors = [
        width if heading in whole else min(width, _CELL_MIN)
        for heading, width in zip(headings, natural, strict=True)
    ]
    widths = _fitted(natural, floors, columns)
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
