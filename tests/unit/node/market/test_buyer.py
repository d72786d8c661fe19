"""The buyer's room: which offers are taken in, and what a yes signs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import pytest

from node.errors import NotFoundError, RefusedError
from node.keystore import PROFILE_CONTEXT
from node.market.deals import opened_of
from node.market.desk import newest_box, read_reply
from node.post.letters import Discard, Parked, Recorded
from node.storage import boxes_own, threads
from node.storage.outbox import Priority
from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.ids import ObjectId
from protocol.market.cast import CastState
from protocol.market.deal import DealState, Role
from protocol.market.thread import ThreadState
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.envelope import Verified
from protocol.objects.event import Agreed, Confirmed, Moved, Refused
from protocol.objects.header import Kind
from protocol.objects.intentcast import Window
from protocol.objects.offer import Fulfilment
from protocol.objects.revoke import Revoke
from tests.parties import vendor_bo
from tests.unit.node.market.booth import START_MS, Booth, Market


async def from_vendor(market: Market, ctx: bytes, kind: Kind, body: Any, **facts: Any) -> Any:
    """Sign something as the vendor, in its thread with this request, and hand it over."""
    row = await market.buyer.own(ctx)
    thread = await market.vendor.thread(Role.VENDOR)
    defaults = {
        "to": market.buyer.desk.pen.key(ctx),
        "thread": row.root_id,
        "prev": thread.last_own_id,
    }
    signed = market.vendor.sealed(PROFILE_CONTEXT, kind, body, **{**defaults, **facts})
    return signed, await market.buyer.take(ctx, signed)


async def the_offer(market: Market, row: Any) -> Verified[Any]:
    thread = await market.buyer.thread(Role.BUYER)
    found: Verified[Any] = await market.buyer.object(thread.offer_id)
    return found


# --- offers ------------------------------------------------------------------------------


async def test_an_offer_opens_a_thread(market: Market):
    row, offer_id = await market.offered()
    thread = await market.buyer.thread(Role.BUYER)
    assert (thread.state, thread.offer_id, thread.own_ctx) == (
        ThreadState.OFFERED,
        offer_id,
        row.nonce,
    )
    assert thread.cast_id == row.root_id
    assert read_reply(thread.other_reply) == (await market.buyer.object(offer_id)).body.reply
    assert market.vendor.seller.profile is not None
    assert thread.profile_id == market.vendor.seller.profile.id
    assert (await market.buyer.history())[-1] == "offer"


async def test_an_offer_for_another_cast_is_not_taken(market: Market):
    row, _ = await market.offered()
    offer = (await the_offer(market, row)).body
    for cast in (b"c" * 32, offer.profile):
        body = msgspec.structs.replace(offer, cast=cast)
        _, outcome = await from_vendor(market, row.nonce, Kind.OFFER, body)
        assert outcome == Discard(reason="mismatch")


@pytest.mark.parametrize(
    ("state", "taken"),
    [
        (CastState.OPEN, True),
        (CastState.DECIDING, True),
        (CastState.AWARDED, True),
        (CastState.REVOKED, False),
        (CastState.EXPIRED, False),
        (CastState.SUPERSEDED, False),
    ],
)
async def test_offers_are_taken_while_the_request_lives(
    market: Market, state: CastState, taken: bool
):
    await market.buyer.learn(await market.vendor.sell())
    row = await market.buyer.cast()
    await market.buyer.change(row.nonce, state=state)
    await market.vendor.answer(await market.buyer.object(row.cast_id))
    (outcome,) = await market.vendor.carry(market.buyer)
    assert isinstance(outcome, Recorded) is taken
    if not taken:
        assert outcome == Discard(reason="closed")


async def test_an_offer_under_somebody_elses_profile_is_not_taken(market: Market):
    row, _ = await market.offered()
    assert row.cast_id is not None
    offer = (await the_offer(market, row)).body
    body = msgspec.structs.replace(offer, profile=row.cast_id)
    _, outcome = await from_vendor(market, row.nonce, Kind.OFFER, body)
    assert outcome == Discard(reason="not_party")


async def test_a_second_offer_must_replace_the_first(market: Market):
    row, offer_id = await market.offered()
    offer = (await the_offer(market, row)).body
    _, outcome = await from_vendor(market, row.nonce, Kind.OFFER, offer)
    assert outcome == Discard(reason="duplicate")
    better = msgspec.structs.replace(offer, supersedes=offer_id, round=1)
    signed, outcome = await from_vendor(market, row.nonce, Kind.OFFER, better)
    assert isinstance(outcome, Recorded)
    assert (await market.buyer.thread(Role.BUYER)).offer_id == signed.id
    assert len(await market.buyer.threads(Role.BUYER)) == 1


async def test_an_accepted_offer_cannot_be_replaced(market: Market):
    row, deal = await market.accepted()
    offer = (await the_offer(market, row)).body
    better = msgspec.structs.replace(offer, supersedes=deal.offer_id, round=1)
    _, outcome = await from_vendor(market, row.nonce, Kind.OFFER, better)
    assert outcome == Discard(reason="duplicate")


async def test_no_more_offers_are_taken_than_were_asked_for(market: Market, tmp_path: Any):
    row, _ = await market.offered(max_offers=1)
    other = await Booth.open(tmp_path, "vendor_cy", market.clock)
    await market.buyer.learn(await other.sell())
    await other.answer(await market.buyer.object(row.cast_id))
    assert await other.carry(market.buyer) == [Discard(reason="quota")]
    await other.close()


# --- events of vendors -------------------------------------------------------------------------


async def test_a_vendor_may_take_its_offer_back(market: Market):
    row, offer_id = await market.offered()
    offer = await the_offer(market, row)
    body = Revoke(target=offer_id)
    _, outcome = await from_vendor(market, row.nonce, Kind.REVOKE, body, exp=offer.header.exp)
    assert isinstance(outcome, Recorded)
    assert (await market.buyer.thread(Role.BUYER)).state is ThreadState.WITHDRAWN
    with pytest.raises(RefusedError) as refused:
        await market.buyer.accept(offer_id)
    assert refused.value.code == "E-OFFER-GONE"


async def test_a_revoke_of_what_is_not_its_own_is_not_taken(market: Market):
    row, offer_id = await market.offered()
    assert row.cast_id is not None
    offer = await the_offer(market, row)
    for target, exp, outcome in (
        (b"t" * 32, offer.header.exp, Parked()),
        (row.cast_id, offer.header.exp, None),
        (offer_id, offer.header.exp - 1, None),
    ):
        _, found = await from_vendor(market, row.nonce, Kind.REVOKE, Revoke(target=target), exp=exp)
        assert found == outcome if outcome else isinstance(found, Discard)
    assert (await market.buyer.thread(Role.BUYER)).state is ThreadState.OFFERED


async def test_taking_back_an_older_offer_leaves_the_newer_one(market: Market):
    row, offer_id = await market.offered()
    offer = await the_offer(market, row)
    better = msgspec.structs.replace(offer.body, supersedes=offer_id, round=1)
    newer, _ = await from_vendor(market, row.nonce, Kind.OFFER, better)
    body, exp = Revoke(target=offer_id), offer.header.exp
    await from_vendor(market, row.nonce, Kind.REVOKE, body, exp=exp, prev=newer.id)
    thread = await market.buyer.thread(Role.BUYER)
    assert (thread.state, thread.offer_id) == (ThreadState.OFFERED, newer.id)


async def test_a_vendor_that_moves_gets_its_letters_there(market: Market):
    row, deal = await market.accepted()
    reply = vendor_bo.reply()
    _, outcome = await from_vendor(
        market, row.nonce, Kind.EVENT, Moved(of=deal.offer_id, reply=reply)
    )
    assert isinstance(outcome, Recorded)
    assert read_reply((await market.buyer.thread(Role.BUYER)).other_reply) == reply
    key = market.vendor.desk.pen.profile_key()
    assert market.buyer.post.resealed == [(row.nonce, key, row.root_id, reply)]


async def test_letters_sealed_again_carry_the_values_they_carried(market: Market):
    row, deal = await market.agreed()
    await from_vendor(
        market, row.nonce, Kind.EVENT, Moved(of=deal.offer_id, reply=vendor_bo.reply())
    )
    found = await market.buyer.write(
        lambda _conn: [
            market.buyer.post.opened_of(ObjectId(each.envelope_id))
            for each in market.buyer.post.queued
        ]
    )
    assert found[:-1] == [None] * (len(found) - 1)
    assert found[-1] == opened_of(await market.buyer.deal())
    assert (
        await market.buyer.write(lambda _conn: market.buyer.post.opened_of(ObjectId(b"0" * 32)))
        is None
    )


async def test_an_event_that_is_not_the_vendors_to_sign_changes_nothing(market: Market):
    row, deal = await market.accepted()
    _, outcome = await from_vendor(market, row.nonce, Kind.EVENT, Agreed(of=deal.deal_id))
    assert isinstance(outcome, Recorded)
    assert (await market.buyer.deal()).state is DealState.ACCEPT_SENT


async def test_an_answer_to_an_acceptance_never_sent_waits(market: Market):
    row, _ = await market.offered()
    body = Confirmed(of=b"a" * 32, review_key=b"r" * 32)
    _, outcome = await from_vendor(market, row.nonce, Kind.EVENT, body)
    assert outcome == Parked()


async def test_a_confirmation_that_does_not_fit_is_not_taken(market: Market):
    row, deal = await market.accepted()
    body = Confirmed(of=deal.deal_id, review_key=b"r" * 32)
    _, outcome = await from_vendor(market, row.nonce, Kind.EVENT, body)
    assert outcome == Discard(reason="mismatch")
    assert (await market.buyer.deal()).state is DealState.ACCEPT_SENT


async def test_another_vendor_cannot_answer_for_this_one(market: Market, tmp_path: Any):
    row, deal = await market.accepted()
    other = await Booth.open(tmp_path, "vendor_cy", market.clock)
    await market.buyer.learn(await other.sell())
    await other.answer(await market.buyer.object(row.cast_id))
    await other.carry(market.buyer)
    no = other.sealed(
        PROFILE_CONTEXT,
        Kind.EVENT,
        Refused(of=deal.deal_id, reason="policy"),
        to=market.buyer.desk.pen.key(row.nonce),
        thread=row.root_id,
    )
    assert await market.buyer.take(row.nonce, no) == Discard(reason="not_party")
    assert (await market.buyer.deal()).state is DealState.ACCEPT_SENT
    await other.close()


# --- one yes ------------------------------------------------------------------------------


async def test_a_yes_signs_what_was_chosen_and_tells_nothing_yet(market: Market):
    row, offer_id = await market.offered()
    deal = await market.buyer.accept(offer_id, options=[1], disclose={"name": "Ana", "phone": "7"})
    signed = await market.buyer.object(deal.deal_id)
    body = signed.body
    assert (body.offer, body.total, body.options) == (offer_id, 26_500, [1])
    assert signed.header.at == START_MS
    assert body.confirm_by == START_MS + 15 * MINUTE_MS == deal.confirm_by
    assert [field.name for field in body.fields] == ["name", "phone"]
    assert b"Ana" not in signed.raw
    (letter,) = market.buyer.fresh()
    assert (letter.priority, letter.opened) == (Priority.ACCEPTANCE, None)
    assert letter.expires_at == deal.confirm_by + limits.confirm_within_ms_max
    salts = {salt for salt, _ in opened_of(deal).values()}
    assert len(salts) == 2
    assert (await market.buyer.own(row.nonce)).state is CastState.AWARDED
    assert (await market.buyer.thread(Role.BUYER)).state is ThreadState.ACCEPTED


async def test_a_yes_takes_the_values_of_the_request_when_none_are_given(market: Market):
    _, offer_id = await market.offered()
    deal = await market.buyer.accept(offer_id)
    assert {name: text for name, (_, text) in opened_of(deal).items()} == {"name": "Ana"}


async def test_one_request_has_one_yes(market: Market, tmp_path: Any):
    row, deal = await market.accepted()
    other = await Booth.open(tmp_path, "vendor_cy", market.clock)
    await market.buyer.learn(await other.sell())
    await other.answer(await market.buyer.object(row.cast_id))
    await other.carry(market.buyer)
    second = next(
        t.offer_id for t in await market.buyer.threads(Role.BUYER) if t.offer_id != deal.offer_id
    )
    count = len(market.buyer.post.queued)
    for offer_id in (deal.offer_id, second):
        with pytest.raises(RefusedError) as refused:
            await market.buyer.accept(offer_id or b"")
        assert refused.value.code == "E-AWARDED"
    assert len(market.buyer.post.queued) == count
    assert len(await market.buyer.deals()) == 1
    await other.close()


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ({"options": [0]}, "E-OPTION"),
        ({"options": [1, 1]}, "E-OPTION"),
        ({"options": [9]}, "E-OPTION"),
        ({"options": [-1]}, "E-OPTION"),
        ({"slot": 0}, "E-SLOT"),
        ({"slot": -1}, "E-SLOT"),
    ],
)
async def test_a_choice_the_offer_does_not_give_is_refused(
    market: Market, choice: dict[str, Any], code: str
):
    _, offer_id = await market.offered()
    with pytest.raises(RefusedError) as refused:
        await market.buyer.accept(offer_id, **choice)
    assert refused.value.code == code
    assert market.buyer.post.queued == []
    assert await market.buyer.deals() == []


SLOTS = Fulfilment(
    mode="pickup",
    window=Window(start="2027-06-01", end="2027-06-20", tz="UTC"),
    slots=[Window(start="2027-06-02", end="2027-06-30", tz="UTC")],
)


async def test_a_slot_can_be_taken_and_a_slot_too_far_cannot(market: Market):
    market.vendor.shop.changes = {"fulfil": SLOTS}
    _, offer_id = await market.offered()
    with pytest.raises(RefusedError) as refused:
        await market.buyer.accept(offer_id, slot=1)
    assert refused.value.fix == "Slots: 0 to 0"
    deal = await market.buyer.accept(offer_id, slot=0)
    assert (await market.buyer.object(deal.deal_id)).body.slot == 0


async def test_the_way_back_of_a_deal_outlives_its_last_promised_date(market: Market):
    market.vendor.shop.changes = {"fulfil": SLOTS}
    row, offer_id = await market.offered()
    promised = 1_814_313_600_000 + DAY_MS + limits.reply_margin_ms
    post = market.buyer.post
    opened = len(post.opened)
    await market.buyer.accept(offer_id)
    assert post.opened[opened:] == [
        (row.nonce, (await market.buyer.object(row.cast_id)).body.reply.at, promised)
    ]


async def test_a_box_out_of_reach_does_not_hold_a_yes_back(market: Market):
    market.vendor.shop.changes = {"fulfil": SLOTS}
    row, offer_id = await market.offered()
    market.buyer.post.answering = []
    deal = await market.buyer.accept(offer_id)
    box = await market.buyer.write(lambda conn: newest_box(conn, row.nonce))
    assert (await market.buyer.object(deal.deal_id)).body.reply.until == box.until


async def test_the_acceptance_names_the_box_as_it_is_now(market: Market):
    row, offer_id = await market.offered()
    box = await market.buyer.write(lambda conn: newest_box(conn, row.nonce))
    moved = replace(box, mailboxes=box.mailboxes[:2], until=box.until + DAY_MS)
    await market.buyer.write(lambda conn: boxes_own.save(conn, moved))
    deal = await market.buyer.accept(offer_id)
    reply = (await market.buyer.object(deal.deal_id)).body.reply
    assert (reply.at, reply.until) == (list(box.mailboxes[:2]), box.until + DAY_MS)


async def test_without_a_box_row_the_casts_own_way_back_is_named(market: Market):
    row, offer_id = await market.offered()
    await market.buyer.write(lambda conn: conn.execute("DELETE FROM boxes_own"))
    deal = await market.buyer.accept(offer_id)
    cast = await market.buyer.object(row.cast_id)
    assert (await market.buyer.object(deal.deal_id)).body.reply == cast.body.reply


async def test_what_is_not_here_cannot_be_accepted(market: Market):
    row, offer_id = await market.offered()
    with pytest.raises(NotFoundError) as unknown:
        await market.buyer.accept(b"0" * 32)
    assert unknown.value.code == "E-OFFER-UNKNOWN"
    await market.buyer.write(
        lambda conn: conn.execute("DELETE FROM objects WHERE id = ?", (row.cast_id,))
    )
    with pytest.raises(NotFoundError) as gone:
        await market.buyer.accept(offer_id)
    assert gone.value.code == "E-CAST-UNKNOWN"


async def test_an_offer_that_has_ended_says_since_when(market: Market):
    _, offer_id = await market.offered()
    market.clock.advance(2 * DAY_MS + 7 * MINUTE_MS)
    with pytest.raises(RefusedError, match="ended 7 minutes ago") as refused:
        await market.buyer.accept(offer_id)
    assert refused.value.code == "E-OFFER-EXPIRED"


async def test_a_request_that_is_over_accepts_nothing(market: Market):
    row, offer_id = await market.offered()
    await market.buyer.change(row.nonce, state=CastState.REVOKED)
    with pytest.raises(RefusedError) as refused:
        await market.buyer.accept(offer_id)
    assert refused.value.code == "E-CAST-CLOSED"


async def test_a_value_too_long_to_commit_to_is_refused_before_anything_is_signed(market: Market):
    _, offer_id = await market.offered()
    with pytest.raises(LocalProtocolError):
        await market.buyer.accept(offer_id, disclose={"name": "x" * 401})
    assert await market.buyer.deals() == []


async def test_a_void_is_asked_for_only_where_a_deal_waits(market: Market):
    _, deal = await market.accepted()

    async def due(deal_id: bytes, read_ms: int | None) -> bool:
        found: bool = await market.buyer.write(
            lambda conn: market.buyer.buyer.void_due(conn, deal_id, read_ms)
        )
        return found

    before = await market.buyer.history()
    assert not await due(b"0" * 32, None)
    assert not await due(deal.deal_id, None)
    assert await market.buyer.history() == before
    market.clock.advance(DAY_MS)
    thread = await market.buyer.thread(Role.BUYER)
    await market.buyer.write(lambda conn: conn.execute("DELETE FROM threads"))
    assert not await due(deal.deal_id, START_MS + DAY_MS)
    await market.buyer.write(lambda conn: threads.save(conn, thread))
    assert await due(deal.deal_id, START_MS + DAY_MS)
    assert not await due(deal.deal_id, START_MS + DAY_MS)


async def test_an_offer_to_any_form_that_asks_the_same_is_taken(market: Market, tmp_path: Any):
    row, _ = await market.offered()
    first = await market.buyer.object(row.cast_id)
    forms = [first]
    for changes in ({}, {}, {"title": "Another camera"}):
        market.clock.advance(60_000)
        facts = {"supersedes": forms[-1].id, **changes}
        body = msgspec.structs.replace(first.body, **facts)
        form = await market.buyer.desk.pen.public(
            row.nonce, Kind.INTENTCAST, body, exp=first.header.exp, thread=row.root_id
        )
        await market.buyer.write(partial(market.buyer.desk.record, verified=form))
        forms.append(form)
    other = await Booth.open(tmp_path, "vendor_cy", market.clock)
    await market.buyer.learn(await other.sell())
    await market.buyer.change(row.nonce, cast_id=forms[2].id)
    await other.answer(forms[1])
    (outcome,) = await other.carry(market.buyer)
    assert isinstance(outcome, Recorded)
    # What asks something else now is no longer answered by it.
    await market.buyer.change(row.nonce, cast_id=forms[3].id)
    third = await Booth.open(tmp_path, "vendor_di", market.clock)
    await market.buyer.learn(await third.sell())
    await third.answer(forms[2])
    assert await third.carry(market.buyer) == [Discard(reason="mismatch")]
    await other.close()
    await third.close()
