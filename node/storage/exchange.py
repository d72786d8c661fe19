"""One database file in the place of another, whole or not at all.

Enters: a new file, complete, beside the one it shall replace. Leaves: the new one in its place, the
old one and its log kept under another name. A power cut in the middle is ended by `finish`, which
every opening of a home calls first. Never: a moment in which a start would take an empty home for a
new one.
"""

from __future__ import annotations

import os
from pathlib import Path

from node.crashpoint import crashpoint
from node.storage.journal import index_path, journal_path
from node.storage.page_sums import sums_path, sync_folder

_OWNER_ONLY = 0o600


def draft_path(database: Path) -> Path:
    """Name the new file while it is made."""
    return database.with_name(database.name + ".mended")


def kept_path(database: Path) -> Path:
    """Name the old file once it is replaced; the newest one is kept."""
    return database.with_name(f"{database.stem}.damaged{database.suffix}")


def note_path(database: Path) -> Path:
    """Name the note that an exchange has begun."""
    return database.with_name(database.name + ".mending")


def exchange(database: Path) -> None:
    """Put the finished draft in the place of the database.

    Raises:
        OSError: a file cannot be synced or renamed; what was begun is ended at the next opening.
    """
    with draft_path(database).open("rb") as file:
        os.fsync(file.fileno())
    note_path(database).touch(mode=_OWNER_ONLY)
    sync_folder(database.parent)
    crashpoint("exchange.after_note")
    finish(database)


def is_begun(database: Path) -> bool:
    """Tell whether an exchange waits to be ended: until then there may be no database at all."""
    return note_path(database).exists() and draft_path(database).exists()


def finish(database: Path) -> None:
    """End an exchange that was begun; does nothing when none was.

    Raises:
        OSError: as above.
    """
    note, draft = note_path(database), draft_path(database)
    if not note.exists():
        return
    if draft.exists():
        _keep(database)
        for path in (index_path(database), sums_path(database)):
            path.unlink(missing_ok=True)
        # Nothing of the old file may stand beside the new one, whenever the power goes.
        sync_folder(database.parent)
        crashpoint("exchange.before_replace")
        draft.replace(database)
        sync_folder(database.parent)
        crashpoint("exchange.after_replace")
    note.unlink(missing_ok=True)
    sync_folder(database.parent)


def _keep(database: Path) -> None:
    """Put the old file aside with its log, in which its last changes may stand."""
    kept, log = kept_path(database), journal_path(database)
    if database.exists():
        # One kept before may have left a log that is not this one's.
        for path in (journal_path(kept), index_path(kept)):
            path.unlink(missing_ok=True)
        database.replace(kept)
        crashpoint("exchange.after_keep")
    if log.exists():
        log.replace(journal_path(kept))
        crashpoint("exchange.after_log")


def forget_draft(database: Path) -> None:
    """Remove a draft that was not finished, and whatever stands beside it."""
    draft = draft_path(database)
    for path in (draft, journal_path(draft), index_path(draft), sums_path(draft)):
        path.unlink(missing_ok=True)
