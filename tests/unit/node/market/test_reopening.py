"""Reopening: nothing is promised before others were asked, or the owner took what is unknown."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from node.clock import ManualClock
from node.errors import RefusedError
from node.keystore import PROFILE_CONTEXT
from node.market import reopening
from node.market.drafts import read_request
from node.market.recall import ASKED
from node.post.letters import Parked, Recorded
from node.storage import casts, deals, restorations
from protocol import limits
from protocol.ids import to_text
from protocol.market.cast import CastState
from protocol.market.deal import DealState
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.envelope import open_stored
from protocol.objects.event import Confirmed
from protocol.objects.header import Kind
from tests.unit.node.market.aftermath import Aftermath
from tests.unit.node.market.booth import Market


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reopening, "_LOOK_S", 0.01)
    monkeypatch.setattr(reopening, "_SHOPS_S", 0.03)


@pytest.fixture
async def buyer_rooms(market: Market) -> Aftermath:
    return await Aftermath.of(market.buyer)


@pytest.fixture
async def vendor_rooms(market: Market) -> Aftermath:
    return await Aftermath.of(market.vendor)


async def restore(rooms: Aftermath, how: restorations.How = "backup") -> None:
    """As `restore` leaves a database: everything that may have moved is held."""
    now_ms = rooms.booth.desk.wall_ms()
    await rooms.booth.write(
        lambda conn: restorations.record(conn, how=how, backup_ms=now_ms - 1, now_ms=now_ms)
    )
    await rooms.copies.begin()


async def reopen(rooms: Aftermath, ctx: bytes, *, sure: bool = False, patience_s: float = 0.05):
    return await rooms.reopening.reopen(ctx, sure=sure, patience_s=patience_s)


async def answered(market: Market, rooms: Aftermath, ctx: bytes, **facts):
    """Reopen while the vendor is there to answer."""
    waiting = asyncio.ensure_future(reopen(rooms, ctx, patience_s=5, **facts))
    while not any(each.kind == ASKED for each in market.buyer.post.queued):
        await asyncio.sleep(0.005)
    await market.buyer.carry(market.vendor)
    await market.vendor.carry(market.buyer)
    return await waiting


# --- what is held --------------------------------------------------------------------------------


async def test_a_held_request_accepts_nothing_and_can_be_revoked(market, buyer_rooms):
    row, offer_id = await market.offered()
    await restore(buyer_rooms)
    with pytest.raises(RefusedError) as caught:
        await market.buyer.accept(offer_id)
    assert caught.value.code == "E-REOPEN"
    assert await market.buyer.deals() == []
    await market.buyer.withdrawal.revoke(to_text("cast", row.cast_id))
    assert (await market.buyer.own(row.nonce)).state is CastState.REVOKED


async def test_a_held_request_answers_no_confirmation_and_loses_none(market, buyer_rooms):
    row, _ = await market.accepted()
    await market.vendor.decide()
    await restore(buyer_rooms)
    (confirmation,) = market.vendor.fresh()
    assert isinstance(await buyer_rooms.read(row.nonce, confirmation.envelope), Parked)
    assert (await reopen(buyer_rooms, row.nonce, sure=True)).is_open
    assert isinstance(await buyer_rooms.read(row.nonce, confirmation.envelope), Recorded)
    assert (await market.buyer.deal()).state is DealState.AGREED


async def test_a_held_deal_is_not_voided(market, buyer_rooms, clock: ManualClock):
    await market.accepted()
    await restore(buyer_rooms)
    deal = await market.buyer.deal()
    clock.advance(deal.confirm_by - clock.now().wall_ms + limits.void_grace_ms + MINUTE_MS)
    box = market.buyer.post.watched[0]
    market.buyer.post.read_since = {
        (bytes(box.reader), bytes(each)): clock.now().wall_ms for each in box.mailboxes
    }
    await market.buyer.clockwork.tick()
    assert (await market.buyer.deal()).state is DealState.ACCEPT_SENT
    await reopen(buyer_rooms, deal.own_ctx, sure=True)
    await market.buyer.clockwork.tick()
    assert (await market.buyer.deal()).state is DealState.VOIDED


async def test_a_held_draft_does_not_go_out(market, buyer_rooms):
    market.buyer.post.answering = []
    draft = {"title": "Camera", "items": [{"name": "camera"}], "where": {"remote": True}}
    nonce = await market.buyer.requests.draft(
        read_request({**draft, "category": "electronics/cameras"}, market.buyer.desk.wall_ms()),
        draft,
    )
    await restore(buyer_rooms)
    market.buyer.post.answering = None
    await market.buyer.clockwork.tick()
    await asyncio.sleep(0.05)
    assert (await market.buyer.own(nonce)).state is CastState.DRAFT
    assert (await reopen(buyer_rooms, nonce)).is_open
    await market.buyer.clockwork.tick()
    while (await market.buyer.own(nonce)).state is CastState.DRAFT:
        await asyncio.sleep(0.01)


async def test_a_held_shop_quotes_and_decides_nothing(market, vendor_rooms):
    await market.accepted()
    await restore(vendor_rooms)
    await market.vendor.decide()
    assert (await market.vendor.deal()).state is DealState.OFFERED
    with pytest.raises(RefusedError) as caught:
        await market.vendor.seller.decide(
            (await market.vendor.deal()).deal_id, confirm=True, reason=None
        )
    assert caught.value.code == "E-REOPEN"
    row = await market.buyer.cast(title="Another")
    await market.vendor.answer(await market.buyer.object(row.cast_id))
    assert market.vendor.seller.skipped[row.cast_id].reason == "E-REOPEN"
    assert (await reopen(vendor_rooms, PROFILE_CONTEXT, sure=True)).is_open
    assert vendor_rooms.opened == [PROFILE_CONTEXT]
    await market.vendor.decide()
    assert (await market.vendor.deal()).state is DealState.CONFIRMED


async def test_a_held_shop_does_not_leave_a_deal(market, vendor_rooms, clock: ManualClock):
    await market.accepted()
    await market.vendor.decide()
    await restore(vendor_rooms)
    clock.advance(8 * DAY_MS)
    await market.vendor.clockwork.tick()
    assert (await market.vendor.deal()).state is DealState.CONFIRMED


# --- reopening -----------------------------------------------------------------------------------


async def test_what_is_not_held_is_open(market, buyer_rooms):
    row, _ = await market.offered()
    found = await reopen(buyer_rooms, row.nonce)
    assert (found.was_held, found.is_open, found.asked) == (False, True, 0)


async def test_with_a_backup_and_every_answer_it_opens_by_itself(market, buyer_rooms, vendor_rooms):
    row, offer_id = await market.offered()
    await restore(buyer_rooms)
    found = await answered(market, buyer_rooms, row.nonce)
    assert (found.is_open, found.is_certain, found.silent) == (True, True, ())
    assert found.answered == (market.vendor.seller.profile.header.key,)
    assert await buyer_rooms.held() == {PROFILE_CONTEXT}
    assert "reopened" in await market.buyer.history()
    await market.buyer.accept(offer_id)


async def test_a_silent_vendor_keeps_it_closed_until_the_owner_is_sure(market, buyer_rooms):
    row, offer_id = await market.offered()
    await restore(buyer_rooms)
    found = await reopen(buyer_rooms, row.nonce)
    assert (found.is_open, found.is_certain) == (False, False)
    assert found.silent == (market.vendor.seller.profile.header.key,)
    with pytest.raises(RefusedError):
        await market.buyer.accept(offer_id)
    asked = [each for each in market.buyer.post.queued if each.kind == ASKED]
    found = await reopen(buyer_rooms, row.nonce, sure=True)
    assert (found.is_open, found.is_certain) == (True, False)
    # Asked once: the letter is tried for days, the command may be given again and again.
    assert [each for each in market.buyer.post.queued if each.kind == ASKED] == asked
    await market.buyer.accept(offer_id)


async def test_from_words_alone_it_is_never_certain(market, buyer_rooms, vendor_rooms):
    row, _ = await market.offered()
    await restore(buyer_rooms, "words")
    found = await answered(market, buyer_rooms, row.nonce)
    assert (found.silent, found.is_certain, found.is_open) == ((), False, False)


async def test_the_second_yes_finds_the_line_taken(market, buyer_rooms, vendor_rooms):
    """The danger this is all about: an older backup must not accept a second offer."""
    row, deal = await market.agreed()
    await market.buyer.write(_as_of_the_backup)
    await restore(buyer_rooms)
    assert (await market.buyer.own(row.nonce)).state is CastState.OPEN
    found = await answered(market, buyer_rooms, row.nonce)
    assert found.is_open
    assert (await market.buyer.own(row.nonce)).state is CastState.AWARDED
    with pytest.raises(RefusedError) as caught:
        await market.buyer.accept(deal.offer_id)
    assert caught.value.code == "E-AWARDED"
    assert [each.state for each in await market.buyer.deals()] == [DealState.AGREED]


def _as_of_the_backup(conn) -> None:
    conn.execute("DELETE FROM deals")
    conn.execute("DELETE FROM objects WHERE kind IN ('acceptance', 'event')")
    conn.execute("UPDATE threads SET state = 'offered', last_own_id = NULL, last_other_id = NULL")
    conn.execute("UPDATE casts SET state = 'open'")


async def test_a_confirmation_told_while_held_is_answered_on_reopening(
    market, buyer_rooms, vendor_rooms
):
    row, _ = await market.accepted()
    await market.vendor.decide()
    market.vendor.fresh()
    await restore(buyer_rooms)
    found = await answered(market, buyer_rooms, row.nonce)
    assert found.is_open
    assert (await market.buyer.deal()).state is DealState.AGREED
    await market.buyer.carry(market.vendor)
    assert (await market.vendor.deal()).state is DealState.AGREED


async def test_lost_values_are_not_acknowledged(market, buyer_rooms, vendor_rooms):
    row, deal = await market.accepted()
    await market.vendor.decide()
    (confirmation,) = market.vendor.fresh()
    kept = await market.buyer.deal()
    await market.buyer.write(lambda conn: deals.update(conn, _without_values(kept)))
    await restore(buyer_rooms)
    assert (await answered(market, buyer_rooms, row.nonce)).is_open
    assert (await market.buyer.deal()).state is DealState.ACCEPT_SENT
    # Nor when the letter itself comes: it is recorded and receipted, and the deal runs to its void.
    await market.buyer.write(
        lambda conn: conn.execute(
            "DELETE FROM objects WHERE id = ?", (_confirmed_id(confirmation),)
        )
    )
    assert isinstance(await buyer_rooms.read(row.nonce, confirmation.envelope), Recorded)
    assert (await market.buyer.deal()).state is DealState.ACCEPT_SENT
    assert "deal.values_lost" in await market.buyer.history()
    assert market.buyer.fresh() == []
    assert deal.deal_id == kept.deal_id


def _without_values(row):
    return replace(row, opened={})


def _confirmed_id(letter) -> bytes:
    verified = open_stored(letter.envelope, net="test")
    assert verified.header.kind is Kind.EVENT
    assert isinstance(verified.body, Confirmed)
    return verified.id


async def test_after_a_backup_open_deals_are_asked_about_at_once(market, buyer_rooms):
    await market.accepted()
    await buyer_rooms.reopening.catch_up()
    assert not [each for each in market.buyer.post.queued if each.kind == ASKED]
    await restore(buyer_rooms)
    await buyer_rooms.reopening.catch_up()
    (asked,) = [each for each in market.buyer.post.queued if each.kind == ASKED]
    assert asked.to_key == market.vendor.desk.pen.profile_key()


async def test_a_request_that_is_gone_has_nobody_to_ask(market, buyer_rooms):
    await buyer_rooms.hold(b"?" * 16)
    await restore(buyer_rooms)
    assert (await reopen(buyer_rooms, b"?" * 16)).is_open
    found = await market.buyer.storage.read(casts.load_all)
    assert found == []


async def test_a_restart_asks_nobody_twice(market, buyer_rooms, clock: ManualClock):
    await market.accepted()
    await restore(buyer_rooms)
    await buyer_rooms.reopening.catch_up()
    clock.advance(MINUTE_MS)
    again = await Aftermath.of(market.buyer)
    await again.reopening.catch_up()
    assert len([each for each in market.buyer.post.queued if each.kind == ASKED]) == 1
