"""The vendor's room: who is answered, which yes is recorded, and what the shop then says."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from node.errors import StorageError
from node.keystore import PROFILE_CONTEXT
from node.market.desk import read_reply
from node.market.shop import Skipped
from node.post.letters import Discard, Recorded
from node.storage import deals, offers_sent, threads
from node.storage.outbox import Priority
from node.timekeeper import Timekeeper
from protocol import limits
from protocol.errors import LocalProtocolError, Reason, RemoteProtocolError
from protocol.ids import to_text
from protocol.market.deal import DealState, Role
from protocol.market.thread import ThreadState
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.event import Agreed, Closed, Confirmed, Moved, Void
from protocol.objects.header import Kind
from protocol.objects.offer import Line
from tests.parties import buyer_ana
from tests.unit.node.market.booth import ONE, START_MS, Booth, Market


async def from_buyer(market: Market, ctx: bytes, kind: Kind, body: Any, **facts: Any) -> Any:
    """Sign something as the buyer, in its thread with this vendor, and hand it over."""
    thread = await market.buyer.thread(Role.BUYER)
    defaults = {
        "to": market.vendor.desk.pen.profile_key(),
        "thread": thread.cast_id,
        "prev": thread.last_own_id,
    }
    signed = market.buyer.sealed(ctx, kind, body, **{**defaults, **facts})
    opened = facts.pop("opened", None)
    return signed, await market.vendor.take(PROFILE_CONTEXT, signed, opened)


async def until(holds: Any) -> None:
    async with asyncio.timeout(5):
        while not (await found if asyncio.iscoroutine(found := holds()) else found):
            await asyncio.sleep(0.005)


# --- requests and offers ---------------------------------------------------------------------


async def test_a_request_gets_one_offer(market: Market):
    row, offer_id = await market.offered()
    vendor = market.vendor
    thread = await vendor.thread(Role.VENDOR)
    assert (thread.state, thread.offer_id, thread.last_own_id) == (
        ThreadState.OFFERED,
        offer_id,
        offer_id,
    )
    (letter,) = vendor.post.queued
    offer = await vendor.object(offer_id)
    assert (letter.priority, letter.expires_at) == (Priority.OFFER, offer.body.valid_until)
    cast = await vendor.object(row.cast_id)
    assert letter.reply == cast.body.reply
    assert vendor.seller.quoted == 1
    await vendor.answer(cast)
    assert len(vendor.post.queued) == 1
    assert vendor.shop.asked == [row.cast_id]


async def test_an_offer_already_claimed_is_not_sent_again(market: Market):
    await market.vendor.sell()
    row = await market.buyer.cast()
    cast = await market.buyer.object(row.cast_id)
    offer_for = market.vendor.shop.offer_for

    async def meanwhile(*args: Any, **facts: Any) -> Any:
        await market.vendor.write(
            lambda conn: offers_sent.claim(
                conn,
                cast_id=cast.id,
                own_ctx=PROFILE_CONTEXT,
                round_number=0,
                offer_id=b"o" * 32,
                now_ms=START_MS,
                exp=START_MS + DAY_MS,
            )
        )
        return await offer_for(*args, **facts)

    market.vendor.shop.offer_for = meanwhile  # type: ignore[method-assign]
    await market.vendor.answer(cast)
    assert market.vendor.post.queued == []


async def test_nothing_is_answered_before_the_shop_opens_or_after_the_request_ends(market: Market):
    row = await market.buyer.cast()
    cast = await market.buyer.object(row.cast_id)
    await market.vendor.answer(cast)
    market.vendor.seller.hear(cast)
    await market.vendor.sell()
    market.clock.advance(60 * DAY_MS)
    await market.vendor.answer(cast)
    assert market.vendor.shop.asked == []
    assert market.vendor.seller.skipped == {}


async def test_a_home_that_buys_and_sells_does_not_answer_itself(vendor: Booth):
    await vendor.sell()
    row = await vendor.cast()
    await vendor.answer(await vendor.object(row.cast_id))
    assert vendor.shop.asked == []
    assert vendor.post.queued == []


async def test_a_buyer_nobody_can_write_to_is_not_quoted(market: Market):
    await market.vendor.sell()
    row = await market.buyer.cast()
    cast = await market.buyer.object(row.cast_id)
    bad = msgspec.structs.replace(cast.body.reply, box=bytes(32))
    body = msgspec.structs.replace(cast.body, reply=bad)
    public = await market.buyer.desk.pen.public(
        row.nonce, Kind.INTENTCAST, body, exp=cast.header.exp
    )
    with pytest.raises((LocalProtocolError, RemoteProtocolError)):
        await market.vendor.answer(public)
    assert market.vendor.shop.asked == []


async def test_what_the_shop_does_not_sell_is_skipped_with_its_reason(market: Market):
    await market.vendor.sell()
    row = await market.buyer.cast()
    cast = await market.buyer.object(row.cast_id)
    market.vendor.shop.skip = Skipped(reason="no_match", words="nothing fits")
    await market.vendor.answer(cast)
    noted = replace(market.vendor.shop.skip, at_ms=market.clock.now().wall_ms)
    assert market.vendor.seller.skipped == {cast.id: noted}
    market.vendor.shop.skip = None
    await market.vendor.answer(cast)
    assert market.vendor.seller.skipped == {}
    assert market.vendor.seller.quoted == 1


async def test_an_offer_too_long_for_a_first_letter_is_not_sent(market: Market):
    await market.vendor.sell()
    row = await market.buyer.cast()
    line = Line(name="x" * 110, kind="item", qty=ONE, unit=0, total=0, basis="y" * 110)
    market.vendor.shop.changes = {"lines": [line] * 45, "total": 0}
    with pytest.raises(LocalProtocolError) as refused:
        await market.vendor.answer(await market.buyer.object(row.cast_id))
    assert refused.value.code == "E-OFFER-LONG"
    assert await market.vendor.threads(Role.VENDOR) == []
    assert not await market.vendor.write(
        lambda conn: offers_sent.offer_of(conn, row.cast_id or b"", PROFILE_CONTEXT, 0)
    )


async def test_the_open_shop_answers_what_it_hears_once(market: Market):
    profile = await market.vendor.sell()
    seller = market.vendor.seller
    seller._shop = None
    seller.open(market.vendor.shop, profile)
    running = list(seller._running)
    seller.open(market.vendor.shop, profile)
    assert seller._running == running
    row = await market.buyer.cast()
    cast = await market.buyer.object(row.cast_id)
    for _ in range(3):
        seller.hear(cast)
    await until(lambda: seller.quoted)
    seller.hear(cast)
    await until(lambda: not seller._heard)
    assert len(market.vendor.post.queued) == 1
    assert market.vendor.post.nudges == 1


async def test_a_request_under_the_shops_own_key_is_not_heard(vendor: Booth):
    await vendor.sell()
    row = await vendor.cast()
    body = (await vendor.object(row.cast_id)).body
    own = await vendor.desk.pen.public(PROFILE_CONTEXT, Kind.INTENTCAST, body, exp=row.exp or 0)
    vendor.seller.hear(own)
    assert vendor.seller._waiting.empty()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LocalProtocolError("the floor is under water", code="E-FLOOR"), "E-FLOOR"),
        (ZeroDivisionError("a rule"), "E-INTERNAL"),
    ],
)
async def test_a_rule_that_raises_never_sends_and_stops_nothing(
    market: Market, error: Exception, reason: str, caplog: pytest.LogCaptureFixture
):
    profile = await market.vendor.sell()
    seller = market.vendor.seller
    seller._shop = None
    seller.open(market.vendor.shop, profile)
    market.vendor.shop.fails = error
    first, second = [await market.buyer.cast() for _ in range(2)]
    with caplog.at_level(logging.CRITICAL, "node.market.seller"):
        seller.hear(await market.buyer.object(first.cast_id))
        await until(lambda: seller.skipped)
    assert seller.skipped[first.cast_id or b""].reason == reason
    assert market.vendor.post.queued == []
    market.vendor.shop.fails = None
    seller.hear(await market.buyer.object(second.cast_id))
    await until(lambda: seller.quoted)


async def test_only_so_many_skipped_requests_are_remembered(vendor: Booth):
    for number in range(201):
        vendor.seller._skip(number.to_bytes(32, "big"), Skipped(reason="x", words="y"))
    assert len(vendor.seller.skipped) == 200
    assert bytes(32) not in vendor.seller.skipped


# --- acceptances --------------------------------------------------------------------------------


async def test_an_acceptance_is_recorded_and_waits_for_the_shop(market: Market):
    _, deal = await market.accepted()
    kept = await market.vendor.deal()
    assert (kept.deal_id, kept.state, kept.role) == (deal.deal_id, DealState.OFFERED, Role.VENDOR)
    assert kept.confirm_by == deal.confirm_by
    thread = await market.vendor.thread(Role.VENDOR)
    assert thread.state is ThreadState.ACCEPTED
    acceptance = await market.buyer.object(deal.deal_id)
    assert read_reply(thread.other_reply) == acceptance.body.reply
    assert market.vendor.seller._undecided.is_set()


async def test_a_stranger_is_not_spoken_to(market: Market):
    row, _ = await market.offered()
    signed = market.buyer.sealed(
        b"another context!",
        Kind.EVENT,
        Closed(of=b"o" * 32),
        to=market.vendor.desk.pen.profile_key(),
        thread=row.root_id,
    )
    assert await market.vendor.take(PROFILE_CONTEXT, signed) == Discard(reason="unknown_parent")
    market.vendor.letters._is_spoken_to = lambda *_facts: True  # type: ignore[method-assign]
    assert await market.vendor.take(PROFILE_CONTEXT, signed) == Discard(reason="unknown_parent")


async def acceptance_of(market: Market, offer_id: bytes, **changes: Any) -> Any:
    """Make an acceptance by the buyer's own room, change it, and hand it over."""
    deal = await market.buyer.accept(offer_id)
    signed = await market.buyer.object(deal.deal_id)
    market.buyer.fresh()
    body = msgspec.structs.replace(signed.body, **changes)
    again = market.buyer.sealed(
        deal.own_ctx,
        Kind.ACCEPTANCE,
        body,
        to=signed.header.to,
        thread=signed.header.thread,
        at=signed.header.at,
    )
    return await market.vendor.take(PROFILE_CONTEXT, again)


@pytest.mark.parametrize(
    "changes",
    [{"total": 1}, {"confirm_by": START_MS + DAY_MS}, {"cur": "EUR"}, {"offer": b"o" * 32}],
)
async def test_an_acceptance_of_something_else_is_not_taken(
    market: Market, changes: dict[str, Any]
):
    _, offer_id = await market.offered()
    assert await acceptance_of(market, offer_id, **changes) == Discard(reason="mismatch")
    assert await market.vendor.deals() == []


async def test_an_acceptance_of_what_is_no_offer_is_not_taken(market: Market):
    row, offer_id = await market.offered()
    assert await acceptance_of(market, offer_id, offer=row.cast_id) == Discard(reason="mismatch")


async def test_a_second_acceptance_of_a_live_deal_is_not_taken(market: Market):
    row, deal = await market.accepted()
    body = (await market.buyer.object(deal.deal_id)).body
    signed = msgspec.structs.replace(body, review_key=buyer_ana.key)
    _, outcome = await from_buyer(market, row.nonce, Kind.ACCEPTANCE, signed, at=START_MS)
    assert outcome == Discard(reason="duplicate")


async def test_an_offer_taken_back_meanwhile_is_refused_with_the_word(market: Market):
    _, offer_id = await market.offered()
    await market.vendor.withdrawal.revoke(to_text("offer", offer_id))
    market.vendor.fresh()
    await market.buyer.accept(offer_id)
    await market.buyer.carry(market.vendor)
    assert (await market.vendor.deal()).state is DealState.DECLINED
    last = await market.vendor.object(market.vendor.post.queued[-1].envelope_id)
    assert (last.body.of, last.body.reason) == ((await market.vendor.deal()).deal_id, "withdrawn")
    assert (await market.vendor.thread(Role.VENDOR)).state is ThreadState.WITHDRAWN


async def test_an_older_offer_is_refused(market: Market):
    _, offer_id = await market.offered()
    thread = await market.vendor.thread(Role.VENDOR)
    newer = replace(thread, offer_id=b"n" * 32)
    await market.vendor.write(lambda conn: threads.save(conn, newer))
    await market.buyer.accept(offer_id)
    await market.buyer.carry(market.vendor)
    last = await market.vendor.object(market.vendor.post.queued[-1].envelope_id)
    assert last.body.reason == "withdrawn"


async def test_an_acceptance_recorded_after_the_offer_ended_is_refused(market: Market):
    _, offer_id = await market.offered()
    market.clock.advance(2 * DAY_MS - 1)
    await market.buyer.accept(offer_id)
    market.clock.advance(limits.expiry_tolerance_ms + 2)
    await market.buyer.carry(market.vendor)
    last = await market.vendor.object(market.vendor.post.queued[-1].envelope_id)
    assert last.body.reason == "expired"
    assert (await market.vendor.deal()).state is DealState.DECLINED


# --- acknowledgement, void, and the rest ---------------------------------------------------------


async def test_the_disclosed_values_are_kept_with_the_deal(market: Market):
    await market.agreed()
    kept = await market.vendor.deal()
    assert {name: text for name, (_, text) in kept.opened.items()} == {"name": "Ana"}
    assert kept.agreed_id == (await market.buyer.deal()).agreed_id


async def to_be_agreed(market: Market) -> tuple[Any, Any, Any]:
    """The buyer's `agreed`, signed and not yet handed over."""
    row, _ = await market.accepted()
    await market.vendor.decide()
    await market.vendor.carry(market.buyer)
    (letter,) = market.buyer.fresh()
    return row, letter, await market.buyer.object(letter.envelope_id)


async def test_values_that_do_not_fit_their_hashes_are_not_taken(market: Market):
    _, letter, _ = await to_be_agreed(market)
    salt, _ = letter.opened["name"]
    for opened in (None, {"name": (salt, "Bea")}, {**letter.opened, "phone": (salt, "7")}):
        outcome = await market.vendor.take(PROFILE_CONTEXT, letter.envelope, opened)
        assert outcome == Discard(reason="mismatch")
    assert (await market.vendor.deal()).state is DealState.CONFIRMED
    outcome = await market.vendor.take(PROFILE_CONTEXT, letter.envelope, letter.opened)
    assert isinstance(outcome, Recorded)
    assert (await market.vendor.deal()).state is DealState.AGREED


async def test_an_acknowledgement_of_other_fields_is_not_taken(market: Market):
    row, letter, agreed = await to_be_agreed(market)
    body = msgspec.structs.replace(agreed.body, fields=[])
    signed = market.buyer.sealed(
        row.nonce, Kind.EVENT, body, to=agreed.header.to, thread=row.root_id
    )
    outcome = await market.vendor.take(PROFILE_CONTEXT, signed, letter.opened)
    assert outcome == Discard(reason="mismatch")


async def test_an_acknowledgement_of_what_is_no_confirmation_is_not_taken(market: Market):
    row, deal = await market.accepted()
    for target in (b"c" * 32, deal.deal_id):
        _, outcome = await from_buyer(market, row.nonce, Kind.EVENT, Agreed(of=target))
        assert outcome == Discard(reason="mismatch")


async def test_an_acknowledgement_of_another_confirmation_is_not_taken(market: Market):
    row, _, agreed = await to_be_agreed(market)
    confirmed = await market.vendor.object(agreed.body.of)
    twin = market.vendor.sealed(
        PROFILE_CONTEXT,
        Kind.EVENT,
        Confirmed(of=confirmed.body.of, review_key=confirmed.body.review_key),
        to=confirmed.header.to,
        thread=confirmed.header.thread,
        at=START_MS + 5,
    )
    await market.vendor.write(lambda conn: market.vendor.desk.record(conn, twin))
    body = msgspec.structs.replace(agreed.body, of=twin.id)
    _, outcome = await from_buyer(market, row.nonce, Kind.EVENT, body, prev=None)
    assert outcome == Discard(reason="mismatch")


async def test_a_void_that_names_no_acceptance_of_ours_is_kept_and_changes_nothing(market: Market):
    row, _ = await market.offered()
    void, outcome = await from_buyer(market, row.nonce, Kind.EVENT, Void(of=b"a" * 32))
    assert isinstance(outcome, Recorded)
    assert (await market.vendor.object(void.id)).raw == void.raw
    assert await market.vendor.deals() == []


async def test_another_buyer_cannot_void_this_deal(market: Market):
    _, deal = await market.accepted()
    other = await market.buyer.cast()
    await market.vendor.answer(await market.buyer.object(other.cast_id))
    void = market.buyer.sealed(
        other.nonce,
        Kind.EVENT,
        Void(of=deal.deal_id),
        to=market.vendor.desk.pen.profile_key(),
        thread=other.root_id,
    )
    assert await market.vendor.take(PROFILE_CONTEXT, void) == Discard(reason="not_party")


async def test_a_buyer_that_moves_gets_its_letters_there(market: Market):
    row, deal = await market.accepted()
    reply = buyer_ana.reply()
    body = Moved(of=deal.deal_id, reply=reply)
    _, outcome = await from_buyer(market, row.nonce, Kind.EVENT, body)
    assert isinstance(outcome, Recorded)
    assert read_reply((await market.vendor.thread(Role.VENDOR)).other_reply) == reply
    assert market.vendor.post.resealed[0][3] == reply


async def test_a_closed_thread_hears_one_word(market: Market):
    row, offer_id = await market.offered()
    await from_buyer(market, row.nonce, Kind.EVENT, Closed(of=offer_id))
    assert (await market.vendor.thread(Role.VENDOR)).state is ThreadState.CLOSED
    assert "thread.closed" in await market.vendor.history()


async def test_an_event_that_is_not_the_buyers_to_sign_changes_nothing(market: Market):
    row, deal = await market.accepted()
    body = Confirmed(of=deal.deal_id, review_key=b"r" * 32)
    _, outcome = await from_buyer(market, row.nonce, Kind.EVENT, body)
    assert isinstance(outcome, Recorded)
    assert (await market.vendor.deal()).state is DealState.OFFERED


# --- deciding ------------------------------------------------------------------------------------


async def test_the_shop_is_asked_with_what_it_has_promised_already(market: Market):
    await market.agreed()
    await market.accepted()
    await market.vendor.decide()
    assert [len(each) for each in market.vendor.shop.promised] == [0, 1]
    assert len(await market.vendor.seller.promised()) == 2


async def test_an_offer_that_needs_a_human_waits_until_its_time_is_up(market: Market):
    market.vendor.shop.by_itself = False
    await market.accepted()
    await market.vendor.decide()
    assert (await market.vendor.deal()).state is DealState.OFFERED
    market.clock.advance(15 * MINUTE_MS + 1)
    await market.vendor.decide()
    assert (await market.vendor.deal()).state is DealState.VOIDED


@pytest.mark.parametrize(
    ("confirm", "state"), [(True, DealState.CONFIRMED), (False, DealState.DECLINED)]
)
async def test_a_human_decides(market: Market, *, confirm: bool, state: DealState):
    _, deal = await market.accepted()
    decide = market.vendor.seller.decide
    assert await decide(deal.deal_id, confirm=confirm, reason=Reason.POLICY) is None
    assert (await market.vendor.deal()).state is state
    assert await decide(b"0" * 32, confirm=confirm, reason=Reason.POLICY) is Reason.NOT_FOUND


async def test_a_deal_whose_offer_is_gone_or_without_a_shop_is_left_alone(market: Market):
    _, deal = await market.accepted()
    market.vendor.seller._shop = None
    await market.vendor.decide()
    market.vendor.seller._shop = market.vendor.shop
    await market.vendor.write(
        lambda conn: conn.execute("DELETE FROM objects WHERE id = ?", (deal.offer_id,))
    )
    await market.vendor.decide()
    assert (await market.vendor.deal()).state is DealState.OFFERED


async def test_one_deal_that_cannot_be_decided_stops_no_other_and_is_told_once(
    market: Market, caplog: pytest.LogCaptureFixture
):
    await market.accepted()
    await market.accepted()
    rows = await market.vendor.seller._waiting_deals()
    refusal = market.vendor.shop.refusal
    bad = (await market.vendor.object(rows[0].offer_id)).body.cast

    async def fails_for_one(offer: Any, promised: Any) -> Any:
        if offer.cast == bad:
            raise ZeroDivisionError("a rule")
        return await refusal(offer, promised)

    market.vendor.shop.refusal = fails_for_one  # type: ignore[method-assign]
    for _ in range(2):
        for row in rows:
            await market.vendor.seller._try_to_decide(row)
    states = {row.deal_id: row.state for row in await market.vendor.deals()}
    assert states[rows[0].deal_id] is DealState.OFFERED
    assert states[rows[1].deal_id] is DealState.CONFIRMED
    assert len([r for r in caplog.records if "could not be decided" in r.message]) == 1


async def test_the_loop_decides_what_was_recorded_before_it_began(market: Market):
    _, deal = await market.accepted()
    vendor = market.vendor
    profile = vendor.seller.profile
    assert profile is not None
    vendor.seller._shop = None
    vendor.seller.open(vendor.shop, profile)

    async def confirmed() -> bool:
        found = await vendor.write(lambda conn: deals.deal_of(conn, deal.deal_id))
        return bool(found.state is DealState.CONFIRMED)

    await until(confirmed)


async def test_a_disk_that_cannot_be_read_is_told_and_tried_again(
    market: Market, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("node.market.seller._LOOK_AGAIN_S", 0.01)
    _, deal = await market.accepted()
    vendor = market.vendor
    waiting = vendor.seller._waiting_deals
    tries: list[int] = []

    async def fails_first() -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise StorageError("the disk is full")
        return await waiting()

    monkeypatch.setattr(vendor.seller, "_waiting_deals", fails_first)
    profile = vendor.seller.profile
    assert profile is not None
    vendor.seller._shop = None
    vendor.seller.open(vendor.shop, profile)

    async def confirmed() -> bool:
        found = await vendor.write(lambda conn: deals.deal_of(conn, deal.deal_id))
        return bool(found.state is DealState.CONFIRMED)

    await until(confirmed)
    assert "cannot be read" in caplog.text


# --- a void that comes first ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after_ms", "state"),
    [(limits.void_grace_ms, DealState.VOIDED), (-1, DealState.OFFERED)],
)
async def test_a_void_that_came_first_ends_its_acceptance(
    market: Market, after_ms: int, state: DealState
):
    row, offer_id = await market.offered()
    deal = await market.buyer.accept(offer_id)
    (acceptance,) = market.buyer.fresh()
    at = deal.confirm_by + after_ms
    market.clock.advance(limits.void_grace_ms + deal.confirm_by - START_MS)
    await from_buyer(market, row.nonce, Kind.EVENT, Void(of=b"x" * 32), at=at, prev=None)
    body = Void(of=deal.deal_id)
    _, outcome = await from_buyer(market, row.nonce, Kind.EVENT, body, at=at, prev=None)
    assert isinstance(outcome, Recorded)
    outcome = await market.vendor.take(PROFILE_CONTEXT, acceptance.envelope)
    assert isinstance(outcome, Recorded)
    # One signed while the buyer was bound is none, as ever.
    assert (await market.vendor.deal()).state is state


async def test_by_a_clock_that_is_off_requests_wait(
    market: Market, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("node.market.seller._LOOK_AGAIN_S", 0.01)
    vendor = market.vendor
    profile = await vendor.sell()
    vendor.seller._shop = None
    row = await market.buyer.cast()
    offset = [10 * MINUTE_MS]
    vendor.desk.pen.timekeeper = Timekeeper(market.clock, lambda: offset[0])
    vendor.seller.open(vendor.shop, profile)
    vendor.seller.hear(await market.buyer.object(row.cast_id))
    await asyncio.sleep(0.05)
    assert vendor.fresh() == []
    assert vendor.seller.skipped == {}
    offset[0] = 0
    await until(lambda: vendor.seller.quoted)
