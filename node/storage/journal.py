"""The write-ahead log as it lies on disk: which of its frames count, and what is in them.

Enters: the path of a log. Leaves: the frames SQLite itself would recover after a crash, newest
frame of each page first to be found. Only ever read. Source: the file format and the checksum of
SQLite's own page on the WAL, https://www.sqlite.org/fileformat2.html#walformat.
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

HEADER_BYTES = 32
FRAME_BYTES = 24
_MAGIC = 0x377F0682
_SUMMED_BYTES = 24
_NUMBER_BYTES = 4
_INDEX_HEADER_NUMBERS = 136 // _NUMBER_BYTES
_BLOCK_BYTES = 32_768
_BLOCK_NUMBERS = 4_096
_MASK = 0xFFFFFFFF
_PAGE_BYTES = frozenset(1 << power for power in range(9, 17))


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What a log holds of committed changes."""

    salts: bytes
    """8 bytes that tell one life of the log from the next."""
    page_bytes: int
    """Size of a page."""
    frames: int = 0
    """Frames up to the last whole commit."""
    size_pages: int = 0
    """Pages of the database after that commit."""
    newest: dict[int, int] = field(default_factory=dict)
    """Page -> its newest frame among them, counted from 1."""


def journal_path(database: Path) -> Path:
    """Name the log of a database."""
    return database.with_name(database.name + "-wal")


def index_path(database: Path) -> Path:
    """Name the index of the log; it is made anew from the log after a crash."""
    return database.with_name(database.name + "-shm")


def page_place(frame: int, page_bytes: int) -> int:
    """Say where the page of a frame begins in the file."""
    return HEADER_BYTES + (frame - 1) * (FRAME_BYTES + page_bytes) + FRAME_BYTES


def page_of_frame(file: BinaryIO, frame: int, page_bytes: int) -> tuple[int, bytes]:
    """Read one frame: the page's number and its bytes."""
    file.seek(page_place(frame, page_bytes) - FRAME_BYTES)
    head = file.read(FRAME_BYTES)
    return int.from_bytes(head[:4], "big"), file.read(page_bytes)


def numbers_of_frames(index: BinaryIO, first: int, last: int) -> list[int]:
    """Read which pages a range of frames holds, from the index of the log that is in use.

    > The page-number array begins after the 136 bytes of the header; each block of 32,768 bytes
    > has one, of 4,096 numbers less what the header takes, and a hash table after it.

    Source: https://www.sqlite.org/walformat.html#the_wal_index_file_format.

    Raises:
        OSError: it cannot be read, or does not reach so far.
    """
    found: list[int] = []
    while first <= last:
        block, place = divmod(first - 1 + _INDEX_HEADER_NUMBERS, _BLOCK_NUMBERS)
        count = min(last - first + 1, _BLOCK_NUMBERS - place)
        index.seek(block * _BLOCK_BYTES + place * _NUMBER_BYTES)
        raw = index.read(count * _NUMBER_BYTES)
        if len(raw) < count * _NUMBER_BYTES:
            raise OSError(errno.EIO, "the index of the log is cut short")
        found += struct.unpack(f"={count}I", raw)
        first += count
    return found


def read_journal(database: Path) -> Journal | None:
    """Find the frames SQLite would recover; None when there is no log with a whole head.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        with journal_path(database).open("rb") as file:
            return _read(file)
    except FileNotFoundError:
        return None


def _read(file: BinaryIO) -> Journal | None:
    head = file.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES:
        return None
    magic, _version, page_bytes, _sequence = struct.unpack(">4I", head[:16])
    order = ">" if magic & 1 else "<"
    sums = _checksum(head[:_SUMMED_BYTES], (0, 0), order)
    if magic & ~1 != _MAGIC or page_bytes not in _PAGE_BYTES:
        return None
    if struct.pack(">2I", *sums) != head[_SUMMED_BYTES:]:
        return None
    return _walk(file, head[16:24], page_bytes, sums, order)


def _walk(
    file: BinaryIO, salts: bytes, page_bytes: int, sums: tuple[int, int], order: str
) -> Journal:
    """Follow the chain of checksums to its end, and keep what a commit closed."""
    newest: dict[int, int] = {}
    open_pages: dict[int, int] = {}
    frames = size_pages = frame = 0
    while True:
        frame += 1
        head, page = file.read(FRAME_BYTES), file.read(page_bytes)
        number, committed = struct.unpack(">2I", head[:8]) if len(page) == page_bytes else (0, 0)
        if not number or head[8:16] != salts:
            break
        sums = _checksum(page, _checksum(head[:8], sums, order), order)
        if struct.pack(">2I", *sums) != head[16:]:
            break
        open_pages[number] = frame
        if committed:
            newest |= open_pages
            open_pages = {}
            frames, size_pages = frame, committed
    return Journal(
        salts=salts, page_bytes=page_bytes, frames=frames, size_pages=size_pages, newest=newest
    )


def _checksum(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """Run SQLite's checksum on: > s0 += x(i) + s1; s1 += x(i+1) + s0."""
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second
