"""A home that writes whole stories to its database and says which of them are on record.

Run as a program under strace: `scribe.py DATABASE ACKS FULL|NORMAL`. Each story is one change of
four rows that belong together; its number goes to the file of acknowledgements only after
`Storage.write` returned.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import Any

from node.clock import SystemClock
from node.storage import audit, bounds, connection, objects, outbox
from node.storage.database import Storage
from protocol.ids import LetterHash, ObjectId, blake2b_256
from tests.parties import NOW_MS, make_cast

STORIES = 120
SESSIONS = 3
WAL_PAGES = 40
"""Checkpoints come often, so that they too are cut in every place."""


def story(number: int) -> Any:
    """Give the object a story is about."""
    return make_cast(title=f"story {number}")


def write_story(conn: sqlite3.Connection, number: int, verified: Any) -> int:
    """Write an object, two lines of audit and a letter: all or none."""
    audit.append(conn, at=number, what="begun", ids=[verified.id])
    objects.insert(conn, verified, own=True, now_ms=NOW_MS)
    letter = blake2b_256(b"letter", verified.id) * (1 + number % 60)
    outbox.add(
        conn,
        outbox.Outgoing(
            envelope_id=ObjectId(verified.id),
            kind="offer",
            own_ctx=b"profile",
            to_key=b"k" * 32,
            thread=None,
            letter=letter,
            letter_hash=LetterHash(blake2b_256(letter)),
            reader=b"r" * 32,
            mailboxes=(),
            priority=1,
            next_at=number,
            expires_at=NOW_MS,
            updated_ms=number,
        ),
    )
    audit.append(conn, at=number, what="done", ids=[verified.id])
    return number


async def _session(path: Path, acks: int, numbers: range) -> None:
    storage = await Storage.open(path, clock=SystemClock())

    async def tell(number: int) -> None:
        verified = story(number)
        await storage.write(lambda conn: write_story(conn, number, verified))
        os.write(acks, f"{number}\n".encode())

    for start in range(numbers.start, numbers.stop, 3):
        # One alone, then two that share a commit.
        await tell(start)
        await asyncio.gather(*(tell(n) for n in range(start + 1, min(start + 3, numbers.stop))))
        if start % 30 == 0:
            await storage.write(partial(objects.pin, ids=[story(start).id]))
    await storage.close()


async def write_all(path: Path, acks_path: Path) -> None:
    """Write every story, in sessions with a clean end between them."""
    bounds.wal_pages = WAL_PAGES  # type: ignore[misc]
    acks = os.open(acks_path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    each = STORIES // SESSIONS
    for session in range(SESSIONS):
        await _session(path, acks, range(session * each, (session + 1) * each))
    os.close(acks)


def main() -> None:
    """Run the home."""
    if sys.argv[3] == "NORMAL":
        weaker = tuple(
            pragma.replace("synchronous = FULL", "synchronous = NORMAL")
            for pragma in connection._WRITER_PRAGMAS
        )
        setattr(connection, "_WRITER_PRAGMAS", weaker)  # noqa: B010 - the type knows its length
    asyncio.run(write_all(Path(sys.argv[1]), Path(sys.argv[2])))


if __name__ == "__main__":
    main()
