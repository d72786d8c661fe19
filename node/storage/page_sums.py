"""Sums of every page of the database, in a file beside it.

SQLite notices a broken tree but not a changed value. So one BLAKE2b sum per page stands in
`<database>-sums`, written before a page goes home from the log and compared at every start. Its
head also says how far the log had come when somebody was last told "recorded", so that a log cut
short is known. Head and sums prove themselves: a damaged sum must not be taken for a damaged page,
nor one that is gone for a page that was never written. Enters: sums and marks from the guard.
Leaves: the same, or None when the file is not there or its head not whole. Never: a page itself.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

SUM_BYTES: Final = 16
"""Of a page's sum and its own checksum; 32 fill a sector, so that none is written by half."""
_CHECK: Final = struct.Struct(">I")
_DIGEST_BYTES: Final = SUM_BYTES - _CHECK.size
ORIGIN_BYTES: Final = 16
HEAD_BYTES: Final = 512
"""One sector: written whole or not at all."""
_MAGIC: Final = b"icsums03"
_HEAD: Final = struct.Struct(f">8s{ORIGIN_BYTES}sII8sIII{SUM_BYTES}s?")
_OWNER_ONLY: Final = 0o600
NO_SUM: Final = bytes(SUM_BYTES)
"""Stands in a head for the sum of no page; proves nothing, so it is never that of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far everything had come."""

    origin: bytes
    """16 bytes; which database this is."""
    page_bytes: int
    """Size of a page."""
    pages: int
    """Pages of the database that have sums."""
    salts: bytes = bytes(8)
    """The log's life."""
    told: int = 0
    """Frames of it that somebody may have been told of."""
    covered: int = 0
    """Frames of it whose pages have their sums here."""
    last_page: int = 0
    """The page in the last of the frames told of; 0 when none was."""
    last_sum: bytes = NO_SUM
    """Its sum."""
    is_begun: bool = False
    """A commit was begun after that, and nobody was told how it ended."""

    def written(self) -> bytes:
        """Write the head, its own sum at the end."""
        body = _HEAD.pack(
            _MAGIC,
            self.origin,
            self.page_bytes,
            self.pages,
            self.salts,
            self.told,
            self.covered,
            self.last_page,
            self.last_sum,
            self.is_begun,
        )
        return (body + head_sum(body)).ljust(HEAD_BYTES, b"\0")


def head_sum(body: bytes) -> bytes:
    """Sum the head."""
    return hashlib.blake2b(body, digest_size=SUM_BYTES).digest()


def page_sum(number: int, page: bytes) -> bytes:
    """Sum one page under its number, so that two pages that changed places are known."""
    place = number.to_bytes(8, "big")
    digest = hashlib.blake2b(page, digest_size=_DIGEST_BYTES, salt=place).digest()
    return digest + _CHECK.pack(zlib.crc32(place + digest))


def never_written(number: int) -> bytes:
    """Stand for a page that was never written: SQLite keeps some places empty."""
    nothing = bytes(_DIGEST_BYTES)
    return nothing + _CHECK.pack(zlib.crc32(number.to_bytes(8, "big") + nothing))


def sum_holds(number: int, known: bytes) -> bool:
    """Tell whether a sum is one that was written for that page, whatever the page is now."""
    digest, check = known[:_DIGEST_BYTES], known[_DIGEST_BYTES:]
    return check == _CHECK.pack(zlib.crc32(number.to_bytes(8, "big") + digest))


def sums_path(database: Path) -> Path:
    """Name the file of sums of a database."""
    return database.with_name(database.name + "-sums")


def _read_mark(head: bytes) -> Mark | None:
    body, sealed = head[: _HEAD.size], head[_HEAD.size : _HEAD.size + SUM_BYTES]
    if len(head) < HEAD_BYTES or head_sum(body) != sealed:
        return None
    magic, origin, page_bytes, pages, salts, told, covered, page, last, begun = _HEAD.unpack(body)
    if magic != _MAGIC:
        return None
    return Mark(
        origin=origin,
        page_bytes=page_bytes,
        pages=pages,
        salts=salts,
        told=told,
        covered=covered,
        last_page=page,
        last_sum=last,
        is_begun=begun,
    )


class PageSums:
    """The open file."""

    def __init__(self, file: BinaryIO, mark: Mark) -> None:
        """Keep the parts; use `load` or `make`."""
        self._file = file
        self.mark = mark

    @classmethod
    def load(cls, database: Path) -> PageSums | None:
        """Open the file of sums; None when there is none that can be believed.

        Raises:
            OSError: it cannot be read or written.
        """
        try:
            file = sums_path(database).open("r+b", buffering=0)
        except FileNotFoundError:
            return None
        mark = _read_mark(_read(file, HEAD_BYTES))
        if mark is None:
            file.close()
            return None
        return cls(file, mark)

    @classmethod
    def make(cls, database: Path, mark: Mark, sums: bytes) -> PageSums:
        """Write a new file whole, in the place of an old one.

        Args:
            database: its path.
            mark: the head.
            sums: one sum for each of `mark.pages` pages.

        Raises:
            OSError: it cannot be written; an old one stays.
        """
        path = sums_path(database)
        draft = path.with_name(path.name + ".new")
        descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_RDWR, _OWNER_ONLY)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            _write(file, mark.written() + sums)
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
        return cls(path.open("r+b", buffering=0), mark)

    def sums(self, first: int = 1, last: int | None = None) -> bytes:
        """Read the sums of a range of pages, counted from 1; of all without a range.

        Returns:
            16 bytes for each; zeros, which no page has, for those the file does not give.
        """
        wanted = ((self.mark.pages if last is None else last) - first + 1) * SUM_BYTES
        self._file.seek(HEAD_BYTES + (first - 1) * SUM_BYTES)
        return _read(self._file, wanted).ljust(wanted, b"\0")

    def note(self, mark: Mark) -> None:
        """Keep a new head. Not synced: what is older promises less, never more."""
        self._file.seek(0)
        _write(self._file, mark.written())
        self.mark = mark

    def put(self, sums: Mapping[int, bytes], mark: Mark) -> None:
        """Keep sums of pages and a new head, and wait until the disk has both."""
        grown = range(self.mark.pages + 1, mark.pages + 1)
        for number in sorted({*sums, *grown}):
            self._file.seek(HEAD_BYTES + (number - 1) * SUM_BYTES)
            _write(self._file, sums.get(number) or never_written(number))
        # The head counts on the sums: they are on disk before it says so.
        os.fsync(self._file.fileno())
        self.note(mark)
        os.fsync(self._file.fileno())

    def spoil(self) -> None:
        """Leave nothing of the file to be believed, and wait until the disk knows.

        Raises:
            OSError: it cannot be written.
        """
        os.truncate(self._file.fileno(), 0)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        self._file.close()


def _read(file: BinaryIO, count: int) -> bytes:
    """Read so many bytes, fewer at the end; none where the disk gives them no more."""
    try:
        return file.read(count) or b""
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


def _write(file: BinaryIO, data: bytes) -> None:
    """Write all of it: one call may take a part, and say so by its answer alone."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def sync_folder(folder: Path) -> None:
    """Make names in a folder outlive a power cut, where folders can be synced."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
