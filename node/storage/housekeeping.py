"""What a home lets go of by itself, once its time is over.

Each step is bounded, so that no sweep holds the writer for long; a sweep repeats until nothing is
left. Letters that expire unsent are not ended here: their owner has to be told (`outbox.expire`).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from node.storage import bounds, idempotency, mailbox, objects, offers_sent, outbox, threads
from protocol.ids import ObjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What went."""

    objects: tuple[ObjectId, ...] = ()
    """Objects past their time: the network machines forget them too."""
    served_boxes: int = 0
    """Boxes of others, with all that was in them."""
    letters: int = 0
    """Letters that ended long ago."""
    guards: int = 0
    """Guards of offers to casts that are over."""
    answers: int = 0
    """Answers kept for repeated requests."""
    threads: int = 0
    """Threads above their cap."""
    complete: bool = True
    """Whether nothing was left for another step."""

    def joined(self, other: Swept) -> Swept:
        """Add a later step."""
        return Swept(
            objects=self.objects + other.objects,
            served_boxes=self.served_boxes + other.served_boxes,
            letters=self.letters + other.letters,
            guards=self.guards + other.guards,
            answers=self.answers + other.answers,
            threads=self.threads + other.threads,
            complete=other.complete,
        )


def sweep_step(conn: sqlite3.Connection, now_ms: int) -> Swept:
    """Let go at most `bounds.sweep_rows_max` rows of each kind.

    Args:
        conn: inside a change.
        now_ms: wall clock, Unix ms.
    """
    gone = objects.delete_expired(conn, now_ms)
    counts = {
        "served_boxes": len(mailbox.sweep(conn, now_ms)),
        "letters": outbox.sweep(conn, now_ms),
        "guards": offers_sent.sweep(conn, now_ms),
        "answers": idempotency.sweep(conn, now_ms),
        "threads": threads.sweep(conn),
    }
    most = max(len(gone), *counts.values())
    return Swept(objects=tuple(gone), complete=most < bounds.sweep_rows_max, **counts)
