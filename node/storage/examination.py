"""Is the file what was last written? Asked before SQLite may touch it.

Enters: the path of a closed database. Leaves: an `Examination`: nothing wrong, or what is, page by
page. Only reads. Source of the rules: docs/decisions/0015-sums-of-pages.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from node.storage.journal import Journal, read_journal
from node.storage.objects import checksum
from node.storage.page_sums import (
    SUM_BYTES,
    Mark,
    PageSums,
    never_written,
    page_sum,
    sum_holds,
    sums_path,
)

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
    are_sums_damaged: bool = False
    """The sums, or some of them, are not what was written: of the file that says nothing, and
    something else has to vouch for it."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Pages held against their sums."""

    damaged: tuple[int, ...] = ()
    """Pages whose sum holds, and is another's."""
    unproven: tuple[int, ...] = ()
    """Pages whose sum itself is not what was written."""


def compare(
    file: BinaryIO,
    page_bytes: int,
    sums: bytes,
    *,
    first: int = 1,
    overlaid: Container[int] = frozenset(),
    unsettled: Container[int] = frozenset(),
) -> Compared:
    """Hold a range of pages against their sums.

    Args:
        file: the database.
        page_bytes: size of a page.
        sums: 16 bytes for each page of the range, in order.
        first: where it begins, counted from 1.
        overlaid: pages whose newest version stands in the log: what is in the file does not count.
        unsettled: those of them whose sum may be in writing just now, and does not count either.
    """
    damaged, unproven = [], []
    last = first + len(sums) // SUM_BYTES - 1
    pages = read_pages(file, page_bytes, first, last)
    number, page = next(pages, (0, b""))
    for each in range(first, last + 1):
        known = sums[(each - first) * SUM_BYTES : (each - first + 1) * SUM_BYTES]
        is_here = number == each
        fits = is_here and known == page_sum(each, page)
        if is_here:
            number, page = next(pages, (0, b""))
        if fits or each in unsettled:
            continue
        if not sum_holds(each, known):
            unproven.append(each)
        # A place that was never written may lie beyond the end of the file.
        elif each not in overlaid and known != never_written(each):
            damaged.append(each)
    return Compared(damaged=tuple(damaged), unproven=tuple(unproven))


def examine(database: Path) -> Examination:
    """Hold a closed database and its log against the sums and the mark.

    Raises:
        OSError: something cannot be read.
    """
    sums = PageSums.load(database)
    if sums is not None:
        with closing(sums):
            return _examine(database, sums)
    if not sums_path(database).exists():
        return Examination()
    # Of sums without a head nothing is known but that there were some.
    trouble = None if database.exists() else Trouble.MISSING
    return Examination(trouble=trouble, are_sums_damaged=trouble is None)


def _examine(database: Path, sums: PageSums) -> Examination:
    mark = sums.mark
    if not database.exists():
        return Examination(trouble=Trouble.MISSING, mark=mark)
    journal = read_journal(database)
    is_same_log = journal is not None and journal.salts == mark.salts
    whole = journal is not None and is_same_log and journal.frames >= mark.told
    spoiled = is_same_log and not whole
    overlaid = {} if journal is None or spoiled else journal.newest
    settled = mark.covered if is_same_log else 0
    with database.open("rb") as file:
        found = compare(
            file,
            mark.page_bytes,
            sums.sums(),
            overlaid=overlaid,
            unsettled={page for page, frame in overlaid.items() if frame > settled},
        )
    facts = Examination(
        pages=found.damaged,
        checked=mark.pages,
        mark=mark,
        journal=journal,
        are_sums_damaged=bool(found.unproven),
    )
    if (found.damaged or found.unproven) and (stranger := _stranger(database, mark)) is not None:
        return replace(facts, trouble=Trouble.FOREIGN, stranger=stranger)
    if whole or mark.told == mark.covered:
        # Every change told of is in the log, or has its pages in the file.
        trouble = Trouble.PAGES if found.damaged else None
        return replace(facts, trouble=trouble, is_log_spoiled=spoiled)
    if not spoiled and _was_brought_home(database, mark, found.damaged):
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


def _was_brought_home(database: Path, mark: Mark, changed: Container[int]) -> bool:
    """Tell whether the file holds the last change told of, and reads well as a whole.

    Another program that opened the file after a crash brings the log home when it closes; then the
    sums are older than the file, and the content has to speak for itself.
    """
    if not mark.last_page:
        return False
    with database.open("rb") as file:
        pages = list(read_pages(file, mark.page_bytes, mark.last_page, mark.last_page))
    holds_it = any(page_sum(number, page) == mark.last_sum for number, page in pages)
    # A commit that was under way at the kill may have changed that page once more. Had the log been
    # lost, it would stand as it last went home, or not at all.
    is_home = bool(pages) and (mark.last_page in changed or mark.last_page > mark.pages)
    is_newer = mark.is_begun and is_home
    return (holds_it or is_newer) and reads_well(database)


def reads_well(database: Path) -> bool:
    """Tell whether SQLite finds a closed file whole, and each object in it holds."""
    said = ask_file(database, "PRAGMA integrity_check(1)")
    rows = ask_file(database, "SELECT id, raw, checksum FROM objects")
    if said is None or rows is None or [row[0] for row in said] != ["ok"]:
        return False
    return all(checksum(row["id"], row["raw"]) == row["checksum"] for row in rows)


def is_lived_in(database: Path) -> bool:
    """Tell whether a node ever ran on a closed file; also when it cannot say so any more.

    A shop's feed may be imported before its node's first run: such a file is nobody's yet.
    """
    if not database.exists():
        return sums_path(database).exists()
    tables = ask_file(database, "SELECT name FROM sqlite_schema WHERE name = 'origin'")
    if not tables:
        # It does not answer, or is no further than its first steps.
        return tables is None
    rows = ask_file(database, "SELECT made_by FROM origin")
    return rows is None or any(row["made_by"] != "" for row in rows)
