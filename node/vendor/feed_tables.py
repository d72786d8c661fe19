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

from node.numerals import plural
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
        text: decoded, with one kind of newline, undecodable bytes as surrogates.
        delimiter: one character.
        outcome: counted as rows are taken.

    Raises:
        LocalProtocolError: E-FEED-HEADER or E-FEED-COLUMNS when the header cannot be used.
    """
    lines = _Lines(text)
    records = _records(lines, delimiter)
    columns, warnings = _header(records)
    yield from warnings
    quotes_lost = 0
    for found in records:
        if outcome.rows >= ROWS_MAX:
            outcome.complete = False
            yield _too_many_rows(lines.first)
            return
        if isinstance(found, FeedProblem):
            outcome.rows += 1
            quotes_lost += found.code == "E-FEED-QUOTE"
            yield found
        elif any(found):
            outcome.rows += 1
            # A cell too many may be half of a price such as 19,99.
            if len(found) == len(columns):
                pairs = zip(columns, found, strict=True)
                cells = {name: cell for name, cell in pairs if name}
                yield from check_cells(FeedRow(line=lines.first, cells=cells))
            elif lines.spans > 1:
                # A quote opened here and closed rows later: only its own line is given up.
                quotes_lost += 1
                yield _lost_quote(lines.first)
                lines.skip_first_line()
            else:
                yield _wrong_width(lines.first, found, columns, delimiter)
        if quotes_lost > _QUOTES_LOST_MAX:
            outcome.complete = False
            yield _too_many_quotes(lines.first)
            return


def _records(lines: _Lines, delimiter: str) -> Iterator[list[str] | FeedProblem]:
    """Yield the cells of each record, or the problem that refuses its first line."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.start_record()
        try:
            cells = [cell.strip() for cell in next(reader)]
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
            yield _lost_quote(lines.first)
            lines.skip_first_line()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        else:
            yield cells


def _header(records: Iterator[list[str] | FeedProblem]) -> tuple[list[str], list[FeedProblem]]:
    """Read the column names; an unnamed or repeated column gets an empty name and is not used."""
    for found in records:
        if isinstance(found, FeedProblem):
            raise unreadable(found.code, f"the header cannot be read: {found.sentence}", found.fix)
        if any(found) and not "".join(found).lower().startswith("sep="):
            return _column_names(found)
    raise unreadable("E-FEED-HEADER", "the feed is empty", "Its first line names the columns")


def _column_names(header: list[str]) -> tuple[list[str], list[FeedProblem]]:
    if len(header) > COLUMNS_MAX:
        raise unreadable(
            "E-FEED-COLUMNS",
            f"the header names {len(header):,} columns, at most {COLUMNS_MAX} are read",
            "Export fewer columns, or name the delimiter: --delimiter ';'",
        )
    names: list[str] = []
    warnings: list[FeedProblem] = []
    for cell in header:
        name = " ".join(cell.split())[:COLUMN_CHARS_MAX]
        if not name.isprintable():
            raise unreadable(
                "E-FEED-ENCODING",
                "the column names are not in the file's encoding",
                "Save the file as UTF-8, or name its encoding: --encoding latin-1",
            )
        if name and name in names:
            warnings.append(
                problem(
                    1,
                    "E-FEED-HEADER",
                    "stands twice; the first one is used",
                    fix="Give the second column a name of its own",
                    column=name,
                    refused=False,
                )
            )
            name = ""
        names.append(name)
    return names, warnings


def _wrong_width(line: int, cells: list[str], columns: list[str], delimiter: str) -> FeedProblem:
    few = len(cells) < len(columns)
    return problem(
        line,
        "E-FEED-COLUMNS",
        f"has {plural(len(cells), 'cell')}, the header names {plural(len(columns), 'column')}",
        fix="Add the missing cells, empty if need be"
        if few
        else f"Put cells that hold a {DELIMITERS.get(delimiter, delimiter)} between "
        "quotation marks",
        value=delimiter.join(cells[:20]),
    )


def _lost_quote(line: int) -> FeedProblem:
    return problem(
        line,
        "E-FEED-QUOTE",
        "a quotation mark is not closed, or stands inside a quoted cell by itself",
        fix='Put the cell between quotation marks and write "" for each inside it',
    )


def _too_many_quotes(line: int) -> FeedProblem:
    return problem(
        line,
        "E-FEED-QUOTE",
        f"more than {_QUOTES_LOST_MAX:,} rows have lost quotation marks; the rest was not read",
        fix="Check the export's quoting and the delimiter",
    )


def _too_many_rows(line: int) -> FeedProblem:
    return problem(
        line,
        "E-FEED-ROWS",
        f"the feed has more than {ROWS_MAX:,} rows; the rest was not read",
        fix="Split the feed and import the parts with different --source names",
    )
