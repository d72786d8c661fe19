"""Objects that stood on damaged pages: which are lost, and what no hash says of the others.

Enters: the damaged file, whose indexes name every row once more, and the new one beside it. Leaves:
rows of `wanted` for lost objects that somebody else holds, and the columns that no hash covers put
on the safe side: what may be needed is kept. Never: a loss nobody hears of.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.storage import faults, references, wanted
from node.storage.columns import every, one
from node.storage.scrub import Damage, object_lost
from node.storage.trees import Place
from node.storage.wanted import Wanted
from protocol.ids import ID_BYTES

TABLE: Final = "objects"
_BY_ID: Final = "sqlite_autoindex_objects_1"
_BY_TEXT: Final = "sqlite_autoindex_objects_2"
_PASSING: Final = "objects_passing"
_BY_THREAD: Final = "objects_thread"
_SIGNED_BY_US: Final = """
SELECT key FROM objects WHERE id IN (
  SELECT cast_id FROM casts UNION SELECT root_id FROM casts UNION SELECT offer_id FROM offers_sent
  UNION SELECT last_own_id FROM threads UNION SELECT envelope_id FROM outbox
)
"""


class NamelessError(Exception):
    """Objects are lost, and no index is left that names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What the indexes of a damaged file say of its objects; each is believed whole, or not."""

    numbers: frozenset[int] | None = None
    """All rows there were; None when that is not known."""
    names: dict[int, bytes] = field(default_factory=dict)
    """Row -> id."""
    passing: frozenset[int] | None = None
    """Rows neither ours nor pinned; None when that is not known."""
    threads: dict[int, bytes] = field(default_factory=dict)
    """Row -> root cast, of those that stand under one."""
    has_threads: bool = False
    """Whether that is all of them."""


def listing_of(old: sqlite3.Connection, places: Iterable[Place]) -> Listing:
    """Read the indexes of the objects that stand on whole pages.

    Args:
        old: the damaged file.
        places: what its damaged pages hold.
    """
    bad = frozenset(place.index for place in places)
    names = _read(old, bad, _BY_ID, f"SELECT seq, id FROM objects INDEXED BY {_BY_ID}")  # noqa: S608
    texts = _read(old, bad, _BY_TEXT, f"SELECT seq FROM objects INDEXED BY {_BY_TEXT}")  # noqa: S608
    passing = _read(
        old,
        bad,
        _PASSING,
        f"SELECT seq FROM objects INDEXED BY {_PASSING} WHERE own = 0 AND pinned = 0",  # noqa: S608
    )
    threads = _read(
        old,
        bad,
        _BY_THREAD,
        f"SELECT seq, thread FROM objects INDEXED BY {_BY_THREAD} WHERE thread IS NOT NULL",  # noqa: S608
    )
    every_row = names if names is not None else texts
    return Listing(
        numbers=None if every_row is None else frozenset(row[0] for row in every_row),
        names={row[0]: row[1] for row in names or () if len(row[1]) == ID_BYTES},
        passing=None if passing is None else frozenset(row[0] for row in passing),
        threads={row[0]: row[1] for row in threads or ()},
        has_threads=threads is not None,
    )


def _read(
    old: sqlite3.Connection, bad: Collection[str], index: str, sql: str
) -> list[tuple[Any, ...]] | None:
    """Read a whole index; None when a page of it is damaged."""
    if index in bad:
        return None
    with contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        return [tuple(row) for row in old.execute(sql)]
    return None


# --- what is lost --------------------------------------------------------------------------------


def note_lost(
    new: sqlite3.Connection, listing: Listing, kept: Collection[int], now_ms: int
) -> list[Damage]:
    """Note every object whose row could not be copied, and ask for it where somebody holds it.

    Args:
        new: the new file, all other tables complete.
        listing: what the indexes say.
        kept: rows that were copied.
        now_ms: wall clock, Unix ms.

    Returns:
        The lost ones by name. What was only carried is not among them: the network brings it again.

    Raises:
        NamelessError: some are lost, and nobody knows which.
    """
    if listing.numbers is None:
        raise NamelessError
    deal_of = references.deals_by_object(new)
    found = []
    for number in sorted(listing.numbers - frozenset(kept)):
        is_passing = listing.passing is not None and number in listing.passing
        object_id = listing.names.get(number)
        if object_id is None:
            if is_passing:
                continue
            raise NamelessError
        if is_passing and object_id not in deal_of and not references.is_named(new, object_id):
            continue
        found.append(_lost(new, listing, number, deal_of, now_ms))
    return found


def _lost(
    new: sqlite3.Connection,
    listing: Listing,
    number: int,
    deal_of: dict[bytes, bytes],
    now_ms: int,
) -> Damage:
    object_id, thread = listing.names[number], listing.threads.get(number)
    holder = references.holder_of(
        new, object_id, deal_of, thread=thread, is_public=thread is None and listing.has_threads
    )
    if holder is None:
        return object_lost(object_id, fix=faults.RESTORE_FIX)
    wanted.want(new, Wanted(id=object_id, deal_id=holder.of, found_ms=now_ms))
    return object_lost(object_id, fix=holder.words, mended=True)


# --- what no hash covers -------------------------------------------------------------------------


def make_safe(new: sqlite3.Connection, listing: Listing, doubted: Sequence[int]) -> None:
    """Put right what a row on a damaged page says beside its object; where unknown, keep it.

    Args:
        new: the new file, all other tables complete.
        listing: what the indexes say.
        doubted: rows copied from damaged pages.
    """
    own_keys = _own_keys(new) if doubted else frozenset()
    for number in doubted:
        if listing.passing is not None and number in listing.passing:
            new.execute("UPDATE objects SET own = 0, pinned = 0 WHERE seq = ?", (number,))
        else:
            _keep(new, number, own_keys, is_listed=listing.passing is not None)
        new.execute(
            """
            UPDATE objects AS o SET replaced_by = coalesce(
              (SELECT id FROM objects AS r WHERE r.revokes = o.id AND r.key = o.key
               AND r.exp = o.exp AND r.to_key IS o.to_key ORDER BY seq DESC LIMIT 1),
              -- The revoke itself may be gone: it was not ours, and its time is over.
              CASE WHEN length(o.replaced_by) = ? THEN o.replaced_by END
            ) WHERE seq = ?
            """,
            (ID_BYTES, number),
        )


def _keep(
    new: sqlite3.Connection, number: int, own_keys: Collection[bytes], *, is_listed: bool
) -> None:
    """Pin an object, and call it ours where anything says so: too much kept does no harm."""
    row = one(new, "SELECT id, key, to_key, own, pinned FROM objects WHERE seq = ?", (number,))
    if row is None:
        return
    is_own = (
        row["own"]
        # What is sealed came to us or went from us.
        or row["to_key"] is not None
        or row["key"] in own_keys
        # It was one of the two.
        or (is_listed and not row["pinned"])
    )
    new.execute("UPDATE objects SET own = ?, pinned = 1 WHERE seq = ?", (int(bool(is_own)), number))


def _own_keys(new: sqlite3.Connection) -> frozenset[bytes]:
    """Collect keys of ours, by what they signed."""
    found = {row["key"] for row in every(new, _SIGNED_BY_US)}
    has_generations = "SELECT 1 FROM sqlite_schema WHERE name = 'generations'"
    if one(new, has_generations):
        found |= {row["key"] for row in every(new, "SELECT key FROM generations")}
    return frozenset(found)
