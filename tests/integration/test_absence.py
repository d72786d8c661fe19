"""Absence: parties that are never there together, mailboxes gone for good, clocks that jump."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from node.errors import RefusedError
from node.keystore import PROFILE_CONTEXT
from node.market.desk import newest_box, read_reply
from node.storage.boxes_own import OwnBox
from node.storage.outbox import OutgoingState
from protocol import limits
from protocol.market.deal import DealState, Role
from protocol.market.thread import ThreadState
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS
from protocol.objects.agreement import read_bundle
from tests.integration.fair import Fair, House, accept, cast, eventually, offers
from tests.integration.shifts import Town, work_in_turns

LONG = os.environ.get("INTENTCAST_LONG") == "1"
"""Whether the run of record is wanted, which takes many minutes."""
QUICKLY: Any = {"mailbox_lost_ms": 400}
"""A mailbox is called lost after so little: an hour is the default."""


async def box_of(house: House, ctx: bytes) -> OwnBox:
    found = await house.up.desk.storage.write(lambda conn: newest_box(conn, ctx))
    assert found is not None
    return found


async def cast_box(house: House) -> OwnBox:
    return await box_of(house, (await house.up.handle._lookups.all_casts())[0].nonce)


async def die(fair: Fair, house: House, box: OwnBox, count: int = 1) -> set[bytes]:
    """End so many of a box's mailboxes for good; gives their keys."""
    gone: set[bytes] = set()
    for relay in fair.relays():
        if relay.daemon is None or len(gone) == count:
            continue
        if (key := relay.up.network.node_id) in box.mailboxes:
            gone.add(bytes(key))
            await relay.close()
            for other in fair.houses:
                other.relays = [each for each in other.relays if each is not relay]
    assert len(gone) == count, house.name
    return gone


async def same_agreement(buyer: House, vendor: House) -> Any:
    bundles = []
    for house in (buyer, vendor):
        deal = (await house.handle.deals())["deals"][0]
        bundles.append((await house.handle.agreement(deal["handle"]))[1])
    assert bundles[0] == bundles[1]
    return read_bundle(bundles[0])


async def until_moved(house: House, ctx: bytes, gone: set[bytes], count: int) -> OwnBox:
    async def there() -> OwnBox | None:
        box = await box_of(house, ctx)
        return box if len(box.mailboxes) == count and gone.isdisjoint(box.mailboxes) else None

    found: OwnBox = await eventually(there, f"the box of {house.name} has moved", 12)
    assert gone <= set(found.former)
    return found


async def until_told(house: House, role: Role, at: tuple[bytes, ...]) -> None:
    async def there() -> bool:
        found = [read_reply(each.other_reply).at for each in await house.threads(role)]
        return bool(found) and all(tuple(each) == at for each in found)

    await eventually(there, f"{house.name} knows the new way back")


# --- mailboxes that are gone for good --------------------------------------------------------


async def test_a_buyer_whose_mailbox_dies_moves_and_the_deal_goes_on(fair: Fair):
    for number in range(4):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana", **QUICKLY)
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    box = await cast_box(buyer)
    gone = await die(fair, buyer, box)
    moved = await until_moved(buyer, box.ctx, gone, 3)
    await until_told(vendor, Role.VENDOR, moved.mailboxes)
    # Two of the three it names still live: nobody need hear of the request again.
    assert len(await vendor.live_casts()) == 1
    await accept(buyer, best)
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)
    await same_agreement(buyer, vendor)
    await buyer.until_acked()
    await vendor.until_acked()


async def test_a_buyer_moves_while_the_vendor_is_away_and_restarts_on_the_way(fair: Fair):
    for number in range(4):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana", **QUICKLY)
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    await vendor.until_acked()
    await vendor.close()
    box = await cast_box(buyer)
    gone = await die(fair, buyer, box)
    await until_moved(buyer, box.ctx, gone, 3)
    await accept(buyer, best)
    await buyer.until_put("acceptance")
    await buyer.close()
    await vendor.open()
    await vendor.until_deal(DealState.CONFIRMED)
    await vendor.until_put("event")
    await vendor.close()
    await buyer.open()
    await buyer.until_deal(DealState.AGREED)
    await vendor.open()
    await vendor.until_deal(DealState.AGREED)
    await same_agreement(buyer, vendor)


async def test_a_request_with_too_few_mailboxes_left_is_published_again(fair: Fair):
    for number in range(5):
        await fair.relay(f"relay_{number}")
    early = await fair.stall("vendor_bo", price="250.00 USD")
    buyer = await fair.visitor("buyer_ana", **QUICKLY)
    handle = await cast(buyer)
    await offers(buyer, handle)
    box = await cast_box(buyer)
    gone = await die(fair, buyer, box, 2)
    await until_moved(buyer, box.ctx, gone, 3)
    await early.until_casts_count(2)
    late = await fair.stall("vendor_cy", price="260.00 USD")
    found = await offers(buyer, handle, 2)
    assert [each["total_text"] for each in found] == ["250.00 USD", "260.00 USD"]
    assert all(each["valid"] for each in found)
    # Whoever had answered does not answer again: nothing new is asked.
    assert early.up.seller.quoted == 1
    row = (await buyer.up.handle._lookups.all_casts())[0]
    assert row.cast_id != row.root_id
    newest = await buyer.object(row.cast_id or b"")
    assert (newest.body.supersedes, newest.header.thread) == (row.root_id, row.root_id)
    # The offer to the first form is as good as one to the second.
    await accept(buyer, found[0])
    await buyer.until_deal(DealState.AGREED)
    await early.until_deal(DealState.AGREED)
    assert (await same_agreement(buyer, early)).cast.id == row.root_id
    assert (await late.threads(Role.VENDOR))[0].state is ThreadState.OFFERED


async def test_an_offer_to_the_newest_form_becomes_an_agreement_about_it(fair: Fair):
    for number in range(5):
        await fair.relay(f"relay_{number}")
    buyer = await fair.visitor("buyer_ana", **QUICKLY)
    handle = await cast(buyer)
    box = await cast_box(buyer)
    gone = await die(fair, buyer, box, 2)
    await until_moved(buyer, box.ctx, gone, 3)
    await buyer.until_casts_count(2)
    vendor = await fair.stall("vendor_bo")
    await accept(buyer, (await offers(buyer, handle))[0])
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)
    await same_agreement(buyer, vendor)
    assert len(await vendor.threads(Role.VENDOR)) == 1


async def test_every_form_of_a_request_is_taken_back(fair: Fair):
    for number in range(5):
        await fair.relay(f"relay_{number}")
    buyer = await fair.visitor("buyer_ana", **QUICKLY)
    handle = await cast(buyer)
    box = await cast_box(buyer)
    await until_moved(buyer, box.ctx, await die(fair, buyer, box, 2), 3)
    watcher = next(relay for relay in fair.relays() if relay.daemon is not None)
    await watcher.until_casts_count(2)
    await buyer.handle.revoke(handle)
    await watcher.until_casts_count(0)


async def test_a_vendor_whose_mailbox_dies_moves_its_profile_and_tells_its_threads(fair: Fair):
    for number in range(4):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo", **QUICKLY)
    buyer = await fair.visitor("buyer_ana")
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    before = vendor.up.seller.profile
    box = await box_of(vendor, PROFILE_CONTEXT)
    moved = await until_moved(vendor, PROFILE_CONTEXT, await die(fair, vendor, box), 3)
    await until_told(buyer, Role.BUYER, moved.mailboxes)
    profile = vendor.up.seller.profile
    assert before is not None
    assert profile is not None
    assert profile.id != before.id
    assert tuple(profile.body.reply.at) == moved.mailboxes
    # A restart draws nothing anew.
    await vendor.close()
    await vendor.open()
    await eventually(lambda: vendor.up.seller.profile, "the shop is open again")
    again = vendor.up.seller.profile
    assert again is not None
    assert again.id == profile.id
    await accept(buyer, best)
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)
    await same_agreement(buyer, vendor)


async def test_a_deal_whose_mailboxes_are_all_gone_is_voided_on_both_sides(fair: Fair):
    keeper = await fair.relay("keeper")
    passers = [await fair.relay(f"relay_{n}", mailbox=False) for n in range(2)]
    vendor = await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana", **QUICKLY)
    for house in (buyer, vendor):
        await house.close()
        house.relays = [keeper, *passers]
        await house.open()
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    await vendor.until_acked()
    await buyer.until_acked()
    await vendor.close()
    await keeper.close()
    await accept(buyer, best)
    await eventually(lambda: buyer.up.post.lost(buyer.up.post.boxes[0].reader), "it is lost")
    fair.advance(limits.confirm_within_firm_ms + limits.void_grace_ms + MINUTE_MS)
    await buyer.up._clockwork.tick()
    # Who writes there may still be heard of: a day is waited, and no longer.
    assert await buyer.deal_state() is DealState.ACCEPT_SENT
    await buyer.close()
    fair.advance(limits.void_lost_ms)
    buyer.relays = passers
    await buyer.open()
    await buyer.until_deal(DealState.VOIDED)
    assert (await buyer.handle.cast(handle))["cast"]["state"] == "deciding"
    for house in fair.houses:
        house.relays = [each for each in house.relays if each.daemon is not None]
    await vendor.open()
    assert await vendor.deal_state() is None


# --- nobody there, and then everybody --------------------------------------------------------


async def test_without_peers_letters_are_kept_and_said_and_go_at_once_when_one_comes(fair: Fair):
    for number in range(2):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
    slow = {"retry_base_ms": 60_000, "retry_max_ms": 60_000}
    buyer = await fair.visitor("buyer_ana", **slow)
    best = (await offers(buyer, await cast(buyer)))[0]
    await buyer.until_acked()
    for relay in fair.relays():
        await relay.close()
    await eventually(lambda: not buyer.up.network.peers(), "the buyer is alone")
    await accept(buyer, best)

    async def tried() -> bool:
        return (await buyer.letters())[0].tries > 0

    await eventually(tried, "the acceptance was tried")
    await buyer.close()
    await buyer.open()
    status = await buyer.handle.status()
    assert status["outbox"]["pending"] == 1
    assert status["outbox"]["next_at"] is not None
    offline = [each for each in status["notices"] if each.startswith("Offline: no peers.")]
    assert offline
    assert "1 letter waits; next try at 20" in offline[0]
    for relay in fair.relays():
        await relay.open()
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)


# --- clocks ----------------------------------------------------------------------------------

JUMPS_MS = (1_000, 3 * MINUTE_MS, 8 * HOUR_MS, DAY_MS, 3_650 * DAY_MS)


@pytest.mark.parametrize("by_ms", [sign * ms for ms in JUMPS_MS for sign in (1, -1)])
async def test_a_clock_that_jumps_and_comes_back_ends_nothing(fair: Fair, by_ms: int):
    for number in range(3):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana")
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    await vendor.until_acked()
    await vendor.close()
    await accept(buyer, best)
    await buyer.until_put("acceptance")
    buyer.clock.jump_wall(by_ms)
    buyer.up.post.nudge()
    for _ in range(3):
        await buyer.up._clockwork.tick()
    assert await buyer.deal_state() is DealState.ACCEPT_SENT
    assert not await buyer.letters(OutgoingState.EXPIRED)
    if abs(by_ms) > 2 * MINUTE_MS:
        await linked_to(buyer, 3)
        with pytest.raises(RefusedError) as caught:
            await cast(buyer)
        assert caught.value.code == "E-CLOCK"
    buyer.clock.jump_wall(-by_ms)
    buyer.up.post.nudge()
    await vendor.open()
    await vendor.until_deal(DealState.AGREED)
    await buyer.until_deal(DealState.AGREED)
    await same_agreement(buyer, vendor)
    await buyer.until_acked()
    await vendor.until_acked()
    assert not await buyer.letters(OutgoingState.EXPIRED)


async def linked_to(house: House, count: int) -> None:
    await eventually(lambda: len(house.up.network.peers()) >= count, f"{house.name} is linked")


async def test_a_backward_jump_that_no_majority_sees_ends_nothing_either(fair: Fair):
    for number in range(2):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana")
    best = (await offers(buyer, await cast(buyer)))[0]
    await vendor.until_acked()
    await vendor.close()
    await accept(buyer, best)
    await buyer.until_put("acceptance")
    buyer.clock.jump_wall(-3_650 * DAY_MS)
    buyer.up.post.nudge()
    for _ in range(3):
        await buyer.up._clockwork.tick()
    buyer.clock.jump_wall(3_650 * DAY_MS)
    buyer.up.post.nudge()
    assert await buyer.deal_state() is DealState.ACCEPT_SENT
    await vendor.open()
    await vendor.until_deal(DealState.AGREED)
    await buyer.until_deal(DealState.AGREED)
    assert not await buyer.letters(OutgoingState.EXPIRED)


async def test_after_a_long_sleep_links_and_boxes_are_taken_up_again(fair: Fair):
    for number in range(3):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana")
    handle = await cast(buyer)
    await offers(buyer, handle)
    await vendor.until_acked()
    # The machine sleeps: everybody's wall clock goes on, this one's monotonic clock stands still.
    for house in fair.houses:
        (house.clock.jump_wall if house is buyer else house.clock.advance)(8 * HOUR_MS)
    before = {peer.key for peer in buyer.up.network.peers()}
    buyer.up.post.nudge()
    await eventually(lambda: buyer.up.desk.pen.timekeeper.holds, "peers were greeted anew")
    await linked_to(buyer, 3)
    assert {peer.key for peer in buyer.up.network.peers()} == before
    woke = buyer.clock.now().wall_ms - MINUTE_MS
    reads = buyer.up.post.read_since
    await eventually(lambda: reads and min(reads.values()) > woke, "every box was read again")
    await accept(buyer, (await offers(buyer, handle))[0])
    await buyer.until_deal(DealState.AGREED)


# --- never there together --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(3_600 if LONG else 240)
async def test_two_that_work_in_shifts_reach_the_same_end(tmp_path: Path):
    deals = 50 if LONG else 2
    town = Town(tmp_path, seed="shifts 7")
    await town.open()
    try:
        figures = await work_in_turns(
            town, deals, shift_s=5 if LONG else 3, kill_at=deals // 2, shifts_max=deals * 4
        )
        print(figures.line())
        assert town.states(town.buyer) == town.states(town.vendor) == {"agreed": deals}
        assert set(town.letters(town.buyer)) == set(town.letters(town.vendor)) == {"acked"}
        found = await town.agreements()
        assert len(found["buyer_ana"]) == deals
        assert found["buyer_ana"] == found["vendor_bo"]
        assert None not in found["buyer_ana"].values()
    finally:
        await town.close()
