"""An agreement damaged on one side's disk comes back from the other, the same to the byte."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from node.errors import StorageError
from node.home import DATABASE_FILE
from node.storage import mending, wanted
from node.storage.scrub import ScrubReport
from protocol.ids import to_text
from protocol.market.deal import DealState
from protocol.now import DAY_MS
from protocol.objects.agreement import read_bundle
from tests.integration.fair import Fair, House, accept, cast, eventually, offers


async def agreed(fair: Fair) -> tuple[House, House]:
    """Two relays with mailboxes, a stall, a visitor, and a deal between the two."""
    for number in range(2):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana")
    handle = await cast(buyer)
    await accept(buyer, (await offers(buyer, handle))[0])
    for house in (buyer, vendor):
        await house.until_deal(DealState.AGREED)
        await house.until_acked()
    return buyer, vendor


async def bundle_of(house: House) -> bytes:
    deal = (await house.handle.deals())["deals"][0]
    found: bytes = (await house.handle.agreement(deal["handle"]))[1]
    return found


async def still_wanted(house: House) -> list[wanted.Wanted]:
    found: list[wanted.Wanted] = await house.read(lambda db: wanted.load_all(db, limit=100))
    return found


async def parts_of(house: House) -> dict[str, bytes]:
    """Ids of the sealed objects of the house's one deal."""
    row = (await house.deals())[0]
    assert row.confirmed_id
    assert row.agreed_id
    return {
        "offer": row.offer_id,
        "acceptance": row.deal_id,
        "confirmed": row.confirmed_id,
        "agreed": row.agreed_id,
    }


def spoil_rows(file: Path, ids: list[bytes]) -> None:
    """Change one byte in the middle of each object, as rot on a disk would."""
    with closing(sqlite3.connect(file)) as conn:
        raws = [
            conn.execute("SELECT raw FROM objects WHERE id = ?", (each,)).fetchone()[0]
            for each in ids
        ]
    content = bytearray(file.read_bytes())
    for raw in raws:
        needle = raw[100:160]
        at = content.find(needle)
        assert at >= 0
        content[at + 20] ^= 0xFF
    file.write_bytes(content)


async def scrubbed(house: House) -> ScrubReport:
    return await mending.scrub_closed(house.home / DATABASE_FILE, clock=house.clock)


@pytest.mark.parametrize("side", ["buyer", "vendor"])
async def test_a_damaged_agreement_is_fetched_again_from_the_other_party(fair: Fair, side: str):
    buyer, vendor = await agreed(fair)
    house = buyer if side == "buyer" else vendor
    before = await bundle_of(house)
    parts = await parts_of(house)
    await house.close()
    await asyncio.to_thread(
        spoil_rows, house.home / DATABASE_FILE, [parts["offer"], parts["confirmed"]]
    )
    with pytest.raises(StorageError) as refused:
        await house.open()
    assert refused.value.code == "E-DB-DAMAGED"
    assert to_text("ic", parts["offer"]) in refused.value.sentence
    assert "doctor --scrub" in refused.value.fix

    report = await scrubbed(house)
    assert report.is_mended, [each.sentence for each in report.damages if not each.mended]
    assert {parts["offer"], parts["confirmed"]} <= set(report.objects)

    await house.open()

    async def whole() -> bool:
        return not await still_wanted(house) or (await house.up.mender.look()) == 0

    await eventually(whole, f"{house.name} has its agreement again")
    after = await bundle_of(house)
    assert after == before
    assert read_bundle(after).id == read_bundle(before).id
    assert (await house.up.desk.storage.scrub()).clean
    assert house.up.recovery.copies.seen is None, "its own objects are no sign of another copy"


async def test_nothing_is_asked_twice_within_the_pause(fair: Fair):
    buyer, vendor = await agreed(fair)
    parts = await parts_of(buyer)
    await vendor.close()
    await buyer.close()
    await asyncio.to_thread(spoil_rows, buyer.home / DATABASE_FILE, [parts["confirmed"]])
    await scrubbed(buyer)
    await buyer.open()
    for _ in range(4):
        await buyer.up.mender.look()
    asked = [row for row in await buyer.letters() if "question" in row.kind]
    assert len(asked) == 1
    fair.advance(3 * 3_600_000)
    await buyer.up.mender.look()
    asked = [row for row in await buyer.letters() if "question" in row.kind]
    assert len(asked) == 2


async def test_a_request_past_its_time_comes_back_with_the_agreement(fair: Fair):
    buyer, vendor = await agreed(fair)
    before = await bundle_of(buyer)
    found = read_bundle(before)
    await buyer.close()
    fair.advance(70 * DAY_MS)
    await vendor.close()
    for relay in fair.relays():
        await relay.close()
    for house in (*fair.relays(), vendor):
        await house.open()
    file = buyer.home / DATABASE_FILE
    await asyncio.to_thread(spoil_rows, file, [found.cast.id, found.offer.id])
    assert (await scrubbed(buyer)).is_mended
    await buyer.open()

    async def whole() -> bool:
        return (await buyer.up.mender.look()) == 0

    await eventually(whole, "the buyer has its agreement again")
    assert await bundle_of(buyer) == before
