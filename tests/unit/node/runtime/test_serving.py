"""Serving: what is on disk is sent, what is not is said to be missing, the slow wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.runtime import serving
from node.runtime.serving import Serving
from node.storage import objects
from node.storage.database import Storage
from protocol.channel.messages import Missing, Objects
from protocol.channel.priority import Priority
from protocol.ids import ObjectId, PeerId
from protocol.network.events import ObjectLost
from protocol.network.live import prefix_of
from tests.parties import make_cast
from tests.unit.node.runtime.links import QuietLink
from tests.unit.protocol.network.driver import peer

GONE = ObjectId(b"\x07" * 32)
CASTS = [make_cast(nonce=bytes([n] * 16)) for n in range(5)]
IDS = tuple(cast.id for cast in CASTS)


class Shop:
    """Serving, with links that stand still and a disk that holds five casts."""

    def __init__(self, storage: Storage) -> None:
        self.links: dict[PeerId, QuietLink] = {peer("a"): QuietLink(), peer("b"): QuietLink()}
        self.events: list[Any] = []
        get: Any = self.links.get
        self.serving = Serving(storage, link_of=get, on_event=self.events.append)
        self.task = asyncio.get_running_loop().create_task(self.serving.run())

    def raws(self, name: str) -> list[bytes]:
        return [raw for each in self.links[peer(name)].messages(Objects) for raw in each.raws]

    def missing(self, name: str) -> list[bytes]:
        return [name for each in self.links[peer(name)].messages(Missing) for name in each.ids]


@pytest.fixture
async def shop(storage: Storage, clock: ManualClock):
    now_ms = clock.now().wall_ms
    await storage.write(
        lambda conn: [objects.insert(conn, cast, own=False, now_ms=now_ms) for cast in CASTS]
    )
    opened = Shop(storage)
    yield opened
    opened.task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.002)


async def test_objects_are_sent_and_the_rest_is_missing(shop: Shop):
    shop.serving.put(peer("a"), (IDS[0], GONE, IDS[1]))
    await until(lambda: bool(shop.missing("a")))
    assert shop.raws("a") == [CASTS[0].raw, CASTS[1].raw]
    assert shop.missing("a") == [prefix_of(GONE)]
    assert shop.events == [ObjectLost(id=GONE)]
    assert {priority for _, priority in shop.links[peer("a")].said} == {Priority.PULL}


async def test_peers_take_turns(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(serving, "_TURN_MAX", 1)
    shop.serving.put(peer("a"), IDS)
    shop.serving.put(peer("b"), IDS[:1])
    await until(lambda: len(shop.raws("a")) == len(IDS))
    assert shop.raws("b") == [CASTS[0].raw]


async def test_a_slow_peer_waits_and_holds_up_nobody(shop: Shop):
    slow = shop.links[peer("a")]
    slow.bytes_waiting = 10**9
    shop.serving.put(peer("a"), IDS[:1])
    shop.serving.put(peer("b"), IDS[:1])
    await until(lambda: bool(shop.raws("b")))
    assert shop.raws("a") == []
    slow.bytes_waiting = 0
    await until(lambda: bool(shop.raws("a")))


async def test_a_peer_that_left_is_forgotten(shop: Shop):
    shop.serving.put(peer("stranger"), (GONE,))
    shop.serving.put(peer("b"), IDS[:1])
    await until(lambda: bool(shop.raws("b")))
    assert shop.events == []


async def test_too_much_at_once_is_missing(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(serving, "_WAITING_MAX", 2)
    shop.serving.put(peer("a"), IDS[:4])
    assert shop.missing("a") == [prefix_of(each) for each in IDS[2:4]]
    shop.serving.put(peer("stranger"), IDS[:4])
    await until(lambda: len(shop.raws("a")) == 2)


async def test_a_disk_that_fails_once_does_not_end_the_serving(shop: Shop, storage, monkeypatch):
    read = storage.read
    failures: list[Any] = []

    async def fails_once(query, **options):
        if not failures:
            failures.append(query)
            raise StorageError("not now")
        return await read(query, **options)

    monkeypatch.setattr(storage, "read", fails_once)
    shop.serving.put(peer("a"), IDS[:1])
    await until(lambda: bool(failures))
    shop.serving.put(peer("b"), IDS[1:2])
    await until(lambda: shop.raws("b") == [CASTS[1].raw])
    assert not shop.task.done()
