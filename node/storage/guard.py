"""Keeps the sums of pages true while the one connection writes, and asks about them before it does.

Belongs to the writer's thread. Enters: a path before it is opened, then the moments after each
commit and before each checkpoint. Leaves: the sums on disk ahead of the pages they speak of. Never:
a page going home from the log without its sum; the writer alone brings pages home, through here.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import sqlite3
import struct
import sys
from collections.abc import Mapping
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
    compare,
    examine,
    page_bytes_of,
    read_pages,
    sums_of_file,
)
from node.storage.exchange import finish
from node.storage.journal import index_path, journal_path, numbers_of_frames, page_of_frame
from node.storage.objects import checksum
from node.storage.page_sums import (
    NO_SUM,
    SUM_BYTES,
    Mark,
    PageSums,
    never_written,
    page_sum,
    sums_path,
    sync_folder,
)
from node.storage.scrub import Damage, DamageKind
from node.storage.testimony import is_newer, wrongs_of
from node.storage.trees import Place, in_words, places_of
from protocol.ids import ID_BYTES, to_text

_LOG = logging.getLogger(__name__)
_INDEX_HEAD = struct.Struct("=16xII8x8s")
"""Of the log's index, "WAL-Index Header": last whole frame, pages after it, and the salts. Source:
https://www.sqlite.org/walformat.html#the_wal_index_header."""
_BROUGHT_HOME_AT = slice(96, 100)
"""Of the same: how many frames are in the file and synced, `nBackfill`."""


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
    if found.are_sums_damaged and is_newer(database):
        # Its opening is refused, and all of it stays as it is.
        return found
    if found.are_sums_damaged:
        if wrongs := wrongs_of(database):
            raise unproven(database, wrongs)
        _LOG.warning("%s is damaged; the database itself is whole", sums_path(database).name)
    if found.is_brought_home:
        _LOG.warning("another program opened %s", database.name)
    if found.are_sums_damaged or found.is_brought_home:
        _LOG.warning("the sums of %s are made anew", database.name)
        sums_path(database).unlink(missing_ok=True)
        # Or a power cut would bring them back, beside a file that has gone on without them.
        sync_folder(database.parent)
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


def unproven(database: Path, wrongs: list[str]) -> StorageError:
    """Say what is wrong with a database whose sums are damaged too, so that nothing vouches."""
    sums = sums_path(database).name
    error = faults.damaged(database, "; ".join(wrongs[: faults.NAMED_MAX]))
    return StorageError(
        f"{error.sentence}, and so is {sums}",
        code=error.code,
        fix=f"{faults.RESTORE_FIX}; or, to keep what is left, remove {sums}, then run "
        "intentcast doctor --scrub",
    )


def sums_damage(database: Path, *, mended: bool) -> Damage:
    """Say that sums of a file are damaged, which says nothing of the file."""
    return Damage(
        what=DamageKind.PAGE,
        sentence=f"{sums_path(database).name} was damaged, the sums of pages and not the pages",
        fix="" if mended else "Stop the node, then run intentcast doctor --scrub",
        mended=mended,
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
        self._failed = 0
        self._newest: dict[int, int] = {}
        self._seen = (0, b"")
        self._unproven: set[int] = set()
        self._are_gone = False
        self.is_kept = True
        self.is_renewed = False

    @classmethod
    def adopt(
        cls, conn: sqlite3.Connection, database: Path, *, found: Examination | None = None
    ) -> Guard:
        """Bring home what the log holds and begin to keep sums.

        Args:
            conn: the writing connection, in no transaction; its file was checked.
            database: its path.
            found: what the check found.

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
            guard.is_renewed = found is not None and found.are_sums_damaged
            guard.committed()
            guard.bring_home(conn, "TRUNCATE")
            stack.pop_all()
        return guard

    def begins(self) -> None:
        """Note that a commit begins; call before it."""
        mark = self._sums.mark
        if not self.is_kept or mark.is_begun:
            return
        try:
            self._sums.note(replace(mark, is_begun=True))
        except OSError as error:
            self.give_up(error)

    def committed(self) -> None:
        """Note how far the log has come; call after a commit, before anybody is told."""
        if not self.is_kept:
            return
        try:
            self._note()
        except OSError as error:
            self.give_up(error)

    def _note(self) -> None:
        frames, _pages, salts = self._index_head()
        mark = self._sums.mark
        if salts == mark.salts and frames == mark.told and not mark.is_begun:
            return
        if salts != mark.salts:
            mark = replace(mark, salts=salts, covered=0)
            self._tried = 0
        number, page = self._frame(frames) if frames else (0, b"")
        last_sum = page_sum(number, page) if frames else NO_SUM
        self._sums.note(
            replace(mark, told=frames, last_page=number, last_sum=last_sum, is_begun=False)
        )

    def is_due(self) -> bool:
        """Tell whether the log is long enough to be brought home."""
        try:
            frames = self._index_head()[0]
        except OSError as error:
            # Nobody knows how long it is: better now than never.
            self.give_up(error)
            return True
        return frames >= bounds.wal_pages and frames - self._tried >= bounds.wal_pages // 4

    def bring_home(self, conn: sqlite3.Connection, how: str = "PASSIVE") -> None:
        """Write the sums of what the log holds, then let SQLite bring its pages home.

        Args:
            conn: the writing connection, in no transaction.
            how: `PASSIVE`, or `TRUNCATE` to leave an empty log.

        Raises:
            sqlite3.Error: pages cannot be written; the log stays.
        """
        if not (self._are_covered() if self.is_kept else self._drop()):
            return
        crashpoint("storage.before_checkpoint")
        conn.execute(f"PRAGMA wal_checkpoint({how})")
        crashpoint("storage.after_checkpoint")

    def _are_covered(self) -> bool:
        """Cover the log, or give up on sums that cannot be written; tell whether pages may go."""
        try:
            self._tried = self._index_head()[0]
            self._cover()
        except OSError as error:
            self._failed += 1
            log_bytes = self._tried * self._sums.mark.page_bytes
            if self._failed < bounds.sums_tries_max and log_bytes <= bounds.wal_bytes_kept:
                # Without room for their sums, pages stay in the log.
                _LOG.error("the log of %s has to wait: %s", self._database.name, error)
                return False
            # A log that grows for ever would end with the disk full.
            self.give_up(error)
            return self._are_gone
        self._failed = 0
        return True

    def _cover(self) -> None:
        """Sum the newest version of each page in the log."""
        frames, pages, salts = self._index_head()
        mark = self._sums.mark
        if not frames or (salts == mark.salts and frames == mark.covered):
            return
        first = mark.covered + 1 if salts == mark.salts else 1
        sums = {
            number: page_sum(number, self._page(number, frame))
            for number, frame in self._in_log().items()
            if frame >= first
        }
        number, _page = self._frame(frames)
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

        Pages whose sum is damaged are no such; they are kept in mind for `renew`.

        Raises:
            OSError: the file cannot be read.
        """
        if not self.is_kept:
            return []
        mark = self._sums.mark
        last = min(last, mark.pages)
        in_log, home = self._in_log(), self._brought_home()
        found = compare(
            self._file,
            mark.page_bytes,
            self._sums.sums(first, last),
            first=first,
            overlaid=_since(in_log, home, first, last),
            unsettled=_since(in_log, mark.covered, first, last),
        )
        self._unproven.update(found.unproven)
        return list(found.damaged)

    def renew(self, *, is_whole: bool) -> bool:
        """Make the sums anew that `damaged` could not believe, where all else vouches for the file.

        Returns:
            Whether there were any.
        """
        unproven, self._unproven = self._unproven, set()
        if not self.is_kept or not unproven:
            return False
        _LOG.warning(
            "%d sums of %s are damaged%s",
            len(unproven),
            self._database.name,
            "; they are made anew" if is_whole else "",
        )
        if is_whole:
            try:
                self._sums.put({each: self._sum_now(each) for each in unproven}, self._sums.mark)
            except OSError as error:
                self.give_up(error)
        return True

    def _sum_now(self, number: int) -> bytes:
        page_bytes = self._sums.mark.page_bytes
        if frame := self._in_log().get(number):
            return page_sum(number, self._page(number, frame))
        for _, page in read_pages(self._file, page_bytes, number, number):
            return page_sum(number, page)
        return never_written(number)

    @property
    def pages(self) -> int:
        """How many pages have sums."""
        return self._sums.mark.pages if self.is_kept else 0

    def _in_log(self) -> Mapping[int, int]:
        """Map each page in the log to its newest frame; each frame is read once."""
        frames, _pages, salts = self._index_head()
        seen, of = self._seen
        if salts != of or frames < seen:
            self._newest.clear()
            seen = 0
        numbers = numbers_of_frames(self._index, seen + 1, frames)
        self._newest.update(zip(numbers, range(seen + 1, frames + 1), strict=True))
        self._seen = (frames, salts)
        return self._newest

    def _frame(self, frame: int) -> tuple[int, bytes]:
        number, page = page_of_frame(self._log, frame, self._sums.mark.page_bytes)
        if not number or len(page) < self._sums.mark.page_bytes:
            raise OSError(errno.EIO, "the log is shorter than its index says")
        return number, page

    def _page(self, number: int, frame: int) -> bytes:
        found, page = self._frame(frame)
        if found != number:
            raise OSError(errno.EIO, "the log is another than its index says")
        return page

    def _index_head(self) -> tuple[int, int, bytes]:
        """Read how many whole frames the log has, how large the database is, and its salts."""
        self._index.seek(0)
        head = self._index.read(_INDEX_HEAD.size)
        if len(head) < _INDEX_HEAD.size:
            raise OSError(errno.EIO, "the index of the log is cut short")
        frames, pages, salts = _INDEX_HEAD.unpack(head)
        return frames, pages, salts

    def _brought_home(self) -> int:
        self._index.seek(_BROUGHT_HOME_AT.start)
        found = self._index.read(_BROUGHT_HOME_AT.stop - _BROUGHT_HOME_AT.start)
        return int.from_bytes(found, sys.byteorder)

    def give_up(self, error: BaseException) -> None:
        """Go on without sums rather than with wrong ones; the next start makes them anew."""
        if self.is_kept:
            _LOG.error("sums of %s cannot be kept: %s", self._database.name, error)
        self.is_kept = False
        self._drop()

    def _drop(self) -> bool:
        """Take the file of sums away, or all belief in it; tell whether that is done for good.

        Until then pages stay in the log: beside sums that are older they would look damaged.
        """
        if not self._are_gone:
            path = sums_path(self._database)
            try:
                path.unlink(missing_ok=True)
                sync_folder(path.parent)
                self._are_gone = True
            except OSError as error:
                _LOG.error("the sums of %s cannot be removed: %s", self._database.name, error)
                with contextlib.suppress(OSError):
                    self._sums.spoil()
                    self._are_gone = True
        return self._are_gone

    def close(self) -> None:
        """Let go of the files, before the connection does."""
        for file in (self._sums, self._file, self._index, self._log):
            file.close()


def _since(in_log: Mapping[int, int], frame: int, first: int, last: int) -> set[int]:
    """List the pages of a range whose newest version came after a frame."""
    return {each for each in range(first, last + 1) if in_log.get(each, 0) > frame}


def _first_sums(conn: sqlite3.Connection, database: Path, file: BinaryIO) -> PageSums:
    """Sum a file whose log is empty as it stands: new here, or brought from elsewhere."""
    origin = conn.execute("SELECT id FROM origin").fetchone()[0]
    page_bytes = page_bytes_of(file)
    sums = sums_of_file(file, page_bytes)
    mark = Mark(origin=origin, page_bytes=page_bytes, pages=len(sums) // SUM_BYTES)
    return PageSums.make(database, mark, sums)
