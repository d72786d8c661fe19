"""Reads a delimited table, record by record, whatever is wrong with it.

Enters: decoded text and a delimiter. Leaves: rows and problems in the order of the file. A quote
that is never closed would swallow the rest of the file: a record may therefore span a bounded
number of lines, after which its first line is refused and reading goes on with the next.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import Final, TextIO

from node.vendor.feed_rows import (
    COLUMN_CHARS_MAX,
    COLUMNS_MAX,
    LINE_CHARS_MAX,
    ROWS_MAX,
    FeedEvents,
    FeedOutcome,
    FeedProblem,
    FeedRow,
    check_cells,
    problem,
    unreadable,
)

DELIMITERS: Final = {"\t": "tab", ";": "semicolon", "|": "bar", ",": "comma"}
"""Delimiters looked for, in the order that decides between equals."""
_RECORD_LINES_MAX: Final = 100
"""Physical lines of one record; a description rarely has ten."""
_RECORD_CHARS_MAX: Final = 256 * 1024
"""Characters of one record."""
_QUOTES_LOST_MAX: Final = 1_000
"""Runaway quotes after which the file is taken for something else."""

Cells = list[tuple[str, str]]


class _RunawayQuoteError(Exception):
    """A record grew past its bounds: its quote was never closed."""


class _OverlongLineError(Exception):
    """A physical line is longer than any row may be."""


class _Lines(Iterator[str]):
    """Physical lines with their numbers, able to go back to the start of the current record."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._chars = 0
        self.first = 1
        """Number of the current record's first line."""

    def start_record(self) -> None:
        """Forget the lines of the record before."""
        self.first += len(self._record)
        self._record.clear()
        self._chars = 0

    def skip_first_line(self) -> None:
        """Give up the current record's first line and read its other lines again."""
        self._again.extendleft(reversed(self._record[1:]))
        self._record = self._record[:1]
        self.start_record()

    @property
    def spans(self) -> int:
        """Physical lines of the current record so far."""
        return len(self._record)

    def __next__(self) -> str:
        if len(self._record) >= _RECORD_LINES_MAX or self._chars > _RECORD_CHARS_MAX:
            raise _RunawayQuoteError
        line = self._again.popleft() if self._again else self._text.readline(LINE_CHARS_MAX)
        if not line:
            raise StopIteration
        self._record.append(line)
        self._chars += len(line)
        if len(line) >= LINE_CHARS_MAX and not line.endswith("\n"):
            while (rest := self._text.readline(LINE_CHARS_MAX)) and not rest.endswith("\n"):
                pass
            raise _OverlongLineError
        return line


def find_delimiter(head: str) -> str | None:
    """Tell what separates the cells of a header line; None when nothing does.

    Args:
        head: the beginning of the file; delimiters between quotes do not count.
    """
    counts = dict.fromkeys(DELIMITERS, 0)
    quoted = False
    for c in head:
        if c == '"':
            quoted = not quoted
        elif c in "\r\n" and not quoted:
            if any(counts.values()):
                break
        elif c in counts and not quoted:
            counts[c] += 1
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else None


def read_table(text: TextIO, delimiter: str, outcome: FeedOutcome) -> FeedEvents:
    """Read rows of a table whose first record names the columns.

    Args:
        text: decoded, newlines made `\\n`, undecodable bytes as surrogates.
        delimiter: one character.
        outcome: counted as rows are taken.

    Raises:
        LocalProtocolError: E-FEED-HEADER or E-FEED-COLUMNS when the header cannot be used.
    """
    lines = _Lines(text)
    columns, warnings = _header(lines, delimiter)
    yield from warnings
    quotes_lost = 0
    for found in _records(lines, delimiter):
        if outcome.rows >= ROWS_MAX:
            outcome.complete = False
            yield problem(
                found.line if isinstance(found, FeedProblem) else found[0],
                "E-FEED-ROWS",
                f"the feed has more than {ROWS_MAX:,} rows; the rest was not read",
                fix="Split the feed and import the parts with different --source names",
            )
            return
        if isinstance(found, FeedProblem):
            outcome.rows += 1
            quotes_lost += found.code == "E-FEED-QUOTE"
            yield found
            if quotes_lost > _QUOTES_LOST_MAX:
                outcome.complete = False
                yield _too_many_quotes(found.line)
                return
            continue
        line, cells = found
        if not any(cells):
            continue
        outcome.rows += 1
        if len(cells) != len(columns) and any(cells[len(columns) :] or [len(cells) < len(columns)]):
            yield _wrong_width(line, len(cells), len(columns), delimiter, cells)
            continue
        pairs = zip(columns, cells, strict=False)
        yield from check_cells(
            FeedRow(line=line, cells={name: cell for name, cell in pairs if name})
        )


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str]] | FeedProblem]:
    """Yield (line, cells) of each record, or the problem that refuses its first line."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.start_record()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _OverlongLineError:
            yield problem(
                lines.first,
                "E-FEED-LONG",
                f"the line is longer than {LINE_CHARS_MAX:,} characters",
                fix="Check the export: a row should be far shorter",
            )
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        except (csv.Error, _RunawayQuoteError):
            yield problem(
                lines.first,
                "E-FEED-QUOTE",
                'a quotation mark is not closed, or stands inside a cell by itself',
                fix='Put the cell between quotation marks and write "" for each inside it',
            )
            lines.skip_first_line()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        else:
            yield lines.first, [cell.strip() for cell in cells]


def _header(lines: _Lines, delimiter: str) -> tuple[list[str], list[FeedProblem]]:
    """Read the column names; unnamed columns and repeated ones become empty names."""
    try:
        _, names = next(
            found
            for found in _records(lines, delimiter)
            if isinstance(found, FeedProblem) or (any(found[1]) and not _is_directive(found[1]))
        )
    except StopIteration:
        raise unreadable(
            "E-FEED-HEADER", "the feed is empty", "Its first line must name the columns"
        ) from None
    except TypeError:  # pragma: no cover - unpacking below decides
        raise
    return _named(lines.first, names)


def _is_directive(cells: list[str]) -> bool:
    """Tell whether a line is the `sep=;` a spreadsheet writes for itself."""
    return "".join(cells).lower().startswith("sep=")
