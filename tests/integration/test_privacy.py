"""What a relay could know: everything it carried, decrypted, and everything it wrote to disk."""

from __future__ import annotations

import base64
import logging
import struct
from typing import Any

import msgpack
import pytest

from node.storage import objects
from protocol.encoding import decode
from protocol.market.deal import DealState, Role
from protocol.market.thread import ThreadState
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.envelope import Verified
from protocol.objects.header import Kind
from tests.integration.fair import DRAFT, Fair, House, accept, cast, eventually, offers

PRICE_MINOR = 123_456_789
BUDGET_MINOR = 199_999_998
NAME = "Quillon Featherstonehaugh"
ADDRESS = "4711 Vermilion Staircase, Park City"


def spellings(text: str) -> list[bytes]:
    """A text as anybody might have written it: UTF-8, hex, base32 and base64 at every offset."""
    plain = text.encode()
    found = [plain, plain.hex().encode(), plain.hex().upper().encode()]
    for write, together, characters in ((base64.b32encode, 5, 8), (base64.b64encode, 3, 4)):
        for offset in range(together):
            # Whole groups that depend on nothing but the text.
            inner = plain[-offset % together :]
            whole = write(inner[: len(inner) // together * together])
            assert len(whole) >= 2 * characters
            found += [whole, whole.lower()]
    return found


def amounts(minor: int) -> list[bytes]:
    """An amount as msgpack and as people write it."""
    text = f"{minor // 100}.{minor % 100:02}"
    return [
        msgpack.packb(minor),
        struct.pack(">I", minor),
        struct.pack("<I", minor),
        struct.pack(">Q", minor),
        str(minor).encode(),
        text.encode(),
        f"{minor // 100:,}".encode(),
    ]


SECRETS = {
    "the price": amounts(PRICE_MINOR),
    "the budget": amounts(BUDGET_MINOR),
    "the name": spellings(NAME),
    "the address": spellings(ADDRESS),
}


def leaks(haystack: bytes) -> list[str]:
    return [what for what, needles in SECRETS.items() if any(n in haystack for n in needles)]


async def test_relays_learn_neither_price_nor_budget_nor_who_the_buyer_is(
    fair: Fair, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    relays = [await fair.relay(f"relay_{number}") for number in range(2)]
    vendor = await fair.stall("vendor_bo", price="1234567.89 USD")
    buyer = await fair.visitor("buyer_ana")
    handle = await cast(buyer, budget="1999999.98 USD", disclose={"name": NAME, "address": ADDRESS})
    best = (await offers(buyer, handle))[0]
    assert best["total"] == PRICE_MINOR
    await accept(buyer, best)
    await vendor.until_deal(DealState.AGREED)
    for house in (buyer, vendor):
        await house.until_acked()
    received = (await vendor.handle.deals())["deals"][0]["received"]
    assert received == {"name": NAME, "address": ADDRESS}
    for relay in relays:
        await relay.close()
        carried, kept = b"".join(relay.frames), relay.disk()
        # The search finds what is there: the public title, in frames and on disk.
        title = DRAFT["title"].encode()
        assert title in carried
        assert title in kept
        assert leaks(carried) == []
        assert leaks(kept) == []
    assert leaks(caplog.text.encode()) == []
    # And it would find the secrets where they may be.
    assert leaks(buyer.disk()) == list(SECRETS)
    assert "the name" in leaks(vendor.disk())


async def public_objects(relay: House) -> list[Verified[Any]]:
    now_ms = relay.clock.now().wall_ms
    index = await relay.read(lambda db: objects.load_live_index(db, now_ms))
    return [await relay.object(entry.id) for entry in index]


def moments(tree: Any) -> list[int]:
    """All integers in a tree that look like a time of our days."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list):
        return [moment for part in tree for moment in moments(part)]
    return [tree] if isinstance(tree, int) and tree > 1_500_000_000_000 else []


async def test_two_casts_of_one_buyer_have_nothing_in_common(fair: Fair):
    relays = [await fair.relay(f"relay_{number}") for number in range(3)]
    await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana")
    await eventually(
        lambda: len(buyer.up.network.mailboxes()) == 3, "the buyer knows three mailboxes"
    )
    handles = [await cast(buyer, title=f"Wish number {n}") for n in range(4)]
    for handle in handles:
        await offers(buyer, handle)
    await relays[0].until_casts_count(4)
    casts = [
        each for each in await public_objects(relays[0]) if each.header.kind is Kind.INTENTCAST
    ]
    for distinct in (
        {each.header.key for each in casts},
        {each.body.nonce for each in casts},
        {each.body.reply.box for each in casts},
        {each.body.reply.reader for each in casts},
        {frozenset(each.body.reply.at) for each in casts},
    ):
        assert len(distinct) == 4
    assert all(each.body.reply.until % DAY_MS == 0 for each in casts)


async def test_no_public_object_tells_a_time_finer_than_a_minute(fair: Fair):
    relay, _ = [await fair.relay(f"relay_{number}") for number in range(2)]
    vendor = await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana")
    handle = await cast(buyer)
    await offers(buyer, handle)
    found = await public_objects(relay)
    await buyer.handle.revoke(handle)
    await vendor.until_thread(Role.VENDOR, ThreadState.CLOSED)
    await relay.until_casts([])
    found += await public_objects(relay)
    assert {each.header.kind for each in found} == {Kind.INTENTCAST, Kind.PROFILE, Kind.REVOKE}
    for each in found:
        told = moments(decode(each.signed, bytes_max=10_000))
        assert len(told) >= 2
        assert [moment for moment in told if moment % MINUTE_MS] == []
