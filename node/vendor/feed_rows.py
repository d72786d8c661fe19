"""What a feed is read into: rows, problems, and the bounds every reader keeps.

Leaves: the records shared by the readers of tables, XML and JSON, and by the import. A problem is
something to show a shop owner: where it stands, what is wrong in one sentence, what to do. Nothing
in here reads a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from protocol.errors import LocalProtocolError

ROWS_MAX: Final = 1_000_000
"""Rows of one feed."""
COLUMNS_MAX: Final = 200
"""Columns of one row."""
CELL_CHARS_MAX: Final = 4 * 1024
"""Characters of one cell; more is cut off, with a warning."""
FILE_BYTES_MAX: Final = 512 * 1024 * 1024
"""Bytes of one feed file."""
LINE_CHARS_MAX: Final = 1024 * 1024
"""Characters of one physical line: more than 200 full cells."""
COLUMN_CHARS_MAX: Final = 100
"""Characters of a column's name; more is cut off."""
_SHOWN_CHARS_MAX: Final = 80
_LOST: Final = "\N{REPLACEMENT CHARACTER}"
"""Stands where a character was lost, here or in the program that wrote the feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedProblem:
    """One thing wrong with a feed."""

    line: int
    """Line in the file, from 1; 0 when it is about the whole file."""
    column: str
    """Column name as the feed has it; may be empty."""
    value: str
    """The cell, at most 80 visible characters."""
    code: str
    """Stable code, `E-FEED-...`."""
    sentence: str
    """What is wrong."""
    fix: str
    """What to do."""
    refused: bool
    """True when the row was left out; False when it was kept without this value."""

    def __str__(self) -> str:
        """Write it the way the import prints it."""
        kept = "" if self.refused else " (kept without it)"
        fix = f"  fix: {self.fix}" if self.fix else ""
        where = f"line {self.line}  " if self.line else ""
        return f'{where}{self.column}  "{self.value}"  {self.code}  {self.sentence}{kept}{fix}'


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """One row, its text untouched but for outer spaces."""

    line: int
    """Line in the file where the row begins, from 1."""
    cells: dict[str, str]
    """Column name -> text, in the feed's order; at most 200, each at most 4096 characters."""


@dataclass(slots=True, kw_only=True)
class FeedOutcome:
    """How the reading of a feed went so far; filled while rows are taken."""

    complete: bool = True
    """False when the end was not reached: what is missing is then not known to be gone."""
    rows: int = 0
    """Rows seen, good and bad."""


FeedEvents = Iterator[FeedRow | FeedProblem]


def shown(text: str) -> str:
    """Cut text to what fits a message, with nothing in it that could move a cursor."""
    plain = _plain(text[:400]).strip()
    return plain if len(plain) <= _SHOWN_CHARS_MAX else plain[: _SHOWN_CHARS_MAX - 1] + "…"


def _plain(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else _LOST for c in text)


def problem(
    line: int,
    code: str,
    sentence: str,
    *,
    fix: str = "",
    column: str = "",
    value: str = "",
    refused: bool = True,
) -> FeedProblem:
    """Make a problem, its texts cut to what can be shown."""
    return FeedProblem(
        line=line,
        column=shown(column),
        value=shown(value),
        code=code,
        sentence=_plain(sentence),
        fix=_plain(fix),
        refused=refused,
    )


def unreadable(code: str, sentence: str, fix: str) -> LocalProtocolError:
    """Make the error for a feed of which nothing can be read."""
    return LocalProtocolError(sentence, code=code, fix=fix, field="feed")


def check_cells(row: FeedRow) -> FeedEvents:
    """Let a row through when its text is text; cut cells that are too long, with a warning.

    Yields:
        Warnings, then the row; or one problem that refuses it.
    """
    cells: dict[str, str] = {}
    for column, text in row.cells.items():
        if not text.isprintable() or _LOST in text:
            found = _unfit(row.line, column, text)
            if found:
                yield found
                return
        if len(text) > CELL_CHARS_MAX:
            yield problem(
                row.line,
                "E-FEED-LONG",
                f"has {len(text)} characters; the first {CELL_CHARS_MAX} are used",
                fix="Shorten it",
                column=column,
                value=text,
                refused=False,
            )
        cells[column] = text[:CELL_CHARS_MAX]
    yield FeedRow(line=row.line, cells=cells)


def _unfit(line: int, column: str, text: str) -> FeedProblem | None:
    for c in text:
        if "\ud800" <= c <= "\udfff" or c == _LOST:
            return problem(
                line,
                "E-FEED-ENCODING",
                "holds bytes that are not in the file's encoding",
                fix="Save the file as UTF-8, or name its encoding: --encoding latin-1",
                column=column,
                value=text,
            )
        if (c < " " and c not in "\t\n") or "\x7f" <= c <= "\x9f":
            # The upper ones stand where a cp1252 file is read as latin-1; 9B moves a cursor.
            return problem(
                line,
                "E-FEED-CONTROL",
                f"holds the control character U+{ord(c):04X}",
                fix="Name the file's encoding: --encoding cp1252"
                if c > "\x7f"
                else "Remove it; the export that wrote it may be damaged",
                column=column,
                value=text,
            )
    return None
