"""Finding what a person means, and putting together what they are shown."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.clock import ManualClock
from node.errors import NotFoundError
from node.market.drafts import read_request
from node.runtime.lookups import Lookups, one_of
from node.storage import restorations
from protocol.errors import LocalProtocolError
from protocol.ids import ObjectId, short_text, to_text
from protocol.market.ranking import RankInput, rank
from protocol.objects.offer import Line
from tests.unit.node.market.booth import DRAFT, ONE, START_MS, Booth, Market


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    clock = ManualClock(wall_ms=START_MS)
    buyer = await Booth.open(tmp_path, "buyer_ana", clock)
    vendor = await Booth.open(tmp_path, "vendor_bo", clock)
    yield Market(buyer=buyer, vendor=vendor, clock=clock)
    await buyer.close()
    await vendor.close()


@pytest.fixture
def lookups(market: Market) -> Lookups:
    return Lookups(market.buyer.desk)


@pytest.mark.parametrize(
    ("found", "code"), [([], "E-CAST-UNKNOWN"), (["one", "two"], "E-AMBIGUOUS")]
)
def test_a_name_that_means_nothing_or_two_things_is_refused(found: list[str], code: str):
    assert one_of(["one"], "cast", "x", "casts") == "one"
    with pytest.raises(NotFoundError) as refused:
        one_of(found, "cast", "x" * 99, "casts")
    assert refused.value.code == code
    assert refused.value.fix
    assert "x" * 61 not in str(refused.value)


async def test_things_are_found_by_a_part_of_their_id(market: Market, lookups: Lookups):
    row, deal = await market.accepted()
    assert (await lookups.cast_row(short_text("cast", row.cast_id or b""))).nonce == row.nonce
    assert await lookups.offer_id(short_text("offer", deal.offer_id)) == deal.offer_id
    assert (await lookups.deal_row(short_text("deal", deal.deal_id))).deal_id == deal.deal_id
    for look in (lookups.cast_row, lookups.offer_id, lookups.deal_row):
        with pytest.raises((NotFoundError, LocalProtocolError)):
            await look("zzzz-zzzz-zzzz")


async def test_the_id_of_something_else_is_no_offer(market: Market, lookups: Lookups):
    row, _ = await market.offered()
    name = to_text("offer", row.cast_id or b"")
    with pytest.raises(NotFoundError) as unknown:
        await lookups.offer_id(name)
    assert unknown.value.code == "E-OFFER-UNKNOWN"


async def test_a_name_like_that_of_another_vendor_is_marked(market: Market, lookups: Lookups):
    row, _ = await market.offered()
    (alone,) = await lookups.offers(row)
    assert "same_name" not in {mark["code"] for mark in alone["marks"]}
    cast, (thread,) = await lookups.load(row.cast_id), await lookups.threads_of(row)
    offer, profile = await lookups.load(thread.offer_id), await lookups.load(thread.profile_id)
    assert cast is not None
    assert offer is not None
    assert profile is not None
    assert alone["vendor"]["handle"] == short_text("key", thread.other_key)
    found = {}
    for name in (profile.body.name.upper(), "Another"):
        body = msgspec.structs.replace(profile.body, name=name)
        other = msgspec.structs.replace(offer, id=ObjectId(bytes(32)))
        about: dict[bytes, Any] = {
            offer.id: (thread, profile),
            other.id: (
                dataclasses.replace(thread, other_key=bytes(32)),
                msgspec.structs.replace(profile, body=body),
            ),
        }
        inputs = [
            RankInput(offer=each, verdict=lookups.verdict(cast, each, profile))
            for each in (offer, other)
        ]
        rows = lookups._offer_rows(cast.body, rank(inputs), inputs, about, Counter())
        found[name] = ["same_name" in {m["code"] for m in each["marks"]} for each in rows]
    assert list(found.values()) == [[True, True], [False, False]]


async def test_what_is_not_kept_is_none(market: Market, lookups: Lookups):
    assert await lookups.load(None) is None
    assert await lookups.load(b"0" * 32) is None
    assert await lookups.all_deals() == []


async def test_a_draft_goes_by_its_nonce(market: Market, lookups: Lookups):
    request = read_request(DRAFT, market.buyer.desk.wall_ms())
    nonce = await market.buyer.requests.draft(request, DRAFT)
    assert (await lookups.cast_row(nonce.hex())).nonce == nonce
    with pytest.raises(NotFoundError):
        await lookups.cast_row(bytes(16).hex())


async def test_a_draft_has_no_thread_and_shows_its_own_words(market: Market, lookups: Lookups):
    request = read_request(DRAFT, START_MS)
    nonce = await market.buyer.requests.draft(request, DRAFT)
    row = await market.buyer.own(nonce)
    assert await lookups.threads_of(row) == []
    assert await lookups.offers(row) == []
    shown = await lookups.cast_view(row, (0, 0))
    assert (shown["title"], shown["state"], shown["offers"]) == ("Camera with RAW", "draft", 0)


async def test_cheaper_comes_first_and_the_local_budget_is_held_against_all(
    market: Market, lookups: Lookups, tmp_path: Path
):
    row, _ = await market.offered(budget="240 USD")
    other = await Booth.open(tmp_path, "vendor_cy", market.clock)
    line = Line(name="Camera", kind="item", qty=ONE, unit=20_000, total=20_000)
    other.shop.changes = {"lines": [line], "total": 20_000}
    await market.buyer.learn(await other.sell())
    await other.answer(await market.buyer.object(row.cast_id))
    await other.carry(market.buyer)
    shown = await lookups.offers(row)
    assert [(each["total"], each["position"]) for each in shown] == [(20_000, 1), (25_000, 2)]
    assert [each["over_budget"] for each in shown] == [False, True]
    assert [each["vendor"]["name"] for each in shown] == ["vendor_cy's", "vendor_bo's"]
    assert all(each["explain"] for each in shown)
    await other.close()


async def test_deals_made_before_are_counted(market: Market, lookups: Lookups):
    await market.agreed()
    row, _ = await market.offered()
    (shown,) = await lookups.offers(row)
    assert shown["vendor"]["trust"] == "1 deal with you"


async def test_an_offer_whose_bytes_are_gone_is_left_out(market: Market, lookups: Lookups):
    row, offer_id = await market.offered()
    await market.buyer.write(
        lambda conn: conn.execute("DELETE FROM objects WHERE id = ?", (offer_id,))
    )
    assert await lookups.offers(row) == []


async def test_a_deal_is_shown_even_when_its_parts_are_gone(market: Market, lookups: Lookups):
    _, deal = await market.accepted()
    await market.buyer.write(
        lambda conn: conn.execute("DELETE FROM objects WHERE id = ?", (deal.offer_id,))
    )
    shown = await lookups.deal_view(await lookups.deal_row(to_text("deal", deal.deal_id)))
    assert (shown["total"], shown["lines"], shown["cast_title"]) == (25_000, [], None)
    assert shown["counterparty"].startswith("key-")
    assert shown["agreement_id"] is None


async def test_a_request_is_shown_as_held_while_it_may_still_promise(
    market: Market, lookups: Lookups
):
    row, _ = await market.offered()
    buyer = market.buyer
    assert not (await lookups.cast_view(row, (0, 0)))["held"]
    await buyer.write(lambda conn: restorations.hold(conn, row.nonce, 0))
    assert (await lookups.cast_view(row, (0, 0)))["held"]
    await buyer.withdrawal.revoke(to_text("cast", row.cast_id or b""))
    assert not (await lookups.cast_view(await buyer.own(row.nonce), (0, 0)))["held"]
