"""What a page holds: which table, which rows. Asked only when a page is damaged.

Enters: a closed database and its log. Leaves: for each page of its trees the table and the range of
rows that page may hold, so that a person hears "deals, row 3" and not "page 17". What a damaged
page itself says is not believed: its rows are those its neighbours leave it.
Source: https://www.sqlite.org/fileformat2.html#b_tree_pages.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from node.storage.examination import ask_file
from node.storage.journal import Journal, journal_path, page_of_frame

_LEAF_TABLE = 0x0D
_INNER_TABLE = 0x05
_LEAF_INDEX = 0x0A
_INNER_INDEX = 0x02
_INNER = frozenset({_INNER_TABLE, _INNER_INDEX})
_FILE_HEADER_BYTES = 100
_LEAF_HEADER_BYTES = 8
_INNER_HEADER_BYTES = 12
_VARINT_BYTES_MAX = 9
ROW_MIN = -(1 << 63)
ROW_MAX = (1 << 63) - 1
_SCHEMA = "SELECT type, name, tbl_name, rootpage FROM sqlite_schema WHERE rootpage > 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What one page belongs to."""

    table: str
    """The table."""
    index: str = ""
    """The index, when it is a page of one."""
    low: int = ROW_MIN
    """The first row it may hold."""
    high: int = ROW_MAX
    """The last."""


FREE = Place(table="")
"""A page that no tree uses."""


class _BrokenError(Exception):
    """A page that cannot be what its parent says it is."""


class Trees:
    """Reads the trees of one closed database."""

    def __init__(
        self, database: Path, page_bytes: int, journal: Journal | None, damaged: Collection[int]
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            database: its path.
            page_bytes: size of a page.
            journal: what its log holds.
            damaged: pages whose content is not believed.
        """
        self._database = database
        self._page_bytes = page_bytes
        self._newest = journal.newest if journal else {}
        self._damaged = frozenset(damaged)
        self._file: BinaryIO
        self._log: BinaryIO
        self._found: dict[int, Place] = {}

    def places(self) -> dict[int, Place]:
        """Map every page that a tree of this file uses.

        Raises:
            OSError: the file cannot be read.
        """
        schema = ask_file(self._database, _SCHEMA) or []
        with ExitStack() as stack:
            self._file = stack.enter_context(self._database.open("rb"))
            if self._newest:
                self._log = stack.enter_context(journal_path(self._database).open("rb"))
            self._grow(1, Place(table="sqlite_schema"))
            for row in schema:
                index = row["name"] if row["type"] == "index" else ""
                self._grow(row["rootpage"], Place(table=row["tbl_name"], index=index))
        return self._found

    def _grow(self, root: int, place: Place) -> None:
        waiting = [(root, place)]
        while waiting:
            number, here = waiting.pop()
            if number in self._found or number < 1:
                continue
            self._found[number] = here
            if number in self._damaged:
                continue
            try:
                waiting += self._below(number, here)
            except (_BrokenError, IndexError, struct.error):
                continue

    def _below(self, number: int, here: Place) -> list[tuple[int, Place]]:
        page = self._page(number)
        at = _FILE_HEADER_BYTES if number == 1 else 0
        kind = page[at]
        (count,) = struct.unpack_from(">H", page, at + 3)
        head = _INNER_HEADER_BYTES if kind in _INNER else _LEAF_HEADER_BYTES
        cells = struct.unpack_from(f">{count}H", page, at + head)
        if kind == _INNER_TABLE:
            (right,) = struct.unpack_from(">I", page, at + 8)
            return list(_children(page, cells, right, here))
        below: list[tuple[int, Place]] = []
        if kind == _INNER_INDEX:
            (right,) = struct.unpack_from(">I", page, at + 8)
            below = [(struct.unpack_from(">I", page, cell)[0], here) for cell in cells]
            below.append((right, here))
        for cell in cells:
            self._overflow(page, cell, kind, here)
        return below

    def _overflow(self, page: bytes, cell: int, kind: int, here: Place) -> None:
        """Follow the pages a long row or key goes on in."""
        start = cell + 4 if kind == _INNER_INDEX else cell
        size, at = _varint(page, start)
        owner = here
        if kind == _LEAF_TABLE:
            row, at = _varint(page, at)
            row = row - (1 << 64) if row > ROW_MAX else row
            owner = Place(table=here.table, low=row, high=row)
        elif kind not in (_LEAF_INDEX, _INNER_INDEX):
            raise _BrokenError
        kept = self._kept(size, kind)
        if kept == size:
            return
        (following,) = struct.unpack_from(">I", page, at + kept)
        while following and following not in self._found:
            self._found[following] = owner
            if following in self._damaged:
                return
            (following,) = struct.unpack_from(">I", self._page(following), 0)

    def _kept(self, size: int, kind: int) -> int:
        """Say how many bytes of a row stand in its own page.

        > Let X be U-35 for table leafs, ((U-12)*64/255)-23 for indexes; M = ((U-12)*32/255)-23;
        > K = M+((P-M)%(U-4)).
        """
        usable = self._page_bytes
        most = usable - 35 if kind == _LEAF_TABLE else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return size
        least = (usable - 12) * 32 // 255 - 23
        kept = least + (size - least) % (usable - 4)
        return kept if kept <= most else least

    def _page(self, number: int) -> bytes:
        if number in self._newest:
            return page_of_frame(self._log, self._newest[number], self._page_bytes)[1]
        self._file.seek((number - 1) * self._page_bytes)
        return self._file.read(self._page_bytes)


def _children(
    page: bytes, cells: tuple[int, ...], right: int, here: Place
) -> Iterator[tuple[int, Place]]:
    """Give each child the rows between its neighbours' keys."""
    low = here.low
    for cell in cells:
        (child,) = struct.unpack_from(">I", page, cell)
        key, _ = _varint(page, cell + 4)
        yield child, Place(table=here.table, low=low, high=min(key, here.high))
        low = key + 1
    yield right, Place(table=here.table, low=low, high=here.high)


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """Read SQLite's number of 1 to 9 bytes; give it and where it ends."""
    value = 0
    for length in range(1, _VARINT_BYTES_MAX):
        byte = page[at + length - 1]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the bit that says "more follows"
            return value, at + length
    return value << 8 | page[at + 8], at + _VARINT_BYTES_MAX


def in_words(place: Place) -> str:
    """Name what a page holds, for a person."""
    if not place.table:
        return "an unused page"
    if place.index:
        return f"an index of table {place.table}"
    if place.low == place.high:
        return f"table {place.table}, row {place.low}"
    low = "the first row" if place.low == ROW_MIN else f"row {place.low}"
    high = "the last" if place.high == ROW_MAX else str(place.high)
    return f"table {place.table}, {low} to {high}"


def places_of(
    database: Path, pages: Collection[int], page_bytes: int, journal: Journal | None
) -> dict[int, Place]:
    """Say what damaged pages hold.

    Args:
        database: its path; nobody has it open.
        pages: the damaged ones.
        page_bytes: size of a page.
        journal: what its log holds.
    """
    found = Trees(database, page_bytes, journal, pages).places()
    return {number: found.get(number, FREE) for number in pages}
