"""How long mailboxes have failed outlives a restart."""

from __future__ import annotations

from functools import partial

import pytest

from node.storage import bounds, box_troubles
from node.storage.box_troubles import BoxTrouble
from node.storage.database import Storage
from protocol.ids import NodeId


def trouble(number: int, failed_ms: int, *, refused: bool = False) -> BoxTrouble:
    return BoxTrouble(
        reader=bytes([number]) * 32,
        mailbox=NodeId(b"m" * 32),
        failed_ms=failed_ms,
        refused=refused,
    )


async def test_the_list_is_kept_whole(storage: Storage):
    first = [trouble(1, 5), trouble(2, 7, refused=True)]
    await storage.write(partial(box_troubles.save, troubles=first))
    assert sorted(await storage.read(box_troubles.load), key=lambda t: t.reader) == first
    await storage.write(partial(box_troubles.save, troubles=[trouble(2, 9)]))
    assert await storage.read(box_troubles.load) == [trouble(2, 9)]
    await storage.write(partial(box_troubles.save, troubles=[]))
    assert await storage.read(box_troubles.load) == []


async def test_beyond_the_cap_the_shortest_go(storage: Storage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "box_troubles_max", 2)
    rows = [trouble(n, n) for n in range(1, 5)]
    await storage.write(partial(box_troubles.save, troubles=rows))
    assert {row.failed_ms for row in await storage.read(box_troubles.load)} == {3, 4}
