"""Reads a product feed in XML as it streams in: RSS 2.0 and Atom as Google Merchant has them.

Enters: bytes. Leaves: rows and problems with exact line numbers. No tree is built, so memory does
not grow with the feed. A document type, an entity or an external reference is refused: no feed
needs one, and each is a way to make a reader swell or look at other files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from node.vendor.feed_rows import (
    CELL_CHARS_MAX,
    COLUMN_CHARS_MAX,
    COLUMNS_MAX,
    ROWS_MAX,
    FeedEvents,
    FeedOutcome,
    FeedProblem,
    FeedRow,
    check_cells,
    problem,
    unreadable,
)

_GOOGLE: Final = "{http://base.google.com/ns/1.0}"
_ROW_NAMES: Final = frozenset({"item", "entry", "product"})
_CHUNK_BYTES: Final = 64 * 1024
_DEPTH_MAX: Final = 32
"""Nesting of elements; a feed has five."""
_SILENT_BYTES_MAX: Final = 1024 * 1024
"""Bytes that may pass without one complete element or text: a longer tag is an attack."""


class _RowTarget:
    """Takes the parser's events and keeps no more than the row being read."""

    def __init__(self) -> None:
        self.line_now: Callable[[], int] = lambda: 0
        self.found: deque[FeedRow | FeedProblem] = deque()
        self.events = 0
        self.kind = ""
        self._depth = 0
        self._row_depth = 0
        self._row_line = 0
        self._cells: dict[str, str] = {}
        self._crowded = False
        self._text: list[str] = []
        self._chars = 0
        self._parts: list[tuple[str, str]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        self.events += 1
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise unreadable(
                "E-FEED-XML",
                f"line {self.line_now()}: elements are nested deeper than {_DEPTH_MAX}",
                "This is not a product feed; export it again",
            )
        name = _name(tag)
        if self._depth == 1:
            self.kind = name
        self._text.clear()
        self._chars = 0
        if not self._row_depth and self._depth > 1 and name.lower() in _ROW_NAMES:
            self._row_depth, self._row_line = self._depth, self.line_now()
            self._cells, self._crowded = {}, False
        elif self._row_depth and self._depth == self._row_depth + 1:
            self._parts.clear()
            if name == "link" and attributes.get("rel", "alternate") == "alternate":
                # Atom writes the address into an attribute.
                self._text.append(attributes.get("href", "")[: CELL_CHARS_MAX + 1])

    def data(self, text: str) -> None:
        """Take text; what no cell can hold is dropped here, and the cell is reported as long."""
        self.events += 1
        if self._row_depth and self._chars <= CELL_CHARS_MAX:
            self._text.append(text[: CELL_CHARS_MAX + 1])
            self._chars += len(text)

    def end(self, tag: str) -> None:
        """End an element: a part of a cell, a cell, or the row."""
        self.events += 1
        depth = self._depth - self._row_depth if self._row_depth else -1
        self._depth -= 1
        text = "".join(self._text).strip()
        self._text.clear()
        self._chars = 0
        if depth == 0:
            self._row_depth = 0
            self._finish_row()
        elif depth == 1:
            self._cell(_name(tag), text)
        elif depth > 1 and len(self._parts) < COLUMNS_MAX:
            self._parts.append((_name(tag).removeprefix("g:"), text))

    def _cell(self, name: str, text: str) -> None:
        parts = dict(self._parts)
        if {"attribute_name", "attribute_value"} <= parts.keys():
            name, text = parts["attribute_name"], parts["attribute_value"]
        elif parts:
            text = ":".join(value for _, value in self._parts)
        name = " ".join(name.split())[:COLUMN_CHARS_MAX]
        if not name or not text:
            return
        if name in self._cells:
            text = f"{self._cells[name]}, {text}"
        if name in self._cells or len(self._cells) < COLUMNS_MAX:
            self._cells[name] = text[: CELL_CHARS_MAX + 1]
        else:
            self._crowded = True

    def _finish_row(self) -> None:
        if self._crowded:
            self.found.append(
                problem(
                    self._row_line,
                    "E-FEED-COLUMNS",
                    f"has more than {COLUMNS_MAX} columns; the first {COLUMNS_MAX} are used",
                    refused=False,
                )
            )
        self.found.append(FeedRow(line=self._row_line, cells=self._cells))
        self._cells = {}

    def close(self) -> None:
        """End the document."""


def _name(tag: str) -> str:
    """Write an element's name the way feeds do: `g:price`, `title`."""
    if tag.startswith(_GOOGLE):
        return "g:" + tag.removeprefix(_GOOGLE)
    return tag.rpartition("}")[2]


def read_xml(source: BinaryIO, encoding: str | None, outcome: FeedOutcome) -> FeedEvents:
    """Read the items of an RSS or Atom feed.

    A fault in the middle ends the reading: the rows before it are good, `outcome.complete` is
    False, and one problem says where it stopped.

    Args:
        source: bytes of the whole file.
        encoding: overrides what the document declares.
        outcome: counted as rows are taken.

    Raises:
        LocalProtocolError: E-FEED-XML when it is not a feed, or forbids what a feed may hold.
    """
    target = _RowTarget()
    parser = DefusedXMLParser(
        target=target, encoding=encoding, forbid_dtd=True, forbid_external=True
    )
    target.line_now = lambda: int(parser.parser.CurrentLineNumber)
    for found in _stream(source, parser, target):
        if isinstance(found, FeedProblem) and found.code == "E-FEED-XML":
            if not outcome.rows:
                raise unreadable(found.code, f"line {found.line}: {found.sentence}", found.fix)
            outcome.complete = False
            yield found
            return
        if isinstance(found, FeedProblem):
            yield found
            continue
        if outcome.rows >= ROWS_MAX:
            outcome.complete = False
            yield problem(
                found.line,
                "E-FEED-ROWS",
                f"the feed has more than {ROWS_MAX:,} rows; the rest was not read",
                fix="Split the feed and import the parts with different --source names",
            )
            return
        outcome.rows += 1
        yield from check_cells(found)
    if not outcome.rows:
        raise unreadable(
            "E-FEED-XML",
            f"<{target.kind[:40]}> holds no <item>, <entry> or <product>",
            "Give a Google Merchant feed (RSS 2.0 or Atom), CSV or TSV",
        )


def _stream(source: BinaryIO, parser: Any, target: _RowTarget) -> Iterator[FeedRow | FeedProblem]:
    silent = 0
    chunk = b" "
    while chunk:
        chunk = source.read(_CHUNK_BYTES)
        before = target.events
        stop = _feed(parser, chunk)
        yield from target.found
        target.found.clear()
        if stop is not None:
            yield stop
            return
        silent = 0 if target.events != before else silent + len(chunk)
        if silent > _SILENT_BYTES_MAX:
            raise unreadable(
                "E-FEED-XML",
                f"line {target.line_now()}: one tag is longer than a whole row may be",
                "This is not a product feed; export it again",
            )


def _feed(parser: Any, chunk: bytes) -> FeedProblem | None:
    """Give bytes to the parser, or end it; a fault of the document becomes a problem."""
    try:
        if chunk:
            parser.feed(chunk)
        else:
            parser.close()
    except DefusedXmlException as error:
        raise unreadable(
            "E-FEED-XML",
            f"line {parser.parser.CurrentLineNumber}: a document type, entity or reference to "
            "another file stands in the feed",
            "Remove the <!DOCTYPE ...> part; no product feed needs one",
        ) from error
    except (LookupError, ValueError) as error:
        # What the parser says about an encoding it does not have, from the document or from us.
        raise unreadable(
            "E-FEED-ENCODING",
            f"the feed's encoding cannot be read: {error}",
            "Save the file as UTF-8",
        ) from error
    except ParseError as error:
        line, _ = error.position
        return problem(
            line,
            "E-FEED-XML",
            f"not well-formed here ({error}); nothing after this was read",
            fix="Write & as &amp; and < as &lt; in texts, and close every tag",
        )
    return None
