"""Opens a shop's feed, whatever program wrote it, and streams its rows.

Enters: a file. Leaves: rows of (line, {column: text}) and problems, in the order of the file;
never more than one row and one block of the file in memory. A bad row never stops the reading;
what stops it is a file of which nothing can be read.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.vendor.feed_rows import FILE_BYTES_MAX, FeedEvents, FeedOutcome, unreadable
from node.vendor.feed_tables import DELIMITERS, find_delimiter, read_table
from node.vendor.feed_xml import read_xml
from protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_HEAD_BYTES: Final = 64 * 1024
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, whose mark is the beginning of this one.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ENCODINGS: Final = re.compile(
    r"utf-(8|16|32)(-(sig|le|be))?|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+"
    r"|shift_jis\w*|euc_\w+|gb\w+|big5\w*|tis-620"
)
"""Names, as `codecs` normalises them: it also knows codecs that are no encodings of a file."""
_XML_NAMES: Final = {
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "utf-8-sig": "UTF-8",
}
"""How the XML parser calls what was found by its first bytes."""
_FOREIGN: Final = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "Unpack it, or save the sheet as CSV"),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it: gunzip FILE"),
    (b"BZh", "compressed with bzip2", "Unpack it: bunzip2 FILE"),
    (b"\xfd7zXZ", "compressed with xz", "Unpack it: unxz FILE"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet", "Save the sheet as CSV"),
    (b"%PDF", "a PDF", "Export the catalogue as CSV"),
    (b"SQLite format 3", "a database", "Export the catalogue as CSV"),
)
_NUL_SHARE: Final = 0.3
"""Share of NUL bytes on one side of each pair that makes a file UTF-16: plain text has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOptions:
    """What a shop owner may say about a file; everything left out is found out."""

    encoding: str | None = None
    """Name of a text encoding, for files that are not UTF-8 and have no mark."""
    delimiter: str | None = None
    """One character between cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """An open feed."""

    form: str
    """For people: `Google Merchant RSS 2.0`, `CSV (semicolon, UTF-8)`."""
    events: FeedEvents
    """Rows and problems; take them once, in order."""
    outcome: FeedOutcome
    """Whether the end was reached; read it after the last event."""


class _BoundedFile(io.RawIOBase):
    """A file that may not hand out more bytes than a feed may have, even while it grows."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__()
        self._raw = raw
        self._left = FILE_BYTES_MAX

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer."""
        count = self._raw.readinto(buffer) or 0
        self._left -= count
        if self._left < 0:
            raise _too_large()
        return count

    def close(self) -> None:
        """Close the file beneath."""
        self._raw.close()
        super().close()


@contextmanager
def open_feed(path: Path, options: FeedOptions | None = None) -> Iterator[Feed]:
    """Open a feed for one pass.

    Raises:
        LocalProtocolError: E-FEED-FILE, E-FEED-SIZE, E-FEED-FORMAT, E-FEED-ENCODING,
            E-FEED-HEADER, E-FEED-COLUMNS or E-FEED-XML when nothing can be read; the last three
            may come with the first event.
    """
    asked = options or FeedOptions()
    with _opened(path) as source:
        head = source.peek(_HEAD_BYTES)
        _refuse_foreign(head)
        outcome = FeedOutcome()
        encoding = _encoding_of(head, asked.encoding)
        text_head = head.decode(encoding, errors="replace").lstrip("\ufeff \t\r\n")
        if text_head.startswith("<"):
            known = encoding if asked.encoding else None
            events = read_xml(source, _XML_NAMES.get(encoding, known), outcome)
            yield Feed(form=_xml_form(text_head), events=events, outcome=outcome)
            return
        delimiter = _delimiter_of(text_head, asked.delimiter)
        errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
        text = io.TextIOWrapper(source, encoding=encoding, errors=errors, newline=None)
        shown = encoding.removesuffix("-sig").upper()
        name = "TSV" if delimiter == "\t" else "CSV"
        detail = shown if delimiter == "\t" else f"{DELIMITERS.get(delimiter, delimiter)}, {shown}"
        events = read_table(text, delimiter, outcome)
        yield Feed(form=f"{name} ({detail})", events=events, outcome=outcome)


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader[_BoundedFile]]:
    try:
        # Opened without waiting: a named pipe must not hang the import.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise unreadable(
            "E-FEED-FILE",
            f"{path} cannot be opened: {error.strerror}",
            "Check the name and who may read it",
        ) from error
    try:
        _check_file(path, os.fstat(number))
    except LocalProtocolError:
        os.close(number)
        raise
    # The wrapper of a table's text closes this reader too: leaving twice does no harm.
    with io.BufferedReader(_BoundedFile(io.FileIO(number)), _HEAD_BYTES) as source:
        yield source


def _check_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise unreadable("E-FEED-FILE", f"{path} is not a file", "Give a feed file")
    if found.st_size > FILE_BYTES_MAX:
        raise _too_large()
    if not found.st_size:
        raise unreadable("E-FEED-HEADER", "the feed is empty", "Export it again")


def _too_large() -> LocalProtocolError:
    return unreadable(
        "E-FEED-SIZE",
        f"the feed is larger than {FILE_BYTES_MAX // (1024 * 1024)} MiB",
        "Split it and import the parts with different --source names",
    )


def _refuse_foreign(head: bytes) -> None:
    for magic, what, fix in _FOREIGN:
        if head.startswith(magic):
            raise unreadable("E-FEED-FORMAT", f"the feed is {what}", fix)


def _encoding_of(head: bytes, asked: str | None) -> str:
    """Choose the encoding: a mark in the file, then what was asked for, then UTF-16 by its NULs."""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    even, odd = head[0::2], head[1::2]
    if asked is not None:
        known = _known_encoding(asked)
        # Without a mark the order of the bytes must be said: most programs write the low one first.
        order = "be" if even.count(0) > odd.count(0) else "le"
        return f"{known}-{order}" if known in ("utf-16", "utf-32") else known
    if even and odd.count(0) > _NUL_SHARE * len(even):
        return "utf-16-le"
    if even and even.count(0) > _NUL_SHARE * len(even):
        return "utf-16-be"
    return "utf-8"


def _known_encoding(name: str) -> str:
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        found = ""
    if not _ENCODINGS.fullmatch(found):
        raise unreadable(
            "E-FEED-ENCODING",
            f"'{name[:40]}' is not an encoding of text files",
            "Use utf-8, utf-16, latin-1 or cp1252",
        )
    return found


def _delimiter_of(head: str, asked: str | None) -> str:
    if asked is not None:
        mark = {"tab": "\t", "\\t": "\t"}.get(asked, asked)
        if len(mark) != 1 or mark in '"\r\n' or mark.isalnum():
            raise unreadable(
                "E-FEED-FORMAT",
                f"'{asked[:10]}' cannot stand between cells",
                "Use one of , ; | or tab",
            )
        return mark
    if head.lower().startswith("sep=") and head[4:5] in DELIMITERS:
        return head[4]
    found = find_delimiter(head)
    if found is None:
        raise unreadable(
            "E-FEED-FORMAT",
            "the first line does not name several columns",
            "Give a CSV or TSV whose first line names the columns, or a Google Merchant XML feed; "
            "for another mark between cells use --delimiter",
        )
    return found


def _xml_form(head: str) -> str:
    google = "base.google.com" in head
    if "<rss" in head:
        return "Google Merchant RSS 2.0" if google else "RSS 2.0"
    if "<feed" in head:
        return "Google Merchant Atom 1.0" if google else "Atom 1.0"
    return "XML"
