"""What a database says for itself when its sums cannot be believed.

Enters: the path of a closed database. Leaves: sentences, one for each thing in it that does not
hold; none vouches for the file as far as it can itself. Only reads. Never: a refusal of what is
known to be damaged and asked for already, since a node may run on that.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import aiosqlite

from node.errors import StorageError
from node.storage.columns import load_every
from node.storage.examination import ask_file, reads_well
from node.storage.migrations import migrations
from node.storage.scrub import Damage, DamageKind, scrub

_ASKED_FOR = frozenset({DamageKind.OBJECT, DamageKind.LETTER})
_UNREADABLE = "it cannot be read through"


def is_newer(database: Path) -> bool:
    """Tell whether a newer program wrote a closed file: its sums may have a form of their own."""
    versions = ask_file(database, "PRAGMA user_version")
    return versions is not None and versions[0][0] > len(migrations())


def wrongs_of(database: Path) -> list[str]:
    """Ask everything in a closed file to prove itself; call it from a thread without a loop.

    A file of an older schema is asked less: SQLite's own check, and its objects.
    """
    if not database.stat().st_size:
        return []
    versions = ask_file(database, "PRAGMA user_version")
    if versions is None:
        return [_UNREADABLE]
    if versions[0][0] != len(migrations()):
        return [] if reads_well(database) else [_UNREADABLE]
    uri = f"{database.absolute().as_uri()}?mode=ro"
    try:
        return [each.sentence for each in asyncio.run(_scrubbed(uri))]
    except (sqlite3.Error, StorageError, TypeError, ValueError):
        # What is damaged turns up as any of these; a text that is none any more is the last.
        return [_UNREADABLE]


async def _scrubbed(uri: str) -> list[Damage]:
    async with aiosqlite.connect(uri, isolation_level=None, uri=True) as db:
        db.row_factory = sqlite3.Row
        found = await scrub(db)
        is_asking = bool(await load_every(db, "SELECT 1 FROM wanted LIMIT 1"))
    return [each for each in found.damages if not (is_asking and _is_asked_for(each))]


def _is_asked_for(damage: Damage) -> bool:
    """Tell whether a damage may be one that a scrub found before and that is on its way to mend."""
    return damage.what in _ASKED_FOR or (damage.what is DamageKind.ROW and bool(damage.id))
