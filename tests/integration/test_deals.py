"""Deals between whole daemons: who is away when, what both keep, and what nobody else learns."""

from __future__ import annotations

from protocol.market.deal import DealState, Role
from protocol.market.thread import ThreadState
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.agreement import read_bundle
from protocol.objects.profile import Profile
from tests.integration.fair import DRAFT, Fair, House, accept, cast, eventually, offers

LONG_MS = 15 * MINUTE_MS + 3 * MINUTE_MS
"""Past `confirm_by` and the grace of an acceptance of a firm offer."""


async def a_quiet_fair(fair: Fair, *, relays: int = 2) -> tuple[House, House]:
    """Two relays with mailboxes, a stall that only dials, and a visitor."""
    for number in range(relays):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
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
