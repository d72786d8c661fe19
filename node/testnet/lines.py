"""Plain lines for people: aligned columns, lengths of time, nothing a terminal would obey.

Enters: cells, some of them written by strangers. Leaves: lines.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import TextIO

from node.lettering import shown

_GAP = "  "
_MS = 1_000


def clean(text: object) -> str:
    """Show as its code what a terminal would obey or nobody would see; see `node.lettering`."""
    return shown(text)


def columns(
    rows: Sequence[Sequence[object]], *, right: Collection[int] = (), indent: str = ""
) -> list[str]:
    """Align cells; the numbered columns end flush."""
    cells = [[clean(cell) for cell in row] for row in rows]
    if not cells:
        return []
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return [
        indent
        + _GAP.join(
            text.rjust(width) if i in right else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def seconds(ms: int) -> str:
    """Write a measured length of time: `0.42 s`."""
    return f"{ms / _MS:.2f} s"


def say(text: str, stream: TextIO | None) -> None:
    """Print a line at once, where there is somebody to read it."""
    if stream is not None and not stream.closed:
        stream.write(text + "\n")
        stream.flush()


def talk(*, as_json: bool) -> TextIO | None:
    """Give the stream for what people read: beside a document it is stderr."""
    return sys.stderr if as_json else sys.stdout
