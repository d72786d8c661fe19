"""The market under lock: nobody is quoted, nothing ends by time, nothing is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.errors import KeystoreError
from node.market import seller as module
from node.market.drafts import read_request
from protocol.ids import blake2b_256
from protocol.market.cast import CastState
from protocol.market.deal import DealState
from protocol.now import DAY_MS
from tests.unit.node.market.booth import DRAFT, Booth, Market


def unlock(booth: Booth) -> None:
    booth.keyring.unlock(blake2b_256(booth.name.encode()))


async def turns(count: int = 40) -> None:
    for _ in range(count):
        await asyncio.sleep(0.001)


async def until(holds: Any) -> None:
    async with asyncio.timeout(5):
        while not (await found if asyncio.iscoroutine(found := holds()) else found):
            await asyncio.sleep(0.002)


async def draft(booth: Booth) -> bytes:
    return await booth.requests.draft(read_request(DRAFT, booth.desk.wall_ms()), DRAFT)


async def test_a_draft_waits_for_the_keys(buyer: Booth):
    nonce = await draft(buyer)
    buyer.keyring.lock()
    assert not await buyer.requests.publish(nonce)
    await buyer.clockwork.tick()
    assert (await buyer.own(nonce)).state is CastState.DRAFT
    assert buyer.network.published == []
    unlock(buyer)
    assert await buyer.requests.publish(nonce)


async def test_nothing_ends_by_time_until_the_keys_are_back(market: Market):
    row, _ = await market.offered()
    buyer = market.buyer
    buyer.keyring.lock()
    market.clock.advance(60 * DAY_MS)
    await buyer.clockwork.tick()
    assert (await buyer.own(row.nonce)).state is CastState.OPEN
    unlock(buyer)
    await buyer.clockwork.tick()
    assert (await buyer.own(row.nonce)).state is CastState.EXPIRED


async def test_nothing_is_accepted_under_lock(market: Market):
    row, offer_id = await market.offered()
    market.buyer.keyring.lock()
    with pytest.raises(KeystoreError) as refused:
        await market.buyer.accept(offer_id)
    assert refused.value.code == "E-KEYS-LOCKED"
    assert (await market.buyer.own(row.nonce)).state is CastState.OPEN
    assert await market.buyer.deals() == []
    assert market.buyer.post.queued == []


async def test_a_locked_shop_quotes_what_it_heard_after_the_unlock(market: Market):
    vendor = market.vendor
    profile = await vendor.sell()
    row = await market.buyer.cast()
    cast = await market.buyer.object(row.cast_id)
    vendor.seller._shop = None
    vendor.seller.open(vendor.shop, profile)
    vendor.keyring.lock()
    vendor.seller.hear(cast)
    await turns()
    assert (vendor.shop.asked, vendor.seller.skipped) == ([], {})
    unlock(vendor)
    await until(lambda: vendor.seller.quoted == 1)


async def test_a_lock_in_the_middle_of_a_quote_only_puts_it_off(
    market: Market, monkeypatch: pytest.MonkeyPatch
):
    vendor = market.vendor
    profile = await vendor.sell()
    row = await market.buyer.cast()
    cast = await market.buyer.object(row.cast_id)
    plain = vendor.shop.offer_for

    async def locks_first(*args: Any, **facts: Any) -> Any:
        if len(vendor.shop.asked) == 0:
            vendor.keyring.lock()
        return await plain(*args, **facts)

    monkeypatch.setattr(vendor.shop, "offer_for", locks_first)
    vendor.seller._shop = None
    vendor.seller.open(vendor.shop, profile)
    vendor.seller.hear(cast)
    await until(lambda: vendor.shop.asked)
    await turns()
    assert (vendor.seller.quoted, vendor.seller.skipped) == (0, {})
    unlock(vendor)
    await until(lambda: vendor.seller.quoted == 1)


async def test_a_shop_that_heard_too_much_knows_it(market: Market, monkeypatch):
    vendor = market.vendor
    await vendor.sell()
    monkeypatch.setattr(vendor.seller, "_waiting", asyncio.Queue(1))
    for _ in range(2):
        assert not vendor.seller.has_missed
        row = await market.buyer.cast()
        vendor.seller.hear(await market.buyer.object(row.cast_id))
    assert vendor.seller.has_missed


async def test_a_locked_shop_decides_after_the_unlock(market: Market, monkeypatch):
    monkeypatch.setattr(module, "_LOOK_AGAIN_S", 0.005)
    await market.accepted()
    vendor = market.vendor
    profile = vendor.seller.profile
    assert profile is not None
    vendor.keyring.lock()
    vendor.seller._shop = None
    vendor.seller.open(vendor.shop, profile)
    await turns()
    assert (await vendor.deal()).state is DealState.OFFERED
    unlock(vendor)

    async def confirmed() -> bool:
        return (await vendor.deal()).state is DealState.CONFIRMED

    await until(confirmed)
