"""Deals between whole daemons: who is away when, what both keep, and what nobody else learns."""

from __future__ import annotations

from typing import Any

import pytest

from node.errors import RefusedError
from protocol.ids import to_text
from protocol.market.deal import DealState, Role
from protocol.market.thread import ThreadState
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.agreement import read_bundle
from protocol.objects.profile import Profile
from tests.integration.fair import DRAFT, Fair, House, accept, cast, eventually, offers

LONG_MS = 15 * MINUTE_MS + 3 * MINUTE_MS
"""Past `confirm_by` and the grace of an acceptance of a firm offer."""


async def a_quiet_fair(fair: Fair, **facts: Any) -> tuple[House, House]:
    """Two relays with mailboxes, a stall that only dials, and a visitor."""
    for number in range(2):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo", **facts)
    buyer = await fair.visitor("buyer_ana")
    return buyer, vendor


async def same_agreement(buyer: House, vendor: House) -> None:
    """Both have the same bytes, and the bytes hold."""
    bundles = []
    for house in (buyer, vendor):
        deal = (await house.handle.deals())["deals"][0]
        bundles.append((await house.handle.agreement(deal["handle"]))[1])
        assert deal["acknowledged"]
    assert bundles[0] == bundles[1]
    found = read_bundle(bundles[0])
    assert found.agreed is not None
    assert found.id is not None
    assert found.cast.body.title == DRAFT["title"]


async def test_a_cast_becomes_an_agreement_that_both_hold_alike(fair: Fair):
    buyer, vendor = await a_quiet_fair(fair)
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    assert best["valid"]
    assert best["musts_met"] == 2
    assert best["total_text"] == "279.00 USD"
    await accept(buyer, best)
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)
    await same_agreement(buyer, vendor)
    received = (await vendor.handle.deals())["deals"][0]["received"]
    assert received == DRAFT["disclose"]
    for house in (buyer, vendor):
        await house.until_acked()


async def test_a_vendor_that_is_away_finds_the_acceptance_when_it_is_back(fair: Fair):
    buyer, vendor = await a_quiet_fair(fair)
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    await vendor.until_acked()
    await vendor.close()
    await accept(buyer, best)
    await buyer.until_put("acceptance")
    assert await buyer.deal_state() is DealState.ACCEPT_SENT
    await vendor.open()
    await vendor.until_deal(DealState.AGREED)
    await buyer.until_deal(DealState.AGREED)
    await same_agreement(buyer, vendor)


async def test_a_vendor_that_stays_away_too_long_finds_a_void(fair: Fair):
    buyer, vendor = await a_quiet_fair(fair)
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    await vendor.until_acked()
    await vendor.close()
    await accept(buyer, best)
    await buyer.until_put("acceptance")
    # A restart, so that the boxes are read after the bound without waiting for a long-poll to end.
    await buyer.close()
    fair.advance(LONG_MS)
    await buyer.open()
    await buyer.until_deal(DealState.VOIDED)
    assert (await buyer.handle.cast(handle))["cast"]["state"] == "deciding"
    await vendor.open()
    await vendor.until_deal(DealState.VOIDED)
    await buyer.until_acked()
    await vendor.until_acked()
    assert await buyer.deal_state() is DealState.VOIDED
    assert await buyer.disclosed() == []
    assert (await vendor.handle.deals())["deals"][0]["received"] == {}


async def test_a_silent_deal_is_not_voided_before_its_boxes_were_read_again(fair: Fair):
    buyer, vendor = await a_quiet_fair(fair)
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    await vendor.until_acked()
    await vendor.close()
    await accept(buyer, best)
    await buyer.until_put("acceptance")
    await buyer.close()
    fair.advance(LONG_MS)
    for relay in fair.relays():
        await relay.close()
    buyer.relays = []
    await buyer.open()
    for _ in range(3):
        await buyer.up._clockwork.tick()
    assert await buyer.deal_state() is DealState.ACCEPT_SENT


async def test_a_buyer_that_is_away_finds_the_confirmation_when_it_is_back(fair: Fair):
    buyer, vendor = await a_quiet_fair(fair)
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    await vendor.until_acked()
    await vendor.close()
    await accept(buyer, best)
    await buyer.until_put("acceptance")
    await buyer.close()
    await vendor.open()
    await vendor.until_deal(DealState.CONFIRMED)
    await vendor.until_put("event")
    await buyer.open()
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)
    await same_agreement(buyer, vendor)


async def test_a_deal_is_made_by_two_that_are_never_there_together(fair: Fair):
    buyer, vendor = await a_quiet_fair(fair)
    await vendor.close()
    handle = await cast(buyer)
    await fair.relays()[0].until_casts([DRAFT["title"]])
    await buyer.close()

    await vendor.open()
    await vendor.until_put("offer")
    await vendor.close()

    await buyer.open()
    await accept(buyer, (await offers(buyer, handle))[0])
    await buyer.until_put("acceptance")
    await buyer.close()

    await vendor.open()
    await vendor.until_deal(DealState.CONFIRMED)
    await vendor.until_put("event")
    await vendor.close()

    await buyer.open()
    await buyer.until_deal(DealState.AGREED)
    await buyer.until_put("event")
    await buyer.close()

    await vendor.open()
    await vendor.until_deal(DealState.AGREED)
    await buyer.open()
    await same_agreement(buyer, vendor)
    await buyer.until_acked()
    await vendor.until_acked()


async def test_a_revoked_cast_is_gone_everywhere_and_its_threads_are_closed(fair: Fair):
    buyer, vendor = await a_quiet_fair(fair)
    other = await fair.stall("vendor_cy", price="250.00 USD")
    handle = await cast(buyer)
    await offers(buyer, handle, 2)
    assert (await buyer.handle.revoke(handle))["state"] == "revoked"
    for house in (vendor, other):
        await house.until_thread(Role.VENDOR, ThreadState.CLOSED)
    for house in fair.houses:
        await house.until_casts([])
    await buyer.until_acked()
    late = await fair.visitor("late_comer")
    await eventually(lambda: late.knows(Profile), "the late comer has caught up")
    assert await late.live_casts() == []
    assert (await buyer.handle.offers(handle))["cast"]["state"] == "revoked"


async def test_losers_hear_one_word_at_the_published_time_and_not_at_the_award(fair: Fair):
    buyer, winner = await a_quiet_fair(fair)
    loser = await fair.stall("vendor_cy", price="295.00 USD")
    handle = await cast(buyer)
    found = await offers(buyer, handle, 2)
    assert [each["total_text"] for each in found] == ["279.00 USD", "295.00 USD"]
    await accept(buyer, found[0])
    await winner.until_deal(DealState.AGREED)
    await buyer.until_acked()
    assert [row.state for row in await loser.threads(Role.VENDOR)] == [ThreadState.OFFERED]
    fair.advance(14 * DAY_MS)
    await buyer.up._clockwork.tick()
    closing = [row for row in await buyer.letters() if row.kind == "event"]
    assert [row.to_key for row in closing] == [loser.shop_key()]
    # All links look dead after two weeks: everybody comes back fresh.
    for house in fair.houses:
        await house.close()
    for house in fair.houses:
        await house.open()
    await loser.until_thread(Role.VENDOR, ThreadState.CLOSED)
    assert [row.state for row in await winner.threads(Role.VENDOR)] == [ThreadState.ACCEPTED]


async def test_an_offer_whose_deal_was_voided_may_be_accepted_again(fair: Fair):
    buyer, vendor = await a_quiet_fair(fair)
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    await vendor.until_acked()
    await vendor.close()
    await accept(buyer, best)
    await buyer.until_put("acceptance")
    await buyer.close()
    fair.advance(LONG_MS)
    await buyer.open()
    await buyer.until_deal(DealState.VOIDED)
    await accept(buyer, best)
    assert [deal.state for deal in await buyer.deals()] == [
        DealState.ACCEPT_SENT,
        DealState.VOIDED,
    ]
    await vendor.open()
    await vendor.until_deal(DealState.AGREED)
    await buyer.until_deal(DealState.AGREED)
    await same_agreement(buyer, vendor)


async def test_the_last_piece_is_promised_to_one_buyer_only(fair: Fair):
    for number in range(2):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo", stock=1)
    buyers = [await fair.visitor(name) for name in ("buyer_ana", "buyer_cai")]
    handles = [await cast(buyer) for buyer in buyers]
    found = [(await offers(b, handle))[0] for b, handle in zip(buyers, handles, strict=True)]
    await accept(buyers[0], found[0])
    await buyers[0].until_deal(DealState.AGREED)
    await accept(buyers[1], found[1])
    await buyers[1].until_deal(DealState.DECLINED)
    await vendor.until_acked()
    assert {deal.state for deal in await vendor.deals()} == {DealState.AGREED, DealState.DECLINED}
    assert await buyers[1].disclosed() == []
    assert (await buyers[1].handle.cast(handles[1]))["cast"]["state"] == "deciding"


async def test_an_offer_that_is_not_firm_waits_for_the_shopkeeper(fair: Fair):
    buyer, vendor = await a_quiet_fair(fair, firm=False)
    handle = await cast(buyer)
    await accept(buyer, (await offers(buyer, handle))[0])
    waiting = await vendor.until_deal(DealState.OFFERED)
    await buyer.until_acked()
    assert (await vendor.deals())[0].state is DealState.OFFERED
    deal = to_text("deal", waiting.deal_id)
    await vendor.handle.decide_deal(deal, confirm=True, reason="")
    await vendor.until_deal(DealState.AGREED)
    await buyer.until_deal(DealState.AGREED)
    await same_agreement(buyer, vendor)
    with pytest.raises(RefusedError, match="cannot be decided now"):
        await vendor.handle.decide_deal(deal, confirm=False, reason="")
