"""Attendance: which mailboxes of our boxes fail, for how long, and which are gone for good.

Enters: each reading that worked or failed, whom we are linked to, and the running of time. Leaves:
the mailboxes a box should leave. Time counts only while this node runs, by the clock that never
jumps, and while it is linked to somebody else: whoever is offline blames nobody. What was counted
outlives a restart. Never here: which mailbox comes instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from node.clock import Clock
from node.storage import box_troubles
from node.storage.box_troubles import BoxTrouble
from protocol import limits
from protocol.ids import NodeId

if TYPE_CHECKING:
    # Named in types only: SQL is spoken in `node.storage` alone.
    import sqlite3

    import aiosqlite

_STEP_MS_MAX: Final = 60_000
"""Longest time one count adds: what passed unseen, such as a sleep, is nobody's fault."""

Way: TypeAlias = tuple[bytes, NodeId]
"""(reader, mailbox)."""
Linked: TypeAlias = Callable[[], Collection[NodeId]]
"""Gives the keys of all peers linked now."""


@dataclass(slots=True, kw_only=True)
class _Failing:
    """A mailbox that fails a box."""

    failed_ms: int = 0
    is_refused: bool = False
    is_seen: bool = True
    """Whether this run has seen it fail: what is only remembered may be well again."""


class Attendance:
    """One per node."""

    def __init__(
        self, *, clock: Clock, linked: Linked, lost_ms: int = limits.mailbox_lost_ms
    ) -> None:
        """Start with everybody well.

        Args:
            clock: its monotonic side alone is asked.
            linked: whom we are linked to.
            lost_ms: how long a mailbox may fail before it is lost; one that refuses our box may
                for the same part of `limits.mailbox_refused_ms`.
        """
        self._clock = clock
        self._linked = linked
        self._lost_ms = lost_ms
        self._refused_ms = lost_ms * limits.mailbox_refused_ms // limits.mailbox_lost_ms
        self._failing: dict[bytes, dict[NodeId, _Failing]] = {}
        self._counted_ms = clock.now().mono_ms

    async def load(self, db: aiosqlite.Connection) -> None:
        """Take up what earlier runs counted."""
        for row in await box_troubles.load(db):
            self._failing.setdefault(row.reader, {}).setdefault(
                row.mailbox,
                _Failing(failed_ms=row.failed_ms, is_refused=row.refused, is_seen=False),
            )

    def save(self, conn: sqlite3.Connection) -> None:
        """Keep what is counted."""
        rows = [
            BoxTrouble(
                reader=reader,
                mailbox=mailbox,
                failed_ms=failing.failed_ms,
                refused=failing.is_refused,
            )
            for reader, of_box in self._failing.items()
            for mailbox, failing in of_box.items()
        ]
        box_troubles.save(conn, rows)

    def read(self, way: Way) -> None:
        """A box was read at a mailbox: all is forgiven."""
        reader, mailbox = way
        of_box = self._failing.get(reader, {})
        of_box.pop(mailbox, None)
        if not of_box:
            self._failing.pop(reader, None)

    def failed(self, way: Way, *, is_refused: bool) -> None:
        """A box could not be read at a mailbox: it does not answer, or will not keep the box."""
        reader, mailbox = way
        failing = self._failing.setdefault(reader, {}).setdefault(mailbox, _Failing())
        failing.is_refused = is_refused
        failing.is_seen = True

    def forget(self, reader: bytes) -> None:
        """A box is read no more."""
        self._failing.pop(reader, None)

    def count(self) -> bool:
        """Add the time since the last count; tells whether there is anything to keep."""
        now_ms = self._clock.now().mono_ms
        passed_ms = min(max(now_ms - self._counted_ms, 0), _STEP_MS_MAX)
        self._counted_ms = now_ms
        peers = set(self._linked())
        for of_box in self._failing.values():
            for mailbox, failing in of_box.items():
                if failing.is_seen and len(peers) > (mailbox in peers):
                    failing.failed_ms += passed_ms
        return bool(self._failing)

    def lost(self, reader: bytes) -> frozenset[NodeId]:
        """Give the mailboxes of a box that have failed it for too long."""
        return frozenset(
            mailbox
            for mailbox, failing in self._failing.get(reader, {}).items()
            if failing.is_seen
            and failing.failed_ms >= (self._refused_ms if failing.is_refused else self._lost_ms)
        )

    def failing(self) -> frozenset[NodeId]:
        """Give the mailboxes that fail some box just now: nobody's first choice for another."""
        return frozenset(
            mailbox
            for of_box in self._failing.values()
            for mailbox, each in of_box.items()
            if each.is_seen
        )
