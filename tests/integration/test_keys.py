"""Keys between whole daemons: a lock serves others and loses nothing, a lost home comes back."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.backup.proof import prove_backup
from node.backup.restore import Order, restore_home
from node.clock import SystemClock
from node.entropy import SystemEntropy
from node.errors import KeystoreError
from node.keyfile import Passphrase, read_root
from node.keystore import open_root_bytes
from node.runtime import custody as custody_room
from node.storage.outbox import OutgoingState
from node.words import root_from_words
from protocol.market.deal import DealState
from protocol.now import DAY_MS
from tests.integration.fair import DRAFT, NET, Fair, House, accept, cast, eventually, offers

PHRASE = "correct horse battery staple"


async def seal(house: House) -> None:
    """Put a house's keys under the passphrase; they stay unlocked."""
    await house.handle.custody.set_passphrase(None, PHRASE)


async def lock(house: House) -> None:
    assert (await house.handle.custody.lock())["locked"]


async def unlock(house: House) -> None:
    assert not (await house.handle.custody.unlock(PHRASE))["locked"]


async def settle() -> None:
    """Give everybody time to do what must not be done."""
    await asyncio.sleep(0.6)


async def refused(act: Any) -> None:
    with pytest.raises(KeystoreError) as caught:
        await act
    assert caught.value.code == "E-KEYS-LOCKED"
    assert "intentcast unlock" in caught.value.fix


async def a_fair(fair: Fair, **facts: Any) -> tuple[House, House]:
    for number in range(2):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo", **facts)
    return await fair.visitor("buyer_ana"), vendor


# --- locked and unlocked -------------------------------------------------------------------------


async def test_a_sealed_home_starts_locked_and_signs_nothing(fair: Fair):
    buyer, _ = await a_fair(fair)
    handle = await cast(buyer)
    offer = (await offers(buyer, handle))[0]
    node = (await buyer.handle.status())["node"]
    await seal(buyer)
    await buyer.close()
    await buyer.open()
    status = await buyer.handle.status()
    assert (status["locked"], status["node"]) == (True, node)
    assert any("intentcast unlock" in notice for notice in status["notices"])
    await refused(buyer.handle.create_cast(DRAFT))
    await refused(accept(buyer, offer))
    await refused(buyer.handle.revoke(handle))
    await refused(buyer.handle.decide_deal("deal-x", confirm=True, reason=""))
    await refused(buyer.handle.custody.backup(str(buyer.home.parent / "locked.icb")))
    assert len((await buyer.handle.casts())["casts"]) == 1
    with pytest.raises(KeystoreError) as wrong:
        await buyer.handle.custody.unlock("not the passphrase")
    assert wrong.value.code == "E-PASSPHRASE-WRONG"
    await unlock(buyer)
    await accept(buyer, offer)
    await buyer.until_deal(DealState.AGREED)


async def test_a_locked_buyer_finds_the_offer_that_came_meanwhile(fair: Fair):
    buyer, vendor = await a_fair(fair)
    await vendor.close()
    handle = await cast(buyer)
    await seal(buyer)
    await lock(buyer)
    await vendor.open()
    await vendor.until_put("offer")
    await settle()
    assert (await buyer.handle.offers(handle))["offers"] == []
    assert await vendor.letters()
    await unlock(buyer)
    await offers(buyer, handle)
    await vendor.until_acked()


async def test_a_locked_shop_answers_after_the_unlock(fair: Fair):
    buyer, vendor = await a_fair(fair)
    await seal(vendor)
    await lock(vendor)
    handle = await cast(buyer)
    await vendor.until_casts([DRAFT["title"]])
    await settle()
    assert (await buyer.handle.offers(handle))["offers"] == []
    status = await vendor.handle.vendor_status()
    assert (status["locked"], status["skipped"]) == (True, [])
    await unlock(vendor)
    await offers(buyer, handle)


async def test_a_shop_that_starts_locked_opens_with_the_unlock(fair: Fair):
    buyer, vendor = await a_fair(fair)
    await seal(vendor)
    await vendor.close()
    await vendor.open()
    handle = await cast(buyer)
    await settle()
    assert vendor.up.seller.profile is None
    assert (await buyer.handle.offers(handle))["offers"] == []
    await unlock(vendor)
    await offers(buyer, handle)


async def test_an_acceptance_waits_for_a_locked_shop_and_becomes_a_deal(fair: Fair):
    buyer, vendor = await a_fair(fair)
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    await vendor.until_acked()
    await seal(vendor)
    await lock(vendor)
    await accept(buyer, best)
    await buyer.until_put("acceptance")
    await settle()
    assert await vendor.deals() == []
    assert await buyer.deal_state() is DealState.ACCEPT_SENT
    await unlock(vendor)
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)
    for house in (buyer, vendor):
        await house.until_acked()


async def test_a_buyer_locked_in_mid_deal_ends_it_after_the_unlock(fair: Fair):
    buyer, vendor = await a_fair(fair, firm=False)
    handle = await cast(buyer)
    await accept(buyer, (await offers(buyer, handle))[0])
    await vendor.until_deal(DealState.OFFERED)
    await seal(buyer)
    await lock(buyer)
    deal = (await vendor.handle.deals())["deals"][0]["handle"]
    await vendor.handle.decide_deal(deal, confirm=True, reason="")
    await vendor.until_put("event")
    await settle()
    assert await buyer.deal_state() is DealState.ACCEPT_SENT
    await unlock(buyer)
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)


async def test_time_passes_over_a_locked_buyer_and_is_reckoned_after(fair: Fair):
    buyer, _ = await a_fair(fair)
    handle = await cast(buyer)
    await offers(buyer, handle)
    await seal(buyer)
    await lock(buyer)
    fair.advance(20 * DAY_MS)
    await settle()
    assert (await buyer.handle.cast(handle))["cast"]["state"] == "open"
    await unlock(buyer)

    async def over() -> bool:
        return (await buyer.handle.cast(handle))["cast"]["state"] != "open"

    await eventually(over, "the time to decide is over")


async def test_locked_relays_carry_a_whole_deal(fair: Fair):
    relays = [await fair.relay(f"relay_{number}") for number in range(2)]
    for relay in relays:
        await seal(relay)
        await relay.close()
    for relay in relays:
        await relay.open()
        assert (await relay.handle.status())["locked"]
    vendor = await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana")
    handle = await cast(buyer)
    await accept(buyer, (await offers(buyer, handle))[0])
    for house in (buyer, vendor):
        await house.until_deal(DealState.AGREED)
        await house.until_acked()
    assert len(await relays[0].live_casts()) == 1


async def test_letters_already_sealed_leave_a_locked_node(fair: Fair, monkeypatch):
    """What was committed is a promise: a lock right after it does not hold it back."""
    buyer, vendor = await a_fair(fair)
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    await seal(buyer)
    await vendor.close()
    await accept(buyer, best)
    await lock(buyer)
    await vendor.open()
    await vendor.until_deal(DealState.CONFIRMED)
    assert await buyer.letters(OutgoingState.PENDING)
    await unlock(buyer)
    await buyer.until_deal(DealState.AGREED)


async def test_the_loop_turns_while_a_passphrase_is_tried(fair: Fair):
    buyer = await fair.visitor("buyer_ana")
    await seal(buyer)
    await lock(buyer)
    turns, running = 0, asyncio.create_task(buyer.handle.custody.unlock(PHRASE))
    while not running.done():
        await asyncio.sleep(0.001)
        turns += 1
    await running
    # Half a second of a processor, elsewhere.
    assert turns > 10


# --- backups -------------------------------------------------------------------------------------


async def test_a_backup_under_load_is_one_moment(fair: Fair, tmp_path: Path):
    buyer, vendor = await a_fair(fair)
    stop = asyncio.Event()
    sent: list[str] = []

    async def busy() -> None:
        while not stop.is_set():
            sent.append(await cast(buyer, title=f"{DRAFT['title']} {len(sent)}"))

    running = asyncio.create_task(busy())
    await eventually(lambda: len(sent) >= 2, "requests go out")
    files = []
    for number in range(3):
        file = tmp_path / f"{number}.icb"
        # What goes out while it is written may be in it or not.
        files.append((file, len(sent)))
        await buyer.handle.custody.backup(str(file))
    stop.set()
    await running
    assert len(sent) > files[-1][1]
    keyring = buyer.up.desk.keyring
    counts = []
    for file, least in files:
        found = await prove_backup(file, keyring, home=buyer.home, clock=SystemClock(), net=NET)
        assert found.inventory.casts >= least
        assert found.checked >= least
        counts.append(found.inventory.casts)
    assert counts == sorted(counts)
    await buyer.until_acked()
    await vendor.until_acked()


async def test_a_day_makes_a_backup_while_the_node_works(fair: Fair, monkeypatch):
    monkeypatch.setattr(custody_room, "_LOOK_S", 0.02)
    monkeypatch.setattr(custody_room, "_LOOKS_PER_BACKUP", 1)
    buyer = await fair.visitor("buyer_ana")
    folder = buyer.home / "backups"

    def names() -> list[str]:
        return sorted(path.name for path in folder.glob("*.icb"))

    def later(newest: str) -> bool:
        return names()[-1] > newest

    await eventually(lambda: len(names()) == 1, "the first one is there")
    for day in range(2, 10):
        fair.advance(DAY_MS)
        newest = names()[-1]
        await eventually(partial(later, newest), f"the one of day {day} is there")
    await eventually(lambda: len(names()) == 7, "seven are kept")
    status = await buyer.handle.custody.document()
    assert status["newest_backup"] is not None


# --- restore -------------------------------------------------------------------------------------


async def moved(fair: Fair, house: House, name: str, home: Path) -> House:
    """Open a restored home under another name."""
    other = House(name, home, fair.relays(), clock=house.clock)
    fair.houses.append(other)
    await other.open()
    return other


async def test_words_and_a_backup_bring_back_the_same_agreement(fair: Fair, tmp_path: Path):
    buyer, vendor = await a_fair(fair)
    handle = await cast(buyer)
    deal = await accept(buyer, (await offers(buyer, handle))[0])
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)
    for house in (buyer, vendor):
        await house.until_acked()
    before = await buyer.handle.agreement(deal)
    node = (await buyer.handle.status())["node"]
    file = tmp_path / "ana.icb"
    await buyer.handle.custody.backup(str(file))
    root = await asyncio.to_thread(read_root, buyer.home)
    assert isinstance(root, bytes)
    seed = buyer.up.desk.keyring.sign_seed(b"x")
    await buyer.close()
    home = fair.folder / "ana_again"
    order = Order(home=home, root=root, file=file)
    restored = await restore_home(order, clock=SystemClock(), entropy=SystemEntropy())
    counts = restored.inventory
    assert (counts.casts, counts.deals, counts.agreements) == (1, 1, 1)
    assert restored.net == NET
    again = await moved(fair, buyer, "ana_again", home)
    assert await again.handle.agreement(deal) == before
    assert again.up.desk.keyring.sign_seed(b"x") == seed
    assert (await again.handle.status())["node"] != node
    assert not any("24 words" in notice for notice in again.handle.custody.notices())


async def test_words_alone_bring_back_the_identity(fair: Fair, tmp_path: Path):
    buyer, _ = await a_fair(fair)
    keyring = buyer.up.desk.keyring
    seed, words = keyring.sign_seed(b"x"), await asyncio.to_thread(keyring.words)
    await buyer.close()
    root = await asyncio.to_thread(read_root, buyer.home)
    assert isinstance(root, bytes)
    assert await asyncio.to_thread(root_from_words, " ".join(words)) == root
    home = fair.folder / "ana_again"
    order = Order(home=home, root=root, net=NET)
    await restore_home(order, clock=SystemClock(), entropy=SystemEntropy())
    again = await moved(fair, buyer, "ana_again", home)
    assert again.up.desk.keyring.sign_seed(b"x") == seed


async def test_a_sealed_home_is_backed_up_and_opened_with_its_words(fair: Fair, tmp_path: Path):
    buyer = await fair.visitor("buyer_ana")
    await seal(buyer)
    file = tmp_path / "ana.icb"
    await buyer.handle.custody.backup(str(file))
    await buyer.close()
    root = await asyncio.to_thread(open_root_bytes, buyer.home, Passphrase(PHRASE))
    home = fair.folder / "ana_again"
    found = await restore_home(
        Order(home=home, root=root, file=file), clock=SystemClock(), entropy=SystemEntropy()
    )
    assert found.head is not None
    assert await asyncio.to_thread(read_root, home) == root
