"""People over the real handle: who was heard, who is blocked, and what that means everywhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from node.api.documents.people import PeopleDocument
from node.clock import ManualClock
from node.errors import NotFoundError, RefusedError
from node.runtime.handle import Handle
from node.storage import bounds
from protocol.errors import LocalProtocolError
from protocol.ids import to_text
from protocol.now import DAY_MS
from tests.unit.node.market.booth import START_MS, Booth, Market
from tests.unit.node.runtime.faces import face_of


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    clock = ManualClock(wall_ms=START_MS)
    buyer = await Booth.open(tmp_path, "buyer_ana", clock)
    vendor = await Booth.open(tmp_path, "vendor_bo", clock)
    yield Market(buyer=buyer, vendor=vendor, clock=clock)
    await buyer.close()
    await vendor.close()


@pytest.fixture
def handle(market: Market, tmp_path: Path) -> Handle:
    return face_of(market.buyer, tmp_path)[0]


async def test_nobody_was_heard_yet(handle: Handle):
    assert await handle.people.document() == {
        "schema": "intentcast.people/1",
        "shops": [],
        "blocked": [],
    }


async def test_a_shop_is_told_with_what_was_agreed(market: Market, handle: Handle):
    await market.agreed()
    market.clock.advance(DAY_MS)
    await market.offered(title="Another camera")
    (shop,) = (await handle.people.document())["shops"]
    assert (shop["name"], shop["deals"], shop["requests"]) == ("vendor_bo's", 1, 2)
    assert (shop["first_contact"][:10], shop["last_heard"][:10]) == ("2026-11-22", "2026-11-23")
    assert shop["key"].startswith(shop["handle"])
    assert (shop["domain"], shop["domain_checked"], shop["blocked"]) == (None, False, False)
    whole = await handle.people.document()
    assert json.loads(msgspec.json.encode(msgspec.convert(whole, PeopleDocument))) == whole


async def test_a_blocked_shop_is_seen_no_more_and_bought_from_no_more(
    market: Market, handle: Handle
):
    row, offer_id = await market.offered()
    cast = to_text("cast", row.cast_id or b"")
    (shop,) = (await handle.people.document())["shops"]
    found = await handle.people.block(shop["handle"])
    assert [each["blocked"] for each in found["shops"]] == [True]
    (told,) = found["blocked"]
    assert msgspec.convert(found, PeopleDocument).blocked[0].key == told["key"]
    assert (told["name"], told["key"]) == ("vendor_bo's", shop["key"])
    assert told["since"] == "2026-11-22T01:00:00Z"
    assert (await handle.offers(cast))["offers"] == []
    assert (await handle.cast(cast))["cast"]["offers"] == 0
    with pytest.raises(RefusedError) as refused:
        await handle.accept(
            to_text("offer", offer_id), options=[], slot=None, disclose=None, anyway=False
        )
    assert refused.value.code == "E-BLOCKED"
    cursor = await handle.wait_changed(0, 0)
    await market.offered(title="Another camera")
    later = [event["what"] async for event in handle.events(cursor)]
    assert "offer" not in later
    assert "shop.blocked" in await market.buyer.history()


async def test_what_it_sent_meanwhile_is_there_when_it_is_unblocked(market: Market, handle: Handle):
    profile = await market.vendor.sell()
    key = to_text("key", profile.header.key)
    # Not heard yet: its whole key names it.
    (told,) = (await handle.people.block(key))["blocked"]
    assert told["name"] == "unknown"
    row, _ = await market.offered()
    cast = to_text("cast", row.cast_id or b"")
    assert (await handle.offers(cast))["offers"] == []
    found = await handle.people.unblock(told["handle"])
    assert found["blocked"] == []
    assert len((await handle.offers(cast))["offers"]) == 1
    assert (await market.buyer.history())[-1] == "shop.unblocked"


async def test_a_shop_nobody_knows_is_not_blocked_by_half_a_key(market: Market, handle: Handle):
    await market.offered()
    (shop,) = (await handle.people.document())["shops"]
    for act in (handle.people.block, handle.people.unblock):
        with pytest.raises(NotFoundError) as unknown:
            await act("key-0000-0000")
        assert unknown.value.code == "E-NOT-FOUND"
        with pytest.raises(LocalProtocolError) as wrong:
            await act("?")
        assert wrong.value.code == "E-ID"
    with pytest.raises(NotFoundError):
        await handle.people.unblock(shop["key"])


async def test_half_a_key_of_two_shops_says_so(market: Market, handle: Handle):
    keys = [bytes([7]) * 31 + bytes([last]) for last in (1, 2)]
    for key in keys:
        await handle.people.block(to_text("key", key))
    with pytest.raises(NotFoundError) as unclear:
        await handle.people.unblock(to_text("key", keys[0])[:14])
    assert unclear.value.code == "E-AMBIGUOUS"


async def test_only_so_many_are_blocked(handle: Handle, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "blocked_max", 1)
    await handle.people.block(to_text("key", bytes(32)))
    with pytest.raises(RefusedError) as full:
        await handle.people.block(to_text("key", bytes([1]) * 32))
    assert full.value.code == "E-BLOCKED-FULL"
