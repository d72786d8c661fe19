"""After a restore, with two live copies, and under another key: whole daemons over real sockets."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.backup.restore import Order, restore_home
from node.entropy import SystemEntropy
from node.errors import RefusedError
from node.runtime import views
from node.storage import outbox
from node.storage.outbox import NOTE, OutgoingState
from node.words import root_from_words
from protocol import limits
from protocol.market.copies import Twinship
from protocol.market.deal import DealState, Role
from protocol.now import MINUTE_MS
from protocol.objects.profile import Profile
from protocol.objects.succession import Rotation
from tests.integration.fair import NET, Fair, House, accept, cast, eventually, offers

LATER_MS = limits.skew_ms_max + MINUTE_MS


async def a_fair_with_a_buyer(fair: Fair) -> tuple[House, House]:
    """Two relays with mailboxes, a stall, and a visitor."""
    for number in range(2):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
    return await fair.visitor("buyer_ana"), vendor


async def words_of(house: House) -> str:
    """What the owner wrote on paper."""
    return " ".join(await asyncio.to_thread(house.up.desk.keyring.words))


async def backup_of(house: House, fair: Fair) -> Path:
    file = fair.folder / f"{house.name}.icb"
    await house.handle.custody.backup(str(file))
    return file


async def restored(fair: Fair, words: str, name: str, file: Path | None = None) -> House:
    """Make an identity anew in an empty home, as `intentcast restore` does, and open it."""
    house = House(name, fair.folder / name, fair.relays())
    ahead = fair.houses[0].clock.now().wall_ms - house.clock.now().wall_ms
    house.clock.advance(round(ahead, -1))
    root = await asyncio.to_thread(root_from_words, words)
    order = Order(home=house.home, root=root, file=file, net=NET)
    await restore_home(order, clock=house.clock, entropy=SystemEntropy())
    fair.houses.append(house)
    await house.open()
    return house


async def own_casts(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await house.handle.casts())["casts"]
    return found


async def until_found(house: House, handle: str) -> None:
    async def there() -> bool:
        return handle in {each["handle"] for each in await own_casts(house)}

    await eventually(there, f"{house.name} finds its request {handle}")


async def until_word(house: House, word: Twinship) -> None:
    await eventually(
        lambda: house.up.recovery.copies.word is word, f"{house.name} stands as {word}"
    )


async def refusal(call: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        await call
    return caught.value.code


# --- what follows a restore ----------------------------------------------------------------------


async def test_words_on_an_empty_home_find_the_request_and_its_offers(fair: Fair):
    buyer, vendor = await a_fair_with_a_buyer(fair)
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    await vendor.until_acked()
    words = await words_of(buyer)
    await buyer.close()
    again = await restored(fair, words, "buyer_ana_again")
    await until_found(again, handle)
    assert (await own_casts(again))[0]["title"] == "Camera with 12 megapixels that saves RAW"
    assert any("intentcast reopen" in line for line in (await again.handle.status())["notices"])
    # The shop is asked, tells of its offer, and still nothing is promised without the owner's yes.
    found = await again.handle.recovery.reopen(None, sure=False, wait_s=8)
    (one,) = found["identities"]
    assert (one["kind"], one["handle"], one["open"]) == ("cast", handle, False)
    assert one["answered"] == ["vendor_bo"]
    assert one["unknown"]
    offer = (await offers(again, handle))[0]
    assert offer["handle"] == best["handle"]
    assert await refusal(accept(again, offer)) == "E-REOPEN"
    found = await again.handle.recovery.reopen(handle, sure=True, wait_s=1)
    assert found["open"]
    assert not any("reopen" in line for line in (await again.handle.status())["notices"])
    await accept(again, offer)
    await again.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)


async def test_a_restored_request_may_be_revoked_at_once(fair: Fair):
    buyer, vendor = await a_fair_with_a_buyer(fair)
    handle = await cast(buyer)
    await offers(buyer, handle)
    words = await words_of(buyer)
    await buyer.close()
    again = await restored(fair, words, "buyer_ana_again")
    await until_found(again, handle)
    await again.handle.revoke(handle)
    await vendor.until_casts([])


async def test_an_older_backup_learns_of_the_deal_that_was_made_since(fair: Fair):
    buyer, vendor = await a_fair_with_a_buyer(fair)
    other = await fair.stall("vendor_cy", price="289.00 USD")
    handle = await cast(buyer)
    first, second = await offers(buyer, handle, 2)
    await vendor.until_acked()
    await other.until_acked()
    file = await backup_of(buyer, fair)
    await accept(buyer, first)
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)
    await buyer.until_acked()
    words = await words_of(buyer)
    await buyer.close()
    again = await restored(fair, words, "buyer_ana_again", file)
    # As of the backup nothing was accepted: a second yes must not leave this home.
    assert await refusal(accept(again, second)) == "E-REOPEN"
    found = await again.handle.recovery.reopen(None, sure=False, wait_s=10)
    (one,) = found["identities"]
    assert one["open"]
    assert one["silent"] == []
    assert {"vendor_bo", "vendor_cy"} <= set(one["answered"])
    assert [deal["state"] for deal in one["deals"]] == ["agreed"]
    assert (await again.handle.cast(handle))["cast"]["state"] == "awarded"
    assert await refusal(accept(again, second)) == "E-AWARDED"
    bundles = []
    for house in (again, vendor):
        deal = (await house.handle.deals())["deals"][0]
        bundles.append((await house.handle.agreement(deal["handle"]))[1])
    assert bundles[0] == bundles[1]
    assert not await other.deals()


async def test_a_silent_vendor_needs_the_owners_yes(fair: Fair):
    buyer, vendor = await a_fair_with_a_buyer(fair)
    handle = await cast(buyer)
    offer = (await offers(buyer, handle))[0]
    await vendor.until_acked()
    file = await backup_of(buyer, fair)
    words = await words_of(buyer)
    await buyer.close()
    await vendor.close()
    again = await restored(fair, words, "buyer_ana_again", file)
    found = await again.handle.recovery.reopen(handle, sure=False, wait_s=1)
    (one,) = found["identities"]
    assert (one["open"], one["silent"]) == (False, ["vendor_bo"])
    assert await refusal(accept(again, offer)) == "E-REOPEN"
    assert (await again.handle.recovery.reopen(handle, sure=True, wait_s=0))["open"]
    await accept(again, offer)
    assert await again.deal_state() is DealState.ACCEPT_SENT


async def test_a_restored_shop_promises_nothing_until_it_is_reopened(fair: Fair):
    buyer, vendor = await a_fair_with_a_buyer(fair)
    file = await backup_of(vendor, fair)
    words, key = await words_of(vendor), vendor.shop_key()
    await vendor.close()
    again = await restored(fair, words, "vendor_bo_again", file)
    await eventually(lambda: again.up.seller.profile, "the shop is open")
    assert again.shop_key() == key
    handle = await cast(buyer)
    await eventually(lambda: again.up.seller.skipped, "the shop says why it does not answer")
    assert {each.reason for each in again.up.seller.skipped.values()} == {"E-REOPEN"}
    found = await again.handle.recovery.reopen("vendor", sure=False, wait_s=1)
    assert found["open"]
    await offers(buyer, handle)


# --- two live copies -----------------------------------------------------------------------------


async def test_of_two_live_copies_the_older_signs_nothing_until_it_is_chosen(fair: Fair):
    buyer, _ = await a_fair_with_a_buyer(fair)
    handle = await cast(buyer)
    fair.advance(LATER_MS)
    newer = await restored(fair, await words_of(buyer), "buyer_ana_again")
    await until_found(newer, handle)
    await until_word(buyer, Twinship.OLDER)
    await until_word(newer, Twinship.NEWEST)
    assert await refusal(cast(buyer)) == "E-TWO-COPIES"
    assert await refusal(buyer.handle.revoke(handle)) == "E-TWO-COPIES"
    notices = (await buyer.handle.status())["notices"]
    assert any("Two live copies" in line for line in notices)
    assert any("older copy" in line for line in (await newer.handle.status())["notices"])
    # The owner's word turns it round: the other copy hears of it in the box they share.
    fair.advance(MINUTE_MS)
    chosen = await buyer.handle.recovery.this_one()
    assert chosen["standing"] == "alone"
    await until_word(newer, Twinship.OLDER)
    assert await refusal(cast(newer)) == "E-TWO-COPIES"
    await buyer.handle.revoke(handle)


async def test_a_home_that_lives_elsewhere_signs_nothing_right_after_its_start(fair: Fair):
    """Its boxes are read before it promises, though the other copy is silent by then."""
    buyer, _ = await a_fair_with_a_buyer(fair)
    handle = await cast(buyer)
    offer = (await offers(buyer, handle))[0]
    words = await words_of(buyer)
    await buyer.close()
    newer = await restored(fair, words, "buyer_ana_again")
    await until_found(newer, handle)

    async def has_left_word() -> bool:
        read = partial(outbox.load_by_state, state=OutgoingState.PENDING, limit=10)
        rows = await newer.up.desk.storage.read(read)
        return any(each.kind == NOTE and len(each.put_at) == 2 for each in rows)

    await eventually(has_left_word, "its note lies in both mailboxes")
    await newer.close()
    await buyer.open()
    assert await refusal(accept(buyer, offer)) == "E-TWO-COPIES"
    assert await buyer.deals() == []


async def test_a_copy_that_casts_elsewhere_is_met_by_gossip(fair: Fair):
    buyer, _ = await a_fair_with_a_buyer(fair)
    words = await words_of(buyer)
    older = await restored(fair, words, "buyer_ana_at_home")
    fair.advance(LATER_MS)
    handle = await cast(buyer)
    await eventually(lambda: older.up.recovery.copies.seen, "the other copy is met")
    assert older.up.recovery.copies.word is not Twinship.ALONE
    await until_found(older, handle)


async def test_a_restore_of_a_lost_home_is_no_alarm(fair: Fair):
    buyer, vendor = await a_fair_with_a_buyer(fair)
    handle = await cast(buyer)
    await offers(buyer, handle)
    words = await words_of(buyer)
    file = await backup_of(buyer, fair)
    await buyer.close()
    again = await restored(fair, words, "buyer_ana_again", file)
    fair.advance(LATER_MS)
    # Its own requests come back to it by gossip, and its own notes out of its boxes.
    await again.handle.recovery.reopen(None, sure=True, wait_s=1)
    await cast(again, title="Another camera")
    await again.close()
    await again.open()
    await vendor.until_casts_count(2)
    assert again.up.recovery.copies.word is Twinship.ALONE
    assert again.up.desk.post.other_read_ms < again.up.recovery.copies.own.since_ms + LATER_MS


# --- rotation and revocation ---------------------------------------------------------------------


async def test_a_shop_goes_on_under_its_next_key_and_is_known_again(fair: Fair):
    buyer, vendor = await a_fair_with_a_buyer(fair)
    handle = await cast(buyer)
    offer = (await offers(buyer, handle))[0]
    old_key = vendor.shop_key()
    document = await vendor.handle.identity.rotate(0)
    assert (document["generation"], document["standing"]) == (1, "current")
    await eventually(lambda: vendor.shop_key() != old_key, "the shop shows its next key")
    assert document["key"] == document["followed"]

    async def knows() -> bool:
        return await buyer.knows(Rotation)

    await eventually(knows, "the buyer has the statement")
    # The thread that was open goes on and ends under the key it began with.
    await accept(buyer, offer)
    await buyer.until_deal(DealState.AGREED)
    deal = (await buyer.deals())[0]
    assert deal.other_key == old_key
    second = await cast(buyer, title="Another camera")
    again = (await offers(buyer, second))[0]
    thread = next(each for each in await buyer.threads(Role.BUYER) if each.cast_id != deal.cast_id)
    assert thread.other_key == vendor.shop_key()
    assert again["vendor"]["trust"] == views.trust_words(1)
    # A restart, and a restore from words, come back to the newest generation.
    await vendor.close()
    await vendor.open()
    await eventually(lambda: vendor.up.seller.profile, "the shop is open")
    assert vendor.shop_key() == thread.other_key
    assert await refusal(vendor.handle.identity.rotate(0)) == "E-GENERATION"


async def test_words_find_the_newest_generation_of_a_shop(fair: Fair):
    _, vendor = await a_fair_with_a_buyer(fair)
    await vendor.handle.identity.rotate(0)
    await eventually(lambda: vendor.up.seller.profile, "the shop is open")
    words = await words_of(vendor)
    await vendor.close()
    again = await restored(fair, words, "vendor_bo_again")
    await eventually(lambda: again.up.recovery.succession.generation == 1, "it finds its rotation")

    async def knows() -> bool:
        return await again.knows(Profile)

    await eventually(knows, "its profile is there")
    assert again.up.recovery.copies.word is Twinship.ALONE


async def test_nothing_of_a_revoked_key_counts_that_comes_after(fair: Fair):
    buyer, vendor = await a_fair_with_a_buyer(fair)
    handle = await cast(buyer)
    offer = (await offers(buyer, handle))[0]
    sheet = (await vendor.handle.identity.certificate("stolen"))["certificate"]
    await vendor.close()
    # Whoever holds the sheet may publish it, on any node.
    helper = await fair.visitor("helper")
    found = await helper.handle.identity.revoke(sheet, "stolen")
    assert not found["ours"]

    async def is_refused() -> bool:
        return await refusal(accept(buyer, offer)) == "E-KEY-REVOKED"

    await eventually(is_refused, "the buyer knows that the key is over")
    await vendor.open()
    await eventually(lambda: vendor.up.desk.pen.revoked, "the shop learns of its own end")
    await cast(buyer, title="Another camera")
    assert len(await buyer.threads(Role.BUYER)) == 1
