"""The shelf: puts carried objects and node records on disk, in the order they were decided.

One worker, so that a revoke is written after what it replaces. What waits is written together; one
row that cannot be kept does not keep out its neighbours. Enters: actions of the engine. Leaves:
events for it, after the commit. Never here: a decision about what is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from node.clock import Clock
from node.crashpoint import crashpoint
from node.errors import StorageError
from node.storage import batches, bounds, nodes, objects
from node.storage.database import Storage
from protocol.errors import Reason
from protocol.network.actions import (
    DropExpired,
    DropObject,
    SaveAnchors,
    SaveReached,
    SaveRecord,
    StoreObject,
)
from protocol.network.events import EngineEvent, ObjectsStored, ObjectStored, StoreFailed
from protocol.objects.envelope import Verified

if TYPE_CHECKING:
    import sqlite3

WAITING_MAX = 20_000
"""Actions that wait for a disk that stalls; guess. At a kibibyte an object some 20 MB."""
_TOGETHER_MAX = 1_000
"""Actions written in one function, and so in one commit."""
_MANY = 100
"""A run as long as this says that more is coming ..."""
_COMPANY_S = 0.2
"""... and the next one waits so long: a page written once for four objects, and not four times,
saved a quarter of the disk's part of an object (1,000 together against 200)."""

Work: TypeAlias = StoreObject | DropObject | DropExpired | SaveRecord | SaveReached | SaveAnchors


class Shelf:
    """The queue to the disk."""

    def __init__(
        self, storage: Storage, *, clock: Clock, on_event: Callable[[EngineEvent], None]
    ) -> None:
        """Prepare; `run` writes.

        Args:
            storage: the home's database.
            clock: for the times rows carry.
            on_event: hears what became of each object.
        """
        self._storage = storage
        self._clock = clock
        self._on_event = on_event
        self._waiting: deque[Work] = deque()
        self._ready = asyncio.Event()
        self._is_closing = False

    def __len__(self) -> int:
        """Count what waits."""
        return len(self._waiting)

    def put(self, work: Work) -> None:
        """Queue one action; what finds no room is not kept, and asked for again later."""
        if len(self._waiting) >= WAITING_MAX and not isinstance(work, DropObject):
            if isinstance(work, StoreObject):
                failed = StoreFailed(id=work.verified.id, reason=Reason.QUOTA)
                # Not from in here: whoever put it is still performing the actions beside it.
                asyncio.get_running_loop().call_soon(self._on_event, failed)
            return
        self._waiting.append(work)
        self._ready.set()

    def close(self) -> None:
        """Let `run` end when all that waits is written."""
        self._is_closing = True
        self._ready.set()

    async def run(self) -> None:
        """Write what comes until closed."""
        while self._waiting or not self._is_closing:
            await self._ready.wait()
            self._ready.clear()
            while self._waiting:
                count = min(len(self._waiting), _TOGETHER_MAX)
                await self._write([self._waiting.popleft() for _ in range(count)])
                if _MANY <= count < _TOGETHER_MAX and not self._is_closing:
                    await asyncio.sleep(_COMPANY_S)

    async def _write(self, run: list[Work]) -> None:
        now_ms = self._clock.now().wall_ms

        def txn(conn: sqlite3.Connection) -> list[EngineEvent]:
            return _perform_run(conn, run, now_ms)

        try:
            events = await self._storage.write(txn, promise=False)
        except StorageError:
            if len(run) > 1:
                # Handed in one after the other, committed together, each undone alone.
                await asyncio.gather(*(self._write([work]) for work in run))
                return
            # Not kept, so not carried; it is fetched again when the disk can take it.
            events = [
                StoreFailed(id=work.verified.id, reason=Reason.QUOTA)
                for work in run
                if isinstance(work, StoreObject)
            ]
        for event in events:
            crashpoint("relay.after_commit")
            self._on_event(event)


def _perform_run(conn: sqlite3.Connection, run: list[Work], now_ms: int) -> list[EngineEvent]:
    """Do everything in its order; new objects that stand together are stored together."""
    events: list[EngineEvent] = []
    for is_new, works in groupby(run, _is_simply_new):
        group = list(works)
        if is_new and len(group) > 1:
            some = [work.verified for work in group if isinstance(work, StoreObject)]
            outcomes = batches.insert(conn, some, now_ms=now_ms)
            crashpoint("relay.before_commit")
            events += _told_together(some, outcomes)
        else:
            for work in group:
                events += _perform(conn, work, now_ms)
    return events


def _is_simply_new(work: Work) -> bool:
    return isinstance(work, StoreObject) and work.replaced is None


def _perform(conn: sqlite3.Connection, work: Work, now_ms: int) -> list[EngineEvent]:
    match work:
        case StoreObject(verified=verified, replaced=replaced):
            if replaced is None:
                outcome = objects.insert(conn, verified, own=False, now_ms=now_ms)
            else:
                outcome = objects.replace_by_revoke(
                    conn, replaced, verified, own=False, now_ms=now_ms
                )
            crashpoint("relay.before_commit")
            return [_told(verified, outcome)]
        case DropObject(id=object_id):
            objects.remove(conn, [object_id])
        case DropExpired(wall_ms=wall_ms):
            while len(objects.delete_expired(conn, wall_ms)) >= bounds.sweep_rows_max:
                pass
        case _:
            _remember(conn, work, now_ms)
    return []


def _remember(
    conn: sqlite3.Connection, work: SaveRecord | SaveReached | SaveAnchors, now_ms: int
) -> None:
    match work:
        case SaveRecord(record=record, is_proven=is_proven, source=told_by):
            source = nodes.RecordSource.FIRST_HAND if is_proven else nodes.RecordSource.HEARSAY
            row = nodes.NodeRow(
                key=record.key,
                record=record.raw,
                at=record.at,
                seen_ms=now_ms,
                source=source,
                told_by=told_by,
            )
            nodes.save(conn, row)
        case SaveReached(key=key, address=address, group=group, wall_ms=wall_ms):
            nodes.mark_reached(
                conn, key, nodes.Reached(at_ms=wall_ms, address=address, group=group)
            )
        case SaveAnchors(keys=keys):
            nodes.set_anchors(conn, keys)
        case _:
            assert_never(work)


def _told_together(
    some: list[Verified[Any]], outcomes: list[objects.InsertOutcome]
) -> list[EngineEvent]:
    """Say of a run what became of each; all that is simply new is told at once."""
    pairs = list(zip(some, outcomes, strict=True))
    ids = tuple(each.id for each, outcome in pairs if isinstance(outcome, objects.Inserted))
    rest: list[EngineEvent] = [
        _told(*pair) for pair in pairs if not isinstance(pair[1], objects.Inserted)
    ]
    return [ObjectsStored(ids=ids), *rest] if ids else rest


def _told(verified: Verified[Any], outcome: objects.InsertOutcome) -> EngineEvent:
    match outcome:
        case objects.Inserted():
            return ObjectStored(id=verified.id, is_new=True)
        case objects.Known():
            return ObjectStored(id=verified.id, is_new=False)
        case objects.Twin():
            return StoreFailed(id=verified.id, reason=Reason.DUPLICATE)
        case objects.Revoked():
            return StoreFailed(id=verified.id, reason=Reason.WITHDRAWN)
        case _:
            assert_never(outcome)
