"""The letter slot: one outcome for each letter, and a receipt only after the commit."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from node.keystore import PROFILE_CONTEXT
from node.post.letters import Discard, Known, Parked, Recorded
from node.storage import objects
from protocol import limits
from protocol.errors import Reason
from protocol.market.deal import Role
from protocol.now import MINUTE_MS
from protocol.objects.event import Closed, Confirmed
from protocol.objects.header import Kind
from protocol.objects.offer import Offer
from tests.parties import make_cast, vendor_bo
from tests.unit.node.market.booth import START_MS, Booth, Market


def event(booth: Booth, ctx: bytes, **facts: Any) -> Any:
    body = facts.pop("body", Closed(of=b"o" * 32))
    return booth.sealed(ctx, Kind.EVENT, body, **facts)


async def test_an_offer_is_recorded_and_its_vendor_gets_a_receipt(market: Market):
    row, offer_id = await market.offered()
    outgoing = market.vendor.post.queued[0]
    outcome = await market.buyer.take(row.nonce, outgoing.envelope)
    assert outcome == Known(
        signer_seed=market.buyer.keyring.sign_seed(row.nonce),
        author_box=market.vendor.reply(PROFILE_CONTEXT).box,
        envelope_id=offer_id,
    )


@pytest.mark.parametrize("raw", [b"", b"\xc0", b"\x93\xc4\x00\xc4\x00\xc0", b"x" * 60_000])
async def test_bytes_that_are_no_envelope_are_discarded(buyer: Booth, raw: bytes):
    row = await buyer.cast()
    assert isinstance(await buyer.take(row.nonce, raw), Discard)


async def test_a_letter_for_somebody_else_is_discarded(market: Market):
    row, _ = await market.offered()
    to_another = event(market.vendor, PROFILE_CONTEXT, to=vendor_bo.key, thread=row.root_id)
    assert await market.buyer.take(row.nonce, to_another) == Discard(reason="not_party")


async def test_a_public_object_is_no_letter(buyer: Booth):
    row = await buyer.cast()
    assert await buyer.take(row.nonce, make_cast()) == Discard(reason="not_party")


@pytest.mark.parametrize(
    ("at", "exp", "reason"),
    [
        (limits.skew_ms_max + 1, 10**9, Reason.NOT_YET),
        (-10 * MINUTE_MS, -limits.expiry_tolerance_ms - 1, Reason.EXPIRED),
    ],
)
async def test_times_are_judged_when_a_letter_is_recorded(
    market: Market, at: int, exp: int, reason: Reason
):
    row, _ = await market.offered()
    key = market.buyer.desk.pen.key(row.nonce)
    late = event(
        market.vendor,
        PROFILE_CONTEXT,
        to=key,
        thread=row.root_id,
        at=START_MS + at,
        exp=START_MS + exp,
    )
    assert await market.buyer.take(row.nonce, late) == Discard(reason=reason.value)


async def test_a_letter_whose_parent_is_missing_waits_without_a_receipt(market: Market):
    row, _ = await market.offered()
    key = market.buyer.desk.pen.key(row.nonce)
    orphan = event(market.vendor, PROFILE_CONTEXT, to=key, thread=row.root_id, prev=b"p" * 32)
    assert await market.buyer.take(row.nonce, orphan) == Parked()
    assert market.buyer.network.wanted == []


async def test_an_offer_of_an_unknown_vendor_waits_for_its_profile(market: Market):
    profile = await market.vendor.sell()
    row = await market.buyer.cast()
    await market.vendor.answer(await market.buyer.object(row.cast_id))
    assert await market.vendor.carry(market.buyer) == [Parked()]
    assert market.buyer.network.wanted == [profile.id]
    await market.buyer.learn(profile)
    again = await market.buyer.take(row.nonce, market.vendor.post.queued[0].envelope)
    assert isinstance(again, Recorded)
    assert len(await market.buyer.threads(Role.BUYER)) == 1


async def test_an_event_before_any_offer_waits(market: Market):
    await market.vendor.sell()
    row = await market.buyer.cast()
    key = market.buyer.desk.pen.key(row.nonce)
    body = Confirmed(of=b"a" * 32, review_key=b"r" * 32)
    early = event(market.vendor, PROFILE_CONTEXT, to=key, thread=row.root_id, body=body)
    assert await market.buyer.take(row.nonce, early) == Parked()


async def test_a_first_letter_longer_than_strangers_may_write_is_discarded(market: Market):
    await market.vendor.sell()
    row = await market.buyer.cast()
    market.vendor.shop.changes = {"note": "x" * 400}
    cast = await market.buyer.object(row.cast_id)
    assert market.vendor.seller.profile is not None
    body = await market.vendor.shop.offer_for(
        cast,
        profile_id=market.vendor.seller.profile.id,
        reply=market.vendor.reply(PROFILE_CONTEXT),
        now_ms=START_MS,
    )
    assert isinstance(body, Offer)
    lines = [
        replace(body.lines[0], name="x" * 110, unit=0, total=0, basis="y" * 110) for _ in range(45)
    ]
    long = market.vendor.sealed(
        PROFILE_CONTEXT,
        Kind.OFFER,
        replace(body, lines=lines, total=0),
        to=cast.header.key,
        thread=row.root_id,
        exp=START_MS + 10**9,
    )
    assert len(long.raw) > limits.first_letter_bytes_max
    assert await market.buyer.take(row.nonce, long) == Discard(reason="too_large")


async def test_what_is_dropped_leaves_nothing(market: Market):
    row, _ = await market.offered()
    key = market.buyer.desk.pen.key(row.nonce)
    before = market.buyer.rings
    stray = event(market.vendor, PROFILE_CONTEXT, to=key, thread=b"t" * 32)
    assert await market.buyer.take(row.nonce, stray) == Discard(reason="mismatch")
    assert market.buyer.rings == before
    assert await market.buyer.write(lambda conn: objects.row_of(conn, stray.id)) is None
