"""Is the file what was last written? Asked before SQLite may touch it.

Enters: the path of a closed database. Leaves: an `Examination`: nothing wrong, or what is, page by
page. Only reads. Source of the rules: docs/decisions/0015-sums-of-pages.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from node.storage.journal import Journal, read_journal
from node.storage.objects import checksum
from node.storage.page_sums import SUM_BYTES, UNKNOWN, Mark, PageSums, page_sum

_PAGES_TOGETHER = 256
_HEADER_BYTES = 100
_PAGE_SIZE_AT = slice(16, 18)
_LARGEST_PAGE = 65_536
PAGES_MAX = 1 << 32


class Trouble(StrEnum):
    """What may be wrong with a closed file."""

    MISSING = "missing"
    """It is gone, though this home had one."""
    FOREIGN = "foreign"
    """It is another home's."""
    PAGES = "pages"
    """Pages are not what was written."""
    LOST = "lost"
    """Changes that somebody was told of are not in the log any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found."""

    trouble: Trouble | None = None
    """None: nothing is wrong."""
    pages: tuple[int, ...] = ()
    """Damaged pages, counted from 1."""
    checked: int = 0
    """Pages compared."""
    mark: Mark | None = None
    """The head of the sums; None where there were none to compare with."""
    journal: Journal | None = None
    """The log, where it has a whole head."""
    stranger: str = ""
    """Who made the other home's file, as it says."""
    is_log_spoiled: bool = False
    """The log is damaged, but all it held is in the file: it can be thrown away."""
    is_brought_home: bool = False
    """Another program brought the log home: the sums are older than the file, and useless."""


def page_bytes_of(file: BinaryIO) -> int:
    """Read the page size a database claims.

    Raises:
        OSError: it cannot be read.
    """
    file.seek(0)
    head = file.read(_HEADER_BYTES)
    found = int.from_bytes(head[_PAGE_SIZE_AT], "big")
    return _LARGEST_PAGE if found == 1 else found


def read_pages(
    file: BinaryIO, page_bytes: int, first: int = 1, last: int = PAGES_MAX
) -> Iterator[tuple[int, bytes]]:
    """Read whole pages in order, as they lie in the file."""
    file.seek((first - 1) * page_bytes)
    number = first
    while number <= last:
        chunk = file.read(page_bytes * min(_PAGES_TOGETHER, last - number + 1))
        for start in range(0, len(chunk) - page_bytes + 1, page_bytes):
            yield number, chunk[start : start + page_bytes]
            number += 1
        if len(chunk) < page_bytes:
            return


def sums_of_file(file: BinaryIO, page_bytes: int) -> bytes:
    """Sum every page of a file, in order."""
    return b"".join(page_sum(number, page) for number, page in read_pages(file, page_bytes))


def damaged_pages(
    file: BinaryIO,
    mark: Mark,
    sums: bytes,
    overlaid: Collection[int],
    *,
    first: int = 1,
    last: int = PAGES_MAX,
) -> list[int]:
    """List the pages that differ from their sums; those the log holds anew do not count.

    Args:
        file: the database.
        mark: the head of the sums.
        sums: those of all its pages, in order.
        overlaid: pages whose newest version stands in the log.
        first: where to begin, counted from 1.
        last: where to end; no further than the sums reach.
    """
    last = min(last, mark.pages)
    found = []
    number = first - 1
    for number, page in read_pages(file, mark.page_bytes, first, last):
        known = sums[(number - 1) * SUM_BYTES : number * SUM_BYTES]
        if known not in (UNKNOWN, page_sum(number, page)) and number not in overlaid:
            found.append(number)
    missing = range(number + 1, last + 1)
    # A place that was never written may lie beyond the end of the file.
    return found + [
        each
        for each in missing
        if each not in overlaid and sums[(each - 1) * SUM_BYTES : each * SUM_BYTES] != UNKNOWN
    ]


def examine(database: Path) -> Examination:
    """Hold a closed database and its log against the sums and the mark.

    Raises:
        OSError: something cannot be read.
    """
    sums = PageSums.load(database)
    if sums is None:
        return Examination()
    with closing(sums):
        return _examine(database, sums)


def _examine(database: Path, sums: PageSums) -> Examination:
    mark = sums.mark
    if not database.exists():
        return Examination(trouble=Trouble.MISSING, mark=mark)
    journal = read_journal(database)
    whole = journal is not None and journal.salts == mark.salts and journal.frames >= mark.told
    spoiled = journal is not None and journal.salts == mark.salts and not whole
    overlaid = {} if journal is None or spoiled else journal.newest
    with database.open("rb") as file:
        bad = damaged_pages(file, mark, sums.sums(), overlaid)
    facts = Examination(pages=tuple(bad), checked=mark.pages, mark=mark, journal=journal)
    if bad and (stranger := _stranger(database, mark)) is not None:
        return replace(facts, trouble=Trouble.FOREIGN, stranger=stranger)
    if whole or mark.told == mark.covered:
        # Every change told of is in the log, or has its pages in the file.
        trouble = Trouble.PAGES if bad else None
        return replace(facts, trouble=trouble, is_log_spoiled=spoiled)
    if not spoiled and _was_brought_home(database, mark):
        return replace(facts, is_brought_home=True)
    return replace(facts, trouble=Trouble.LOST)


def ask_file(database: Path, sql: str) -> list[sqlite3.Row] | None:
    """Ask a file that may be damaged, without changing it; None when it does not answer."""
    uri = f"{database.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as conn:
            conn.row_factory = sqlite3.Row
            return conn.execute(sql).fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        # Damaged names in the schema turn up in SQLite's own sentences.
        return None


def _stranger(database: Path, mark: Mark) -> str | None:
    """Say who made a file that is not this home's; None when it is, or does not say."""
    rows = ask_file(database, "SELECT id, made_by FROM origin")
    if not rows or rows[0]["id"] == mark.origin:
        return None
    made_by = rows[0]["made_by"]
    return made_by if isinstance(made_by, str) and made_by else "a home without a name"


def _was_brought_home(database: Path, mark: Mark) -> bool:
    """Tell whether the file holds the last change told of, and reads well as a whole.

    Another program that opened the file after a crash brings the log home when it closes; then the
    sums are older than the file, and the content has to speak for itself.
    """
    if not mark.last_page:
        return False
    with database.open("rb") as file:
        pages = list(read_pages(file, mark.page_bytes, mark.last_page, mark.last_page))
    if all(page_sum(number, page) != mark.last_sum for number, page in pages):
        return False
    said = ask_file(database, "PRAGMA integrity_check(1)")
    rows = ask_file(database, "SELECT id, raw, checksum FROM objects")
    if said is None or rows is None or [row[0] for row in said] != ["ok"]:
        return False
    return all(checksum(row["id"], row["raw"]) == row["checksum"] for row in rows)
