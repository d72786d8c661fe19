"""Keeps the sums of pages true while the one connection writes, and asks about them before it does.

Belongs to the writer's thread. Enters: a path before it is opened, then the moments after each
commit and before each checkpoint. Leaves: the sums on disk ahead of the pages they speak of. Never:
a page going home from the log without its sum; the writer alone brings pages home, through here.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import struct
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from node.crashpoint import crashpoint
from node.errors import StorageError
from node.storage import bounds, faults
from node.storage.examination import (
    Examination,
    Trouble,
    ask_file,
    damaged_pages,
    examine,
    page_bytes_of,
    sums_of_file,
)
from node.storage.exchange import finish
from node.storage.journal import index_path, journal_path, page_of_frame
from node.storage.objects import checksum
from node.storage.page_sums import (
    SUM_BYTES,
    UNKNOWN,
    Mark,
    PageSums,
    page_sum,
    sums_path,
    sync_folder,
)
from node.storage.scrub import Damage, DamageKind
from node.storage.trees import Place, in_words, places_of
from protocol.ids import ID_BYTES, to_text

_LOG = logging.getLogger(__name__)
_INDEX_HEAD = struct.Struct("=16xII8x8s")
"""Of the log's index, "WAL-Index Header": last whole frame, pages after it, and the salts. Source:
https://www.sqlite.org/walformat.html#the_wal_index_header."""


def check(database: Path) -> Examination:
    """Examine a closed database; refuse it when something in it is not what was written.

    Raises:
        StorageError: E-DB-DAMAGED, naming what, E-DB-MISSING or E-DB-FOREIGN.
        OSError: a file cannot be read.
    """
    finish(database)
    found = examine(database)
    if found.trouble is not None:
        raise refusal(database, found)
    if found.is_log_spoiled:
        _LOG.warning("the log of %s was damaged, but all it held is in the file", database.name)
        for path in (journal_path(database), index_path(database)):
            path.unlink(missing_ok=True)
        sync_folder(database.parent)
    if found.is_brought_home:
        _LOG.warning("another program opened %s; its sums are made anew", database.name)
        sums_path(database).unlink(missing_ok=True)
    return found


def refusal(database: Path, found: Examination) -> StorageError:
    """Say what is wrong with a closed database, and what to do."""
    match found.trouble:
        case Trouble.MISSING:
            return faults.missing(database)
        case Trouble.FOREIGN:
            return faults.foreign(database, found.stranger)
        case Trouble.LOST:
            return faults.log_damaged(database)
        case _:
            if (left := _pages_left(database, found)) is not None:
                return faults.damaged(database, left)
            return faults.pages_damaged(database, len(found.pages), _named(database, found))


def page_damage(database: Path, number: int) -> Damage:
    """Say that a page of a file in use is damaged."""
    return Damage(
        what=DamageKind.PAGE,
        id=number.to_bytes(8, "big"),
        sentence=f"page {number} of {database.name} is not what was written",
        fix="Stop the node, then run intentcast doctor --scrub",
    )


def _pages_left(database: Path, found: Examination) -> str | None:
    """Say how much is left of a file that was cut off."""
    if found.mark is None:
        return None
    left = database.stat().st_size // found.mark.page_bytes
    last = found.mark.pages
    return f"{left} of its {last} pages are left" if left < last and last in found.pages else None


def _named(database: Path, found: Examination) -> list[str]:
    """Name what stands on the damaged pages: objects by their ids, the rest by table and rows."""
    if found.mark is None:
        return []
    places = places_of(database, found.pages, found.mark.page_bytes, found.journal)
    named = {name: None for place in places.values() for name in _named_in(database, place)}
    return sorted(named)


def _named_in(database: Path, place: Place) -> list[str]:
    if place.table != "objects" or place.index:
        return [in_words(place)]
    sql = f"SELECT id, raw, checksum FROM objects WHERE seq BETWEEN {place.low} AND {place.high}"  # noqa: S608 - two numbers
    rows = ask_file(database, sql) or []
    wrong = [row["id"] for row in rows if not _holds(row)]
    return [f"object {to_text('ic', each)}" for each in wrong if len(each) == ID_BYTES] or [
        in_words(place)
    ]


def _holds(row: sqlite3.Row) -> bool:
    try:
        return bool(checksum(row["id"], row["raw"]) == row["checksum"])
    except TypeError:
        # A damaged column may be of another type.
        return False


class Guard:
    """The open sums of the database this process writes."""

    def __init__(
        self, database: Path, sums: PageSums, *, file: BinaryIO, index: BinaryIO, log: BinaryIO
    ) -> None:
        """Keep the parts; use `adopt`."""
        self._database = database
        self._sums = sums
        # Open as long as the connection is: a process that closes any handle of a file lets go of
        # all its locks on it, SQLite's too.
        self._file = file
        self._index = index
        self._log = log
        self._tried = 0
        self.is_kept = True

    @classmethod
    def adopt(cls, conn: sqlite3.Connection, database: Path) -> Guard:
        """Bring home what the log holds and begin to keep sums.

        Args:
            conn: the writing connection, in no transaction; its file was checked.
            database: its path.

        Raises:
            sqlite3.Error: the log cannot be brought home.
            OSError: sums cannot be written.
        """
        # A log of one frame at least: without one there would be no index to read.
        conn.execute("UPDATE origin SET made_by = made_by")
        with contextlib.ExitStack() as stack:
            paths = (database, index_path(database), journal_path(database))
            file, index, log = (stack.enter_context(path.open("rb", buffering=0)) for path in paths)
            sums = PageSums.load(database)
            if sums is None:
                conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                sums = _first_sums(conn, database, file)
            stack.callback(sums.close)
            guard = cls(database, sums, file=file, index=index, log=log)
            guard.committed()
            guard.bring_home(conn, "TRUNCATE")
            stack.pop_all()
        return guard

    def committed(self) -> None:
        """Note how far the log has come; call after a commit, before anybody is told."""
        if not self.is_kept:
            return
        try:
            self._note()
        except OSError as error:
            self._give_up(error)

    def _note(self) -> None:
        frames, _pages, salts = self._index_head()
        mark = self._sums.mark
        if salts == mark.salts and frames == mark.told:
            return
        if salts != mark.salts:
            mark = replace(mark, salts=salts, covered=0)
            self._tried = 0
        number, page = page_of_frame(self._log, frames, mark.page_bytes) if frames else (0, b"")
        last_sum = page_sum(number, page) if frames else UNKNOWN
        self._sums.note(replace(mark, told=frames, last_page=number, last_sum=last_sum))

    def is_due(self) -> bool:
        """Tell whether the log is long enough to be brought home."""
        frames = self._index_head()[0]
        return frames >= bounds.wal_pages and frames - self._tried >= bounds.wal_pages // 4

    def bring_home(self, conn: sqlite3.Connection, how: str = "PASSIVE") -> None:
        """Write the sums of what the log holds, then let SQLite bring its pages home.

        Args:
            conn: the writing connection, in no transaction.
            how: `PASSIVE`, or `TRUNCATE` to leave an empty log.

        Raises:
            sqlite3.Error: pages cannot be written; the log stays.
        """
        self._tried = self._index_head()[0]
        try:
            self._cover()
        except OSError as error:
            # Without room for their sums, pages stay in the log.
            _LOG.error("the log of %s has to wait: %s", self._database.name, error)
            return
        crashpoint("storage.before_checkpoint")
        conn.execute(f"PRAGMA wal_checkpoint({how})")
        crashpoint("storage.after_checkpoint")

    def _cover(self) -> None:
        """Sum the newest version of each page in the log."""
        frames, pages, salts = self._index_head()
        mark = self._sums.mark
        if not self.is_kept or not frames or (salts == mark.salts and frames == mark.covered):
            return
        first = mark.covered + 1 if salts == mark.salts else 1
        newest: dict[int, bytes] = {}
        number, page = 0, b""
        for frame in range(first, frames + 1):
            number, page = page_of_frame(self._log, frame, mark.page_bytes)
            newest[number] = page
        sums = {each: page_sum(each, content) for each, content in newest.items()}
        self._sums.put(
            sums,
            replace(
                mark,
                pages=pages,
                salts=salts,
                told=frames,
                covered=frames,
                last_page=number,
                last_sum=sums[number],
            ),
        )

    def damaged(self, first: int, last: int) -> list[int]:
        """List damaged pages of a range; call in the writer's thread, which alone moves pages.

        Raises:
            OSError: the file cannot be read.
        """
        if not self.is_kept:
            return []
        overlaid = self._in_log()
        return damaged_pages(
            self._file, self._sums.mark, self._sums.sums(), overlaid, first=first, last=last
        )

    @property
    def pages(self) -> int:
        """How many pages have sums."""
        return self._sums.mark.pages if self.is_kept else 0

    def _in_log(self) -> dict[int, int]:
        found = {}
        for frame in range(1, self._index_head()[0] + 1):
            found[page_of_frame(self._log, frame, self._sums.mark.page_bytes)[0]] = frame
        return found

    def _index_head(self) -> tuple[int, int, bytes]:
        """Read how many whole frames the log has, how large the database is, and its salts."""
        self._index.seek(0)
        frames, pages, salts = _INDEX_HEAD.unpack(self._index.read(_INDEX_HEAD.size))
        return frames, pages, salts

    def _give_up(self, error: OSError) -> None:
        """Go on without sums rather than with wrong ones; the next start makes them anew."""
        _LOG.error("sums of %s cannot be kept: %s", self._database.name, error)
        self.is_kept = False
        sums_path(self._database).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the files, before the connection does."""
        for file in (self._sums, self._file, self._index, self._log):
            file.close()


def _first_sums(conn: sqlite3.Connection, database: Path, file: BinaryIO) -> PageSums:
    """Sum a file whose log is empty as it stands: new here, or brought from elsewhere."""
    origin = conn.execute("SELECT id FROM origin").fetchone()[0]
    page_bytes = page_bytes_of(file)
    sums = sums_of_file(file, page_bytes)
    mark = Mark(origin=origin, page_bytes=page_bytes, pages=len(sums) // SUM_BYTES)
    return PageSums.make(database, mark, sums)
