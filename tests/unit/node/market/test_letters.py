"""The letter slot: one outcome for each letter, and a receipt only after the commit."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from node.errors import RefusedError
from node.keystore import PROFILE_CONTEXT
from node.post.letters import Discard, Known, Parked, Recorded
from node.storage import objects
from node.timekeeper import Timekeeper
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


async def test_letters_are_counted_by_what_became_of_them(market: Market):
    row, _ = await market.offered()
    market.clock.advance(2_000)
    outgoing = market.vendor.post.queued[0]
    await market.buyer.take(row.nonce, outgoing.envelope)
    meters = market.buyer.letters._meters
    assert meters.offers() == {("recorded", "none"): 1, ("known", "none"): 1}
    assert meters.offer_latency.cumulated()[-1] == 1


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


# --- what follows a refused object ---------------------------------------------------------------


def closed_after(booth: Booth, row: Any, key: bytes, prev: bytes) -> Any:
    return event(booth, PROFILE_CONTEXT, to=key, thread=row.root_id, prev=prev)


async def test_what_follows_a_refused_object_is_not_kept_waiting(market: Market):
    row, offer_id = await market.offered()
    key = market.buyer.desk.pen.key(row.nonce)
    offer = await market.buyer.object(offer_id)
    bad = replace(offer.body, supersedes=b"s" * 32, round=1)
    facts = {"to": key, "thread": row.root_id, "prev": offer_id}
    refused = market.vendor.sealed(PROFILE_CONTEXT, Kind.OFFER, bad, **facts)
    after = closed_after(market.vendor, row, key, refused.id)
    assert await market.buyer.take(row.nonce, after) == Parked()
    assert await market.buyer.take(row.nonce, refused) == Discard(reason="duplicate")
    assert isinstance(await market.buyer.take(row.nonce, after), Recorded)


async def test_a_revision_of_a_refused_revision_takes_the_place_of_what_counted(market: Market):
    row, offer_id = await market.offered()
    key = market.buyer.desk.pen.key(row.nonce)
    offer = await market.buyer.object(offer_id)
    facts = {"to": key, "thread": row.root_id}
    bad = replace(offer.body, supersedes=offer_id, round=1, profile=row.root_id or b"")
    refused = market.vendor.sealed(PROFILE_CONTEXT, Kind.OFFER, bad, prev=offer_id, **facts)
    assert await market.buyer.take(row.nonce, refused) == Discard(reason="not_party")
    good = replace(offer.body, supersedes=refused.id, round=2)
    better = market.vendor.sealed(PROFILE_CONTEXT, Kind.OFFER, good, prev=refused.id, **facts)
    assert isinstance(await market.buyer.take(row.nonce, better), Recorded)
    assert (await market.buyer.thread(Role.BUYER)).offer_id == better.id
    # What stood for an offer that is replaced stands for nothing.
    again = replace(good, supersedes=refused.id, round=3)
    stale = market.vendor.sealed(PROFILE_CONTEXT, Kind.OFFER, again, prev=better.id, **facts)
    assert await market.buyer.take(row.nonce, stale) == Discard(reason="duplicate")


async def test_a_first_offer_that_is_refused_is_followed_by_a_good_one(market: Market):
    row, _ = await market.offered()
    other = await market.buyer.cast()
    key = market.buyer.desk.pen.key(other.nonce)
    offer = (await market.buyer.object(market.vendor.post.queued[0].envelope_id)).body
    facts = {"to": key, "thread": other.root_id}
    bad = market.vendor.sealed(PROFILE_CONTEXT, Kind.OFFER, offer, **facts)
    assert await market.buyer.take(other.nonce, bad) == Discard(reason="mismatch")
    body = replace(offer, cast=other.cast_id or b"")
    good = market.vendor.sealed(PROFILE_CONTEXT, Kind.OFFER, body, prev=bad.id, **facts)
    assert isinstance(await market.buyer.take(other.nonce, good), Recorded)
    assert row.nonce != other.nonce


async def test_what_came_too_late_is_followed_too(market: Market):
    row, offer_id = await market.offered()
    key = market.buyer.desk.pen.key(row.nonce)
    times = {"at": START_MS - 10 * MINUTE_MS, "exp": START_MS - 5 * MINUTE_MS}
    facts = {"to": key, "thread": row.root_id, "prev": offer_id}
    late = event(market.vendor, PROFILE_CONTEXT, **facts, **times)
    assert await market.buyer.take(row.nonce, late) == Discard(reason="expired")
    after = closed_after(market.vendor, row, key, late.id)
    assert isinstance(await market.buyer.take(row.nonce, after), Recorded)


async def test_strangers_of_a_vendor_are_not_remembered(market: Market):
    await market.offered()
    other = await Booth.open(market.buyer.storage.path.parent, "buyer_cai", market.clock)
    row = await other.cast()
    key = market.vendor.desk.pen.profile_key()
    letter = event(other, row.nonce, to=key, thread=row.root_id)
    assert await market.vendor.take(PROFILE_CONTEXT, letter) == Discard(reason="unknown_parent")
    count = await market.vendor.write(
        lambda conn: conn.execute("SELECT count(*) AS n FROM dropped").fetchone()["n"]
    )
    assert count == 0
    await other.close()


async def test_by_a_clock_that_is_off_letters_wait(market: Market):
    await market.buyer.learn(await market.vendor.sell())
    row = await market.buyer.cast()
    await market.vendor.answer(await market.buyer.object(row.cast_id))
    offset = [10 * MINUTE_MS]
    pen = market.buyer.desk.pen
    pen.timekeeper = Timekeeper(market.clock, lambda: offset[0])
    outgoing = market.vendor.fresh()[0]
    assert await market.buyer.take(row.nonce, outgoing.envelope) == Parked()
    offset[0] = 0
    assert isinstance(await market.buyer.take(row.nonce, outgoing.envelope), Recorded)


async def test_without_the_room_of_copies_nothing_comes_from_ourselves(buyer: Booth):
    row = await buyer.cast()
    key = buyer.desk.pen.key(row.nonce)
    note = event(buyer, row.nonce, to=key, thread=row.root_id)
    assert await buyer.take(row.nonce, note) == Discard(reason="not_party")


async def test_while_halted_letters_wait_where_they_are(market: Market):
    row, _ = await market.offered()
    market.buyer.desk.pen.halt = lambda: RefusedError("halted", code="E-TWO-COPIES")
    outgoing = market.vendor.post.queued[0]
    assert await market.buyer.take(row.nonce, outgoing.envelope) == Parked()
