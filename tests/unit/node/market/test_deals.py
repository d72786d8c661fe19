"""Deals on disk: one row, one thread, one answer for each step, whatever comes twice or late."""

from __future__ import annotations

from node.keystore import PROFILE_CONTEXT
from node.market.deals import opened_of
from node.post.letters import Known, Recorded
from node.storage import casts, ledger
from protocol import limits
from protocol.errors import Reason
from protocol.market import deal as machine
from protocol.market.cast import CastState
from protocol.market.deal import NO_ACK_MS, DealState, Role
from protocol.market.thread import ThreadState
from protocol.now import MINUTE_MS
from protocol.objects.event import Agreed, Cancelled, Confirmed, Refused, Void
from protocol.objects.header import Kind
from tests.unit.node.market.booth import Booth, Market

PAST_MS = 15 * MINUTE_MS + limits.void_grace_ms + 1


async def test_three_steps_make_an_agreement(market: Market):
    row, deal = await market.agreed(options=[1])
    assert await market.states() == ("agreed", "agreed")
    assert (await market.buyer.own(row.nonce)).state is CastState.AWARDED
    assert opened_of(await market.vendor.deal()) == opened_of(await market.buyer.deal())
    assert "deal.agreed" in await market.buyer.history()
    assert deal.deal_id == (await market.vendor.deal()).deal_id


async def test_nothing_is_disclosed_before_the_confirmation_is_recorded(market: Market):
    await market.accepted()
    assert all(letter.opened is None for letter in market.buyer.post.queued)
    assert await market.buyer.storage.read(lambda db: ledger.load_all(db, limit=9)) == []
    await market.vendor.decide()
    await market.vendor.carry(market.buyer)
    last = market.buyer.post.queued[-1]
    assert {name: text for name, (_, text) in (last.opened or {}).items()} == {"name": "Ana"}
    lines = await market.buyer.storage.read(lambda db: ledger.load_all(db, limit=9))
    assert [(line.field, line.tier) for line in lines] == [("name", 3)]


async def test_a_buyer_may_disclose_nothing(market: Market):
    await market.agreed(disclose={})
    assert market.buyer.post.queued[-1].opened is None
    assert (await market.vendor.deal()).opened == {}
    assert await market.states() == ("agreed", "agreed")


async def test_every_letter_may_come_twice(market: Market):
    await market.accepted()
    acceptance = market.buyer.post.queued[-1]
    assert isinstance(await market.vendor.take(PROFILE_CONTEXT, acceptance.envelope), Known)
    await market.vendor.decide()
    confirmed = market.vendor.post.queued[-1]
    ctx = (await market.buyer.deal()).own_ctx
    assert isinstance(await market.buyer.take(ctx, confirmed.envelope), Recorded)
    assert isinstance(await market.buyer.take(ctx, confirmed.envelope), Known)
    agreed = market.buyer.post.queued[-1]
    count = len(market.buyer.post.queued)
    for _ in range(2):
        await market.vendor.take(PROFILE_CONTEXT, agreed.envelope, agreed.opened)
        await market.vendor.decide()
    assert len(market.buyer.post.queued) == count
    assert market.vendor.post.queued[-1] == confirmed
    assert await market.states() == ("agreed", "agreed")


async def bodies(booth: Booth) -> list[object]:
    return [(await booth.object(each.envelope_id)).body for each in booth.post.queued]


async def void(market: Market) -> None:
    """The buyer's boxes are read after the bound, and its clock ticks."""
    market.clock.advance(PAST_MS)
    reply = market.buyer.reply((await market.buyer.deal()).own_ctx)
    for mailbox in reply.at:
        market.buyer.post.read_since[reply.reader, mailbox] = market.buyer.desk.wall_ms()
    await market.buyer.clockwork.tick()


async def test_a_void_frees_both_threads_and_the_offer_may_be_accepted_again(market: Market):
    row, deal = await market.accepted()
    await void(market)
    assert (await market.buyer.own(row.nonce)).state is CastState.DECIDING
    await market.buyer.carry(market.vendor)
    assert await market.states() == ("voided", "voided")
    assert (await market.buyer.thread(Role.BUYER)).state is ThreadState.OFFERED
    assert (await market.vendor.thread(Role.VENDOR)).state is ThreadState.OFFERED
    again = await market.buyer.accept(deal.offer_id)
    assert again.deal_id != deal.deal_id
    await market.buyer.carry(market.vendor)
    await market.vendor.decide()
    await market.vendor.carry(market.buyer)
    await market.buyer.carry(market.vendor)
    assert await market.states() == ("agreed", "agreed")


async def test_a_yes_that_comes_too_late_is_a_lapse_on_both_sides(market: Market):
    await market.accepted()
    market.clock.advance(15 * MINUTE_MS + 1)
    await market.vendor.decide()
    await market.vendor.carry(market.buyer)
    assert await market.states() == ("voided", "voided")
    last = (await bodies(market.vendor))[-1]
    assert isinstance(last, Refused)
    assert last.reason == Reason.TOO_LATE.value


async def test_a_void_and_a_confirmation_that_cross_end_in_the_void(market: Market):
    await market.accepted()
    await market.vendor.decide()
    await void(market)
    await market.vendor.carry(market.buyer)
    assert (await market.buyer.deal()).state is DealState.VOIDED
    voids = [body for body in await bodies(market.buyer) if isinstance(body, Void)]
    assert len(voids) == 1
    assert not any(isinstance(body, Agreed) for body in await bodies(market.buyer))
    await market.buyer.carry(market.vendor)
    assert await market.states() == ("voided", "voided")


async def test_a_confirmation_after_a_no_is_answered_with_a_void(market: Market):
    await market.accepted()
    market.vendor.shop.no = Reason.OUT_OF_STOCK
    await market.vendor.decide()
    await market.vendor.carry(market.buyer)
    assert await market.states() == ("declined", "declined")
    deal = await market.buyer.deal()
    review_key = (await market.buyer.object(deal.deal_id)).body.review_key
    thread = await market.vendor.thread(Role.VENDOR)
    second_thought = market.vendor.sealed(
        PROFILE_CONTEXT,
        Kind.EVENT,
        Confirmed(of=deal.deal_id, review_key=review_key),
        to=thread.other_key,
        thread=thread.cast_id,
        prev=thread.last_own_id,
    )
    assert isinstance(await market.buyer.take(deal.own_ctx, second_thought), Recorded)
    assert isinstance((await bodies(market.buyer))[-1], Void)
    await market.buyer.carry(market.vendor)
    assert await market.states() == ("voided", "voided")


async def test_a_vendor_leaves_a_deal_nobody_acknowledges(market: Market):
    row, _ = await market.accepted()
    await market.vendor.decide()
    await market.vendor.carry(market.buyer)
    market.clock.advance(NO_ACK_MS + 1)
    await market.vendor.clockwork.tick()
    assert (await market.vendor.deal()).state is DealState.CANCELLED
    assert (await market.vendor.thread(Role.VENDOR)).state is ThreadState.OFFERED
    last = (await bodies(market.vendor))[-1]
    assert isinstance(last, Cancelled)
    assert last.reason == "no_ack"
    await market.vendor.carry(market.buyer)
    assert await market.states() == ("cancelled", "cancelled")
    assert (await market.buyer.own(row.nonce)).state is CastState.DECIDING
    # The acknowledgement that comes after all changes nothing.
    await market.buyer.carry(market.vendor)
    assert await market.states() == ("cancelled", "cancelled")
    assert (await market.vendor.deal()).opened == {}


async def test_a_refused_step_is_written_down_and_changes_nothing(market: Market):
    await market.agreed()
    before = await market.vendor.deal()
    refusal = await market.vendor.seller.decide(before.deal_id, confirm=False, reason=Reason.POLICY)
    assert refusal is Reason.UNEXPECTED
    assert await market.vendor.deal() == before
    assert (await market.vendor.history())[-1] == "deal.refused"


async def test_a_failed_deal_of_a_request_that_is_gone_troubles_nobody(market: Market):
    row, _ = await market.accepted()
    await market.buyer.write(
        lambda conn: conn.execute("DELETE FROM casts WHERE nonce = ?", (row.nonce,))
    )
    await void(market)
    assert (await market.buyer.deal()).state is DealState.VOIDED
    assert await market.buyer.write(lambda conn: casts.cast_of(conn, row.nonce)) is None


async def test_a_step_needs_its_deal(market: Market):
    await market.vendor.sell()
    found = await market.vendor.write(
        lambda conn: market.vendor.seller.move(conn, b"0" * 32, machine.Confirm())
    )
    assert found is Reason.NOT_FOUND
