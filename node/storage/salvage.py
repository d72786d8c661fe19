"""A new file out of a damaged one: what is whole, and what proves itself.

Enters: a closed database some of whose pages are damaged. Leaves: a new file with every row that
stands on whole pages, and those on damaged ones that carry a hash; objects that are lost are asked
for or named; the damaged file stays beside it. Never: a row that nobody can vouch for, or a number
used twice. When a damaged page may hold rows that neither prove themselves nor can be had again,
nothing is changed at all and the pages are named.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node.storage import bounds, faults, losses
from node.storage.connection import open_writer
from node.storage.examination import Examination
from node.storage.exchange import draft_path, exchange, forget_draft
from node.storage.migrations import migrate, migrations, version_of
from node.storage.scrub import (
    COUNTED,
    Damage,
    DamageKind,
    article_holds,
    letter_holds,
    object_holds,
)
from node.storage.trees import ROW_MAX, ROW_MIN, Place, in_words, places_of

_PROVES_ITSELF = {
    "objects": object_holds,
    "served_letters": letter_holds,
    "items": article_holds,
}
"""Tables whose rows carry a hash of what they say."""
_LET_GO = frozenset(
    {
        "askings",
        "audit",
        "box_troubles",
        "dropped",
        "idempotency",
        "imports",
        "nodes",
        "origin",
        "served_boxes",
        "served_receipts",
        "shown",
        "tokens",
        "wanted",
    }
)
"""Tables whose rows come back by themselves or are soon made anew, and history: a damaged page of
them is let go."""
_MADE_ANEW = frozenset({"sizes", "sqlite_schema", "sqlite_sequence", "sqlite_stat1"})
"""Tables that are made anew, from the others or from this program."""
_KEPT_WHATEVER = frozenset({"objects"})
"""Rows that stay although damaged, marked by their checksum: their ids are known and asked for."""
_SKIPPED: Final = {
    "audit": bounds.audit_rows_max // 20,
    "dropped": bounds.dropped_rows_max // 20,
    "idempotency": bounds.idempotency_rows_max // 20,
}
"""How far numbering goes on past the highest row that is left, when the counter itself is damaged.
These tables let go what is so many numbers behind the newest: a long step would empty them."""
_SKIPPED_ELSE: Final = 1_000_000
"""The same of tables whose numbers tell no age."""
_FLAGS: Final = ("own", "pinned")
"""Columns of objects that are 0 or 1."""
_COUNTING: Final = "SELECT name FROM sqlite_schema WHERE sql LIKE '%AUTOINCREMENT%'"
"""Tables whose numbers are never used twice."""


@dataclass(slots=True, kw_only=True)
class Salvage:
    """What came of it."""

    damages: list[Damage] = field(default_factory=list)
    """What was wrong, place by place."""
    is_made: bool = False
    """Whether a new file stands in the place of the damaged one."""


def _rescues(place: Place) -> bool:
    """Tell whether nothing is lost for good with a page of this place."""
    if not place.table or place.index or place.table in _MADE_ANEW:
        return True
    return place.table in _PROVES_ITSELF or place.table in _LET_GO


def salvage(database: Path, found: Examination, now_ms: int) -> Salvage:
    """Make a new file out of a damaged one, if everything in it can be vouched for.

    Args:
        database: its path; the home is locked and nobody has it open.
        found: what the examination said: damaged pages.
        now_ms: wall clock, Unix ms.

    Raises:
        StorageError: E-DISK-FULL or E-DB-WRITE; nothing was changed.
    """
    if found.mark is None:
        return Salvage()
    places = places_of(database, found.pages, found.mark.page_bytes, found.journal)
    lost = any(not _rescues(place) for place in places.values())
    result = Salvage(
        damages=[_page_damage(number, place, lost=lost) for number, place in places.items()]
    )
    if lost:
        return result
    try:
        result.damages += _make(database, list(places.values()), found.mark.origin, now_ms)
    except (sqlite3.DatabaseError, UnicodeDecodeError, losses.NamelessError) as error:
        code = faults.primary_code(error) if isinstance(error, sqlite3.Error) else 0
        if isinstance(error, sqlite3.Error) and code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise faults.storage_error(error, database) from error
        # Too broken to be read through, or to say what is lost: the pages are named, and a backup
        # has to help.
        result.damages = [_page_damage(n, place, lost=True) for n, place in places.items()]
        return result
    except OSError as error:
        raise faults.storage_error(error, database) from error
    result.is_made = True
    return result


def _page_damage(number: int, place: Place, *, lost: bool) -> Damage:
    return Damage(
        what=DamageKind.PAGE,
        id=number.to_bytes(8, "big"),
        sentence=f"page {number} is not what was written ({in_words(place)})",
        fix=faults.RESTORE_FIX if lost else "",
        mended=not lost,
    )


def _make(database: Path, places: Sequence[Place], origin: bytes, now_ms: int) -> Sequence[Damage]:
    """Make the new file and let it take the other's place; give the objects that are lost."""
    draft = draft_path(database)
    forget_draft(database)
    uri = f"{database.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as old:
            old.row_factory = sqlite3.Row
            with closing(open_writer(draft)) as new:
                # As the damaged file was: an older file takes its steps afterwards, like any other.
                migrate(new, draft, migrations()[: version_of(old)])
                _require_same_tables(old, new)
                lost = _copy(old, new, places, origin, now_ms)
    except BaseException:
        forget_draft(database)
        raise
    exchange(database)
    return lost


def _require_same_tables(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    sql = "SELECT type, name, sql FROM sqlite_schema WHERE name <> 'sqlite_stat1' ORDER BY 1, 2"
    tables = [[tuple(row) for row in conn.execute(sql)] for conn in (old, new)]
    if version_of(new) != version_of(old) or tables[0] != tables[1]:
        raise sqlite3.DatabaseError("its tables are not this program's")


def _copy(
    old: sqlite3.Connection,
    new: sqlite3.Connection,
    places: Sequence[Place],
    origin: bytes,
    now_ms: int,
) -> Sequence[Damage]:
    new.execute("PRAGMA foreign_keys = OFF")
    new.execute("BEGIN IMMEDIATE")
    triggers = [
        (row["name"], row["sql"])
        for row in new.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    ]
    for name, _ in triggers:
        # Counters are counted at the end; a trigger would count what is counted already.
        new.execute(f"DROP TRIGGER {name}")
    lost = _copy_tables(old, new, places, now_ms)
    if new.execute("SELECT count(*) FROM origin").fetchone()[0] == 0:
        new.execute("INSERT INTO origin (id, made_by) VALUES (?, '')", (origin,))
    recount(new)
    _number_on(old, new, places)
    for _, sql in triggers:
        new.execute(sql)
    new.execute("COMMIT")
    return lost


def _copy_tables(
    old: sqlite3.Connection, new: sqlite3.Connection, places: Sequence[Place], now_ms: int
) -> Sequence[Damage]:
    tables = [
        row["name"]
        for row in new.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        if not row["name"].startswith("sqlite_") and row["name"] not in _MADE_ANEW
    ]
    for table in tables:
        new.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of our own schema
    doubted = {name: [p for p in places if p.table == name and not p.index] for name in tables}
    for table in tables:
        if table != losses.TABLE:
            _copy_table(old, new, table, doubted[table])
    if not doubted[losses.TABLE]:
        _copy_table(old, new, losses.TABLE, [])
        return []
    listing = losses.listing_of(old, places)
    kept = _copy_table(old, new, losses.TABLE, doubted[losses.TABLE], listing.names)
    lost = losses.note_lost(new, listing, kept, now_ms)
    losses.make_safe(new, listing, [number for number, in_doubt in kept.items() if in_doubt])
    return lost


def _copy_table(
    old: sqlite3.Connection,
    new: sqlite3.Connection,
    table: str,
    doubted: Sequence[Place],
    names: Mapping[int, bytes] | None = None,
) -> dict[int, bool]:
    """Copy what proves itself, or need not; give the rows that stay, and which are in doubt."""
    columns = [row["name"] for row in new.execute(f"PRAGMA table_info({table})")]
    marks = ", ".join("?" * len(columns))
    sql = f"INSERT OR IGNORE INTO {table} VALUES ({marks})"  # noqa: S608 - our own schema
    holds = _PROVES_ITSELF.get(table)
    kept: dict[int, bool] = {}
    for number, row in _rows(old, table, broken=bool(doubted)):
        in_doubt = any(place.low <= number <= place.high for place in doubted)
        if in_doubt and table not in _KEPT_WHATEVER and not (holds and _asked(holds, row)):
            continue
        values = {column: row[column] for column in columns}
        if in_doubt and names is not None:
            values |= {flag: 1 for flag in _FLAGS if values[flag] not in (0, 1)}
            # The index stands on whole pages: it knows the row's name better.
            values["id"] = names.get(number, values["id"])
        # A damaged row may be none the table takes.
        with contextlib.suppress(sqlite3.IntegrityError) if in_doubt else contextlib.nullcontext():
            if new.execute(sql, list(values.values())).rowcount == 1:
                kept[number] = in_doubt
    return kept


def _asked(holds: Callable[[sqlite3.Row], bool], row: sqlite3.Row) -> bool:
    try:
        return holds(row)
    except (TypeError, ValueError):
        # A damaged column may be of another type.
        return False


def _rows(
    old: sqlite3.Connection, table: str, *, broken: bool
) -> Iterator[tuple[int, sqlite3.Row]]:
    """Give every row that can still be read, with its number."""
    numbers = _numbers(old, table) if broken else None
    if numbers is None:
        for row in old.execute(f"SELECT rowid AS row_number, * FROM {table} ORDER BY rowid"):  # noqa: S608
            yield row["row_number"], row
        return
    for number in sorted(numbers):
        try:
            row = old.execute(
                f"SELECT rowid AS row_number, * FROM {table} WHERE rowid = ?",  # noqa: S608
                (number,),
            ).fetchone()
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            continue
        if row is not None:
            yield number, row


def _numbers(old: sqlite3.Connection, table: str) -> set[int]:
    """Collect row numbers from every side: the table from both ends, and all its indexes."""
    found: set[int] = set()
    sources = [f"SELECT rowid FROM {table} ORDER BY rowid {way}" for way in ("ASC", "DESC")]  # noqa: S608
    sources += [
        f'SELECT rowid FROM {table} INDEXED BY "{row["name"]}"'  # noqa: S608 - our own schema
        for row in old.execute(f"PRAGMA index_list({table})").fetchall()
    ]
    for sql in sources:
        try:
            for row in old.execute(sql):
                if ROW_MIN <= row[0] <= ROW_MAX:
                    found.add(row[0])
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            continue
    return found


def recount(conn: sqlite3.Connection) -> None:
    """Count anew what triggers keep, and let go what belongs to nobody."""
    for table in ("served_letters", "served_receipts"):
        conn.execute(
            f"DELETE FROM {table} WHERE reader NOT IN (SELECT reader FROM served_boxes)"  # noqa: S608
        )
    conn.execute(
        """
        UPDATE served_boxes SET
          letters = (SELECT count(*) FROM served_letters AS l WHERE l.reader = served_boxes.reader),
          bytes = (SELECT coalesce(sum(length(letter)), 0) FROM served_letters AS l
                   WHERE l.reader = served_boxes.reader)
        """
    )
    for table, size in COUNTED.items():
        conn.execute(
            f"UPDATE sizes SET (rows, bytes) = (SELECT count(*), coalesce({size}, 0) FROM {table}) "  # noqa: S608
            f"WHERE name = '{table}'"
        )


def _number_on(old: sqlite3.Connection, new: sqlite3.Connection, places: Sequence[Place]) -> None:
    """Let numbers that are never used twice go on where they were, or well past what is left."""
    known = _counters(old, places)
    for row in new.execute(_COUNTING).fetchall():
        table = row["name"]
        seen = [place.low for place in places if place.table == table and place.low > 0]
        left = new.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0] or 0  # noqa: S608
        highest = max(left, *seen) if seen else left
        if table in known:
            number = max(highest, known[table])
        else:
            number = highest + _SKIPPED.get(table, _SKIPPED_ELSE)
        new.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        new.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))


def _counters(old: sqlite3.Connection, places: Sequence[Place]) -> dict[str, int]:
    """Read how far each numbering had come; nothing when that itself is damaged."""
    if any(place.table == "sqlite_sequence" for place in places):
        return {}
    with contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        rows = old.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
        # A table without a row there has never had one.
        return dict.fromkeys((row["name"] for row in old.execute(_COUNTING)), 0) | {
            row["name"]: row["seq"] for row in rows if isinstance(row["seq"], int)
        }
    return {}
