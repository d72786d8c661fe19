"""The shelf writes in order, says what became of each object, and ends when it is empty."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.runtime.shelf import Shelf
from node.storage import nodes, objects
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
from protocol.network.events import ObjectsStored, ObjectStored, StoreFailed
from protocol.objects.envelope import Verified
from tests.parties import make_cast, make_profile
from tests.unit.protocol.network.driver import make_revoke, record_of


class Writing:
    """A shelf that is being emptied."""

    def __init__(self, storage: Any, clock: ManualClock) -> None:
        self.events: list[Any] = []
        self.shelf = Shelf(storage, clock=clock, on_event=self.events.append)

    async def write(self, *work: Any) -> list[Any]:
        for each in work:
            self.shelf.put(each)
        assert len(self.shelf) == len(work)
        self.shelf.close()
        await self.shelf.run()
        assert len(self.shelf) == 0
        return self.events


def store(verified: Verified[Any], replaced: Verified[Any] | None = None) -> StoreObject:
    return StoreObject(verified=verified, replaced=replaced.id if replaced else None)


async def raw_of(storage: Storage, verified: Verified[Any]) -> bytes | None:
    return await storage.read(lambda db: objects.load_raw(db, verified.id))


async def test_objects_are_stored_and_told(storage: Storage, clock: ManualClock):
    cast = make_cast()
    events = await Writing(storage, clock).write(store(cast), store(cast))
    assert events == [
        ObjectsStored(ids=(cast.id,)),
        ObjectStored(id=cast.id, is_new=False),
    ]
    assert await raw_of(storage, cast) == cast.raw


async def test_a_revoke_follows_its_target(storage: Storage, clock: ManualClock):
    cast = make_cast()
    revoke = make_revoke(cast)
    events = await Writing(storage, clock).write(store(cast), store(revoke, cast), store(cast))
    assert events[2] == StoreFailed(id=cast.id, reason=Reason.WITHDRAWN)
    assert await raw_of(storage, cast) is None
    assert await raw_of(storage, revoke) == revoke.raw


async def test_a_twin_is_refused_by_the_disk(
    storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
):
    cast = make_cast()
    monkeypatch.setattr(objects, "insert", lambda *_args, **_facts: objects.Twin(id=cast.id))
    events = await Writing(storage, clock).write(store(cast))
    assert events == [StoreFailed(id=cast.id, reason=Reason.DUPLICATE)]


async def test_what_lost_its_place_goes(storage: Storage, clock: ManualClock):
    cast, profile = make_cast(), make_profile()
    await Writing(storage, clock).write(store(cast), store(profile), DropObject(id=cast.id))
    assert await raw_of(storage, cast) is None
    await Writing(storage, clock).write(DropExpired(wall_ms=profile.header.exp))
    assert await raw_of(storage, profile) is None


async def test_records_are_kept_with_how_they_came(storage: Storage, clock: ManualClock):
    proven, heard = record_of("a"), record_of("b")
    await Writing(storage, clock).write(
        SaveRecord(record=proven, is_proven=True), SaveRecord(record=heard, is_proven=False)
    )
    rows = await storage.read(nodes.load_newest)
    assert {row.key: (row.record, row.source) for row in rows} == {
        proven.key: (proven.raw, nodes.RecordSource.FIRST_HAND),
        heard.key: (heard.raw, nodes.RecordSource.HEARSAY),
    }


async def test_what_is_remembered_of_nodes_is_kept(storage: Storage, clock: ManualClock):
    record = record_of("a")
    await Writing(storage, clock).write(
        SaveRecord(record=record, is_proven=False, source="8.8.0.0/16"),
        SaveReached(key=record.key, address="a.example:1", group="9.9.0.0/16", wall_ms=7),
        SaveAnchors(keys=(record.key,)),
    )
    (row,) = await storage.read(nodes.load_newest)
    assert (row.told_by, row.is_anchor) == ("8.8.0.0/16", True)
    assert row.reached == nodes.Reached(at_ms=7, address="a.example:1", group="9.9.0.0/16")


class FailingStorage:
    """A disk that refuses any function that touches one object."""

    def __init__(self, storage: Storage, bad: bytes) -> None:
        self.storage = storage
        self.bad = bad

    async def write(self, txn: Any, *, promise: bool) -> Any:
        assert not promise
        events = await self.storage.write(txn, promise=promise)
        if any(
            self.bad in (getattr(event, "id", None), *getattr(event, "ids", ())) for event in events
        ):
            raise StorageError("the disk is full", code="E-DISK-FULL")
        return events


async def test_one_that_cannot_be_kept_keeps_out_no_other(storage: Storage, clock: ManualClock):
    cast, profile = make_cast(), make_profile()
    failing = FailingStorage(storage, cast.id)
    events = await Writing(failing, clock).write(store(cast), store(profile))
    assert StoreFailed(id=cast.id, reason=Reason.QUOTA) in events
    assert ObjectStored(id=profile.id, is_new=False) in events


async def test_what_finds_no_room_is_not_kept_and_its_neighbours_are(
    storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("node.runtime.shelf.WAITING_MAX", 2)
    writing = Writing(storage, clock)
    cast, profile, late = make_cast(), make_profile(), make_cast(title="One too many")
    gone = DropObject(id=cast.id)
    for work in (store(cast), store(profile), store(late), DropExpired(wall_ms=0), gone):
        writing.shelf.put(work)
    # A disk that stalls costs no more memory than this; only what takes something away may wait on.
    assert len(writing.shelf) == 3
    assert writing.events == []
    await asyncio.sleep(0)
    assert writing.events == [StoreFailed(id=late.id, reason=Reason.QUOTA)]
    writing.shelf.close()
    await writing.shelf.run()
    assert await raw_of(storage, profile) == profile.raw
    assert await raw_of(storage, cast) is None


async def test_it_waits_for_work_until_closed(storage: Storage, clock: ManualClock):
    writing = Writing(storage, clock)
    running = asyncio.get_running_loop().create_task(writing.shelf.run())
    await asyncio.sleep(0)
    writing.shelf.put(store(make_cast()))
    async with asyncio.timeout(2):
        while not writing.events:
            await asyncio.sleep(0.001)
    assert not running.done()
    writing.shelf.close()
    await running


async def test_a_disk_that_fails_is_asked_for_each_at_once(storage: Storage, clock: ManualClock):
    """One after the other, each would wait for company that never comes."""
    casts = [make_cast(title=f"Cast {number}") for number in range(40)]
    failing = FailingStorage(storage, casts[5].id)
    events = await asyncio.wait_for(Writing(failing, clock).write(*map(store, casts)), 1.5)
    assert events.count(StoreFailed(id=casts[5].id, reason=Reason.QUOTA)) == 1
    assert len(events) == 40


async def test_a_long_run_says_that_more_is_coming(
    storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
):
    slept: list[float] = []
    monkeypatch.setattr("node.runtime.shelf._MANY", 2)
    monkeypatch.setattr("node.runtime.shelf._COMPANY_S", 0.001)
    real = asyncio.sleep

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)
        await real(delay_s)

    monkeypatch.setattr("node.runtime.shelf.asyncio.sleep", sleep)
    writing = Writing(storage, clock)
    running = asyncio.get_running_loop().create_task(writing.shelf.run())
    for title in ("One", "Two"):
        writing.shelf.put(store(make_cast(title=title)))
    while not writing.events:
        await real(0.001)
    writing.shelf.close()
    await running
    assert slept == [0.001]
