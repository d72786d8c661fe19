"""A blocked shop: recorded and receipted like anybody, and neither heard nor bought from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.errors import RefusedError
from node.market.blocks import blocked_keys
from node.post.letters import Discard, Recorded
from node.storage import blocked
from node.storage.blocked import Blocked
from protocol.errors import Reason
from protocol.ids import to_text
from protocol.market.deal import DealState, Role
from tests.integration.counter import Home
from tests.parties import Party, make_offer, make_profile
from tests.unit.node.market.aftermath import Aftermath
from tests.unit.node.market.booth import START_MS, Market


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    found = await Home.open(tmp_path)
    yield found
    await found.close()


async def block(booth: Any, key: bytes) -> None:
    row = Blocked(key=key, name="a shop", since_ms=START_MS)
    assert await booth.storage.write(partial(blocked.add, shop=row))


async def test_its_offer_is_recorded_and_receipted_without_an_event(market: Market):
    profile = await market.vendor.sell()
    await block(market.buyer, profile.header.key)
    _, offer_id = await market.offered()
    assert (await market.buyer.object(offer_id)).id == offer_id
    assert "offer" not in await market.buyer.history()
    await market.vendor.withdrawal.revoke(to_text("offer", offer_id))
    (outcome,) = await market.vendor.carry(market.buyer)
    assert isinstance(outcome, Recorded)
    assert "offer.withdrawn" not in await market.buyer.history()


async def test_its_offer_cannot_be_accepted_until_that_is_taken_back(market: Market):
    _, offer_id = await market.offered()
    key = (await market.buyer.thread(Role.BUYER)).other_key
    await block(market.buyer, key)
    with pytest.raises(RefusedError) as refused:
        await market.buyer.accept(offer_id)
    assert refused.value.code == "E-BLOCKED"
    await market.buyer.write(partial(blocked.remove, key=key))
    assert (await market.buyer.accept(offer_id)).state is DealState.ACCEPT_SENT


async def test_a_deal_that_was_begun_goes_on(market: Market):
    _, deal = await market.accepted()
    await block(market.buyer, deal.other_key)
    await market.vendor.decide()
    await market.vendor.carry(market.buyer)
    assert (await market.buyer.deal()).state is DealState.AGREED
    assert any(line.startswith("deal.") for line in (await market.buyer.history())[-3:])


async def test_a_blocked_shop_stands_in_nobodys_place(home: Home):
    cast = await home.cast(max_offers=1)

    async def answer(name: str) -> Any:
        party = Party(name)
        profile = make_profile(by=party)
        await home.learn(profile)
        return await home.take(make_offer(cast, profile, by=party))

    await block(home, Party("blocked").key)
    assert isinstance(await answer("blocked"), Recorded)
    assert isinstance(await answer("first"), Recorded)
    assert await answer("second") == Discard(reason=Reason.QUOTA.value)


async def test_blocked_shops_are_kept_out_at_twice_the_places(home: Home):
    cast = await home.cast(max_offers=1)
    names = ["one", "two", "three"]
    found = []
    for name in names:
        party = Party(name)
        await block(home, party.key)
        profile = make_profile(by=party)
        await home.learn(profile)
        found.append(await home.take(make_offer(cast, profile, by=party)))
    assert [isinstance(each, Recorded) for each in found] == [True, True, False]


async def test_a_shop_stays_blocked_under_its_next_key(market: Market):
    shop = await Aftermath.of(market.vendor)
    old = shop.booth.desk.pen.profile_key()
    assert await market.buyer.write(partial(blocked_keys, market.buyer.desk)) == frozenset()
    await block(market.buyer, old)
    rotation = await shop.succession.rotate()
    await market.buyer.learn(rotation)
    found = await market.buyer.write(partial(blocked_keys, market.buyer.desk))
    assert found == {old, rotation.body.new}
