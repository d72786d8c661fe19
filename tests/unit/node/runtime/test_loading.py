"""What was on disk is known again after a restart; what cannot be read is left out."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

import pytest

from node.clock import ManualClock
from node.runtime import loading
from node.runtime.loading import load_casts, load_entries, load_start
from node.storage import nodes, objects
from node.storage.database import Storage
from protocol.network.events import NodeMemory
from protocol.network.live import entry_of
from protocol.objects.envelope import Verified
from tests.parties import NET, make_cast, make_profile
from tests.unit.protocol.network.driver import make_revoke, record_of


@pytest.fixture
async def filled(storage: Storage, clock: ManualClock) -> Storage:
    """A disk with seven casts, a profile, a revoke, and the cast that it replaced."""
    casts = [make_cast(nonce=bytes([n] * 16)) for n in range(8)]
    revoke = make_revoke(casts[0])
    now_ms = clock.now().wall_ms

    def fill(conn: Any) -> None:
        kept: list[Verified[Any]] = [*casts, make_profile()]
        for verified in kept:
            objects.insert(conn, verified, own=False, now_ms=now_ms)
        objects.replace_by_revoke(conn, casts[0].id, revoke, own=False, now_ms=now_ms)

    await storage.write(fill)
    return storage


async def test_entries_are_as_they_were(
    filled: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loading, "_TOGETHER", 4)
    casts = [make_cast(nonce=bytes([n] * 16)) for n in range(8)]
    kept = [*casts[1:], make_profile(), make_revoke(casts[0])]
    entries = await load_entries(filled, net=NET, wall_ms=clock.now().wall_ms)
    by_id = {entry.id: entry for entry in entries}
    assert by_id == {verified.id: entry_of(verified) for verified in kept}


async def test_live_casts_are_opened(
    filled: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loading, "_TOGETHER", 3)
    casts = [make_cast(nonce=bytes([n] * 16)) for n in range(1, 8)]
    found = await load_casts(filled, net=NET, wall_ms=clock.now().wall_ms)
    assert {verified.id: verified for verified in found} == {each.id: each for each in casts}


async def test_objects_of_another_network_are_left_out(filled: Storage, clock: ManualClock):
    wall_ms = clock.now().wall_ms
    assert await load_entries(filled, net="other", wall_ms=wall_ms) == []
    assert await load_casts(filled, net="other", wall_ms=wall_ms) == []


async def test_expired_objects_are_left_out(filled: Storage):
    assert await load_casts(filled, net=NET, wall_ms=make_cast().header.exp) == []


async def test_nodes_come_back_with_what_is_remembered_of_them(storage: Storage):
    record, other = record_of("a"), record_of("b")
    row = nodes.NodeRow(
        key=record.key,
        record=record.raw,
        at=record.at,
        seen_ms=1,
        source=nodes.RecordSource.HEARSAY,
    )
    told = replace(row, key=other.key, record=other.raw, told_by="8.8.0.0/16")
    met = record_of("c")
    proved = replace(
        row, key=met.key, record=met.raw, seen_ms=0, source=nodes.RecordSource.FIRST_HAND
    )
    reached = nodes.Reached(at_ms=7, address="b.example:1", group="9.9.0.0/16")

    def keep(conn: sqlite3.Connection) -> None:
        nodes.save(conn, row)
        nodes.save(conn, told)
        nodes.save(conn, proved)
        nodes.mark_reached(conn, other.key, reached)
        nodes.set_anchors(conn, [other.key])

    await storage.write(keep)
    started = await load_start(storage, net=NET, wall_ms=0)
    assert started.records == (other.raw, record.raw, met.raw)
    assert started.anchors == (other.key,)
    assert started.entries == ()
    assert started.memories == {
        record.key: NodeMemory(),
        met.key: NodeMemory(is_proven=True),
        other.key: NodeMemory(
            source="8.8.0.0/16", reached_ms=7, address="b.example:1", group="9.9.0.0/16"
        ),
    }
