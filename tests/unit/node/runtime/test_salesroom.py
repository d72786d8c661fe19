"""What the keeper of a shop looks at: pages of articles, offers with their state, the inbox."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import RefusedError
from node.market.shop import Skipped
from node.runtime import salesroom as module
from node.runtime.salesroom import Salesroom
from node.storage import catalogue
from node.storage.catalogue import Item
from protocol.ids import short_text
from protocol.now import DAY_MS
from tests.contract import watched
from tests.unit.node.market.booth import START_MS, Booth, Market


class Shelves:
    """A shop whose odd articles cannot be quoted."""

    def __init__(self) -> None:
        self.is_open = True

    def check_open(self) -> None:
        if not self.is_open:
            raise RefusedError("this home has no shop", code="E-NO-SHOP", fix="x")

    async def hindrances(self, articles: Sequence[Item]) -> list[Skipped | None]:
        no = Skipped(reason="floor", words="too cheap")
        return [no if each.sku.endswith("1") else None for each in articles]


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    clock = ManualClock(wall_ms=START_MS)
    buyer = await Booth.open(tmp_path, "buyer_ana", clock)
    vendor = await Booth.open(tmp_path, "vendor_bo", clock)
    yield Market(buyer=buyer, vendor=vendor, clock=clock)
    await buyer.close()
    await vendor.close()


@pytest.fixture
def room(market: Market) -> Iterator[Salesroom]:
    """The room; every document it gives is held to its record."""
    with watched() as misfits:
        yield Salesroom(market.vendor.desk, market.vendor.seller, Shelves())
    assert not misfits


def tent(sku: str) -> Item:
    return Item(
        sku=sku, source="feed", title=f"Tent {sku}", category="sport", cur="EUR", price_minor=1_999
    )


async def test_a_home_without_a_shop(market: Market):
    shelves = Shelves()
    shelves.is_open = False
    room = Salesroom(market.vendor.desk, market.vendor.seller, shelves)
    for ask in (room.catalogue("", 0), room.offers(0), room.inbox()):
        with pytest.raises(RefusedError) as refused:
            await ask
        assert refused.value.code == "E-NO-SHOP"


async def test_articles_page_by_page(
    market: Market, room: Salesroom, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "PAGE_ROWS", 2)
    shelf = [tent(f"T{number}") for number in range(3)]
    await market.vendor.write(lambda conn: catalogue.put(conn, shelf, START_MS))
    found = await room.catalogue("", 0)
    assert found["schema"] == "intentcast.vendor-catalogue/1"
    assert [each["sku"] for each in found["articles"]] == ["T0", "T1"]
    assert found["articles"][0]["price_text"] == "19.99 EUR"
    assert [each["hindrance"] for each in found["articles"]] == [
        None,
        {"reason": "floor", "words": "too cheap"},
    ]
    rest = await room.catalogue("tent", found["next"])
    assert ([each["sku"] for each in rest["articles"]], rest["next"]) == (["T2"], None)
    assert (await room.catalogue("sleeping bag", 0))["articles"] == []


async def state(room: Salesroom) -> list[str]:
    return [each["state"] for each in (await room.offers(0))["offers"]]


async def test_an_offer_through_its_states(market: Market, room: Salesroom):
    assert (await room.offers(0))["offers"] == []
    row, offer_id = await market.offered()
    [sent] = (await room.offers(0))["offers"]
    assert sent["handle"] == short_text("offer", offer_id)
    assert (sent["title"], sent["total_text"]) == ("Camera with RAW", "250.00 USD")
    assert (sent["state"], sent["deal"]) == ("offered", None)
    deal = await market.buyer.accept(offer_id)
    await market.buyer.carry(market.vendor)
    assert await state(room) == ["waiting"]
    [sent] = (await room.offers(0))["offers"]
    assert sent["deal"] == short_text("deal", deal.deal_id)
    await market.vendor.decide()
    assert await state(room) == ["confirmed"]
    json.dumps(await room.offers(0))
    assert row.cast_id is not None


async def test_an_offer_whose_time_is_over(market: Market, room: Salesroom):
    await market.offered()
    market.clock.advance(3 * DAY_MS)
    assert await state(room) == ["expired"]


async def test_an_offer_in_whose_place_a_later_one_stands(market: Market, room: Salesroom):
    from node.storage import threads
    from protocol.ids import blake2b_256
    from protocol.market.deal import Role

    await market.offered()
    thread = await market.vendor.thread(Role.VENDOR)
    other = replace(thread, offer_id=blake2b_256(b"a later offer"))
    await market.vendor.write(lambda conn: threads.save(conn, other))
    assert await state(room) == ["replaced"]


async def test_what_is_no_longer_kept_is_said_as_such(market: Market, room: Salesroom):
    row, offer_id = await market.offered()
    gone = [offer_id, row.cast_id or b""]
    drop = "DELETE FROM objects WHERE id IN (?, ?)"
    await market.vendor.write(lambda conn: conn.execute(drop, gone).rowcount)
    [sent] = (await room.offers(0))["offers"]
    assert (sent["title"], sent["total_text"], sent["valid_until"]) == (None, None, None)
    [heard] = (await room.inbox())["requests"]
    assert (heard["title"], heard["category"], heard["state"]) == (None, None, "offered")


async def test_offers_page_by_page(
    market: Market, room: Salesroom, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "PAGE_ROWS", 1)
    for number in range(3):
        await market.offered(title=f"Camera {number}")
    seen, place = [], 0
    while place is not None:
        page = await room.offers(place)
        seen += [each["title"] for each in page["offers"]]
        place = page["next"]
    assert seen == ["Camera 2", "Camera 1", "Camera 0"]


async def test_the_inbox(market: Market, room: Salesroom):
    await market.accepted()
    market.clock.advance(60_000)
    market.vendor.shop.skip = Skipped(reason="musts", words="raw: no")
    row = await market.buyer.cast(title="Another camera")
    cast = await market.buyer.object(row.cast_id)
    await market.vendor.learn(cast)
    await market.vendor.answer(cast)
    market.clock.advance(60_000)
    market.vendor.seller._skip(bytes(32), Skipped(reason="E-INTERNAL", words="a rule failed"))
    found = await room.inbox()
    json.dumps(found)
    [deal] = found["waiting"]
    assert (deal["state"], deal["role"]) == ("offered", "vendor")
    told = [(each["state"], each["title"], each["reason"]) for each in found["requests"]]
    assert told == [
        ("failed", None, "E-INTERNAL"),
        ("skipped", "Another camera", "musts"),
        ("offered", "Camera with RAW", None),
    ]
    assert found["requests"][2]["offer"].startswith("offer-")
    await market.vendor.decide()
    assert (await room.inbox())["waiting"] == []
