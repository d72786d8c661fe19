"""Shops the owner wants to hear no more of, kept until it is taken back."""

from __future__ import annotations

from functools import partial

import pytest

from node.storage import blocked, bounds
from node.storage.blocked import Blocked
from node.storage.database import Storage
from protocol.ids import blake2b_256


def shop(name: str, at: int = 5) -> Blocked:
    return Blocked(key=blake2b_256(name.encode()), name=name, since_ms=at)


async def test_they_come_back_in_their_order_until_taken_back(storage: Storage):
    first, second = shop("vendor_bo"), shop("vendor_cy", at=6)
    for each in (first, second, shop("vendor_bo", at=9)):
        assert await storage.write(partial(blocked.add, shop=each))
    assert await storage.read(blocked.load_all) == [first, second]
    assert await storage.write(blocked.all_blocked) == [first, second]
    assert await storage.write(partial(blocked.remove, key=first.key))
    assert not await storage.write(partial(blocked.remove, key=first.key))
    assert await storage.read(blocked.load_all) == [second]


async def test_only_so_many_are_kept(storage: Storage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "blocked_max", 2)
    shops = [shop(name) for name in ("vendor_bo", "vendor_cy", "vendor_di")]
    found = [await storage.write(partial(blocked.add, shop=each)) for each in shops]
    assert found == [True, True, False]
    assert await storage.write(partial(blocked.add, shop=shops[0]))
