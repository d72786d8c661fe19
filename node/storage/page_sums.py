"""Sums of every page of the database, in a file beside it.

SQLite notices a broken tree but not a changed value. So one BLAKE2b sum per page stands in
`<database>-sums`, written before a page goes home from the log and compared at every start. Its
head also says how far the log had come when somebody was last told "recorded", so that a log cut
short is known. Enters: sums and marks from the guard. Leaves: the same, or None when the file is
not there or not whole. Never: a page itself.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

SUM_BYTES: Final = 16
ORIGIN_BYTES: Final = 16
HEAD_BYTES: Final = 512
"""One sector: written whole or not at all."""
_MAGIC: Final = b"icsums01"
_HEAD: Final = struct.Struct(f">8s{ORIGIN_BYTES}sII8sIII{SUM_BYTES}s")
_OWNER_ONLY: Final = 0o600
UNKNOWN: Final = bytes(SUM_BYTES)
"""Stands for a page that was never written: SQLite keeps some places empty."""


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
    last_sum: bytes = UNKNOWN
    """Its sum."""

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
        )
        return (body + head_sum(body)).ljust(HEAD_BYTES, b"\0")


def head_sum(body: bytes) -> bytes:
    """Sum the head."""
    return hashlib.blake2b(body, digest_size=SUM_BYTES).digest()


def page_sum(number: int, page: bytes) -> bytes:
    """Sum one page under its number, so that two pages that changed places are known."""
    digest = hashlib.blake2b(page, digest_size=SUM_BYTES, salt=number.to_bytes(8, "big"))
    return digest.digest()


def sums_path(database: Path) -> Path:
    """Name the file of sums of a database."""
    return database.with_name(database.name + "-sums")


def _read_mark(head: bytes) -> Mark | None:
    body, sealed = head[: _HEAD.size], head[_HEAD.size : _HEAD.size + SUM_BYTES]
    if len(head) < HEAD_BYTES or head_sum(body) != sealed:
        return None
    magic, origin, page_bytes, pages, salts, told, covered, last_page, last = _HEAD.unpack(body)
    if magic != _MAGIC:
        return None
    return Mark(
        origin=origin,
        page_bytes=page_bytes,
        pages=pages,
        salts=salts,
        told=told,
        covered=covered,
        last_page=last_page,
        last_sum=last,
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
        mark = _read_mark(file.read(HEAD_BYTES))
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
            file.write(mark.written() + sums)
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
        return cls(path.open("r+b", buffering=0), mark)

    def sums(self) -> bytes:
        """Read the sums of all pages."""
        self._file.seek(HEAD_BYTES)
        wanted = self.mark.pages * SUM_BYTES
        found = self._file.read(wanted) or b""
        return found.ljust(wanted, b"\0")

    def note(self, mark: Mark) -> None:
        """Keep a new head. Not synced: what is older promises less, never more."""
        self._file.seek(0)
        self._file.write(mark.written())
        self.mark = mark

    def put(self, sums: Mapping[int, bytes], mark: Mark) -> None:
        """Keep sums of pages and a new head, and wait until the disk has both."""
        for number in sorted(sums):
            self._file.seek(HEAD_BYTES + (number - 1) * SUM_BYTES)
            self._file.write(sums[number])
        # The head counts on the sums: they are on disk before it says so.
        os.fsync(self._file.fileno())
        self.note(mark)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        self._file.close()


def sync_folder(folder: Path) -> None:
    """Make names in a folder outlive a power cut, where folders can be synced."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
