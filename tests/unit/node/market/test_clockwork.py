"""What time alone brings about, and that one failure does not stop time for the rest."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from node.errors import RefusedError, StorageError
from node.market.clockwork import Clockwork
from node.market.drafts import read_request
from node.market.relocation import Relocation
from node.timekeeper import Timekeeper
from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.market.cast import CastEvent, CastState
from protocol.market.deal import NO_ACK_MS, DealState, Role
from protocol.market.thread import ThreadState
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS
from tests.unit.node.market.booth import DRAFT, MAILBOXES, START_MS, Booth, Market

BOUND_MS = 15 * MINUTE_MS + limits.void_grace_ms


async def draft(booth: Booth, **changes: Any) -> bytes:
    facts = {**DRAFT, **changes}
    return await booth.requests.draft(read_request(facts, booth.desk.wall_ms()), facts)


async def tick(booth: Booth) -> None:
    """One tick, and whatever it set going."""
    await booth.clockwork.tick()
    while pending := [t for t in booth.tasks._tasks if t.get_name().startswith("draft")]:
        await asyncio.gather(*pending)


async def state(booth: Booth, nonce: bytes) -> CastState:
    return (await booth.own(nonce)).state


# --- drafts -----------------------------------------------------------------------------------


async def test_drafts_go_out_when_a_mailbox_is_there(buyer: Booth, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("node.market.requests._SETTLING_MS", 0)
    nonce = await draft(buyer)
    buyer.network.known = []
    await tick(buyer)
    assert await state(buyer, nonce) is CastState.DRAFT
    buyer.network.known = [b"m" * 32]  # type: ignore[list-item]
    await tick(buyer)
    assert await state(buyer, nonce) is CastState.OPEN


async def test_a_draft_whose_date_passes_ends_without_going_out(buyer: Booth):
    nonce = await draft(buyer, decide_by="+2h")
    buyer.clock.advance(2 * HOUR_MS)
    await tick(buyer)
    assert await state(buyer, nonce) is CastState.EXPIRED
    assert buyer.network.published == []
    assert (await buyer.history())[-1] == "cast.expired"


async def test_a_draft_that_cannot_be_signed_is_told_once_and_stops_no_other(
    buyer: Booth, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    bad, good = await draft(buyer), await draft(buyer)
    publish = buyer.requests.publish

    async def fails_for_one(nonce: bytes) -> bool:
        if nonce == bad:
            raise LocalProtocolError("too long", code="E-OBJECT")
        return await publish(nonce)

    monkeypatch.setattr(buyer.requests, "publish", fails_for_one)
    for _ in range(3):
        await tick(buyer)
    assert await state(buyer, good) is CastState.OPEN
    assert await state(buyer, bad) is CastState.DRAFT
    assert len([r for r in caplog.records if "cannot be sent" in r.message]) == 1


async def test_a_draft_that_the_disk_refuses_is_tried_again(
    buyer: Booth, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    nonce = await draft(buyer)

    async def fails(_nonce: bytes) -> bool:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(buyer.requests, "publish", fails)
        await tick(buyer)
    assert "the disk is full" in caplog.text
    await tick(buyer)
    assert await state(buyer, nonce) is CastState.OPEN


# --- ends -------------------------------------------------------------------------------------


async def test_a_request_lives_until_its_dates(market: Market):
    row, _ = await market.offered()
    buyer = market.buyer
    await tick(buyer)
    assert await state(buyer, row.nonce) is CastState.OPEN
    assert row.decide_by is not None
    assert row.exp is not None
    buyer.clock.advance(row.decide_by - START_MS)
    await tick(buyer)
    assert await state(buyer, row.nonce) is CastState.DECIDING
    assert buyer.post.queued == []
    buyer.clock.advance(row.exp - row.decide_by)
    nudges = buyer.post.nudges
    await tick(buyer)
    assert await state(buyer, row.nonce) is CastState.EXPIRED
    assert [letter.kind for letter in buyer.post.queued] == ["event"]
    assert buyer.post.nudges == nudges + 1
    await buyer.carry(market.vendor)
    assert (await market.vendor.thread(Role.VENDOR)).state is ThreadState.CLOSED


async def test_a_late_start_takes_all_steps_at_once(market: Market):
    row, _ = await market.offered()
    market.clock.advance(40 * DAY_MS)
    await tick(market.buyer)
    assert await state(market.buyer, row.nonce) is CastState.EXPIRED
    assert len(market.buyer.post.queued) == 1


async def test_losers_hear_once_at_the_published_date_of_an_award(market: Market, tmp_path: Any):
    row, deal = await market.agreed()
    other = await Booth.open(tmp_path, "vendor_cy", market.clock)
    await market.buyer.learn(await other.sell())
    await other.answer(await market.buyer.object(row.cast_id))
    await other.carry(market.buyer)
    await tick(market.buyer)
    assert market.buyer.fresh() == []
    assert row.decide_by is not None
    market.clock.advance(row.decide_by - START_MS)
    for _ in range(3):
        await tick(market.buyer)
    (letter,) = market.buyer.fresh()
    assert letter.to_key == other.desk.pen.profile_key() != deal.other_key
    assert await state(market.buyer, row.nonce) is CastState.AWARDED
    kept = {t.other_key: t.state for t in await market.buyer.threads(Role.BUYER)}
    assert kept[deal.other_key] is ThreadState.ACCEPTED
    await other.close()


async def test_moving_a_request_that_is_not_here_changes_nothing(buyer: Booth):
    found = await buyer.write(
        lambda conn: buyer.clockwork.move_cast(conn, b"?" * 16, CastEvent.EXPIRED)
    )
    assert found is False


async def test_one_end_that_fails_stops_no_other_and_is_told_once(
    market: Market, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    first, _ = await market.offered()
    second, _ = await market.offered()
    close = market.buyer.clockwork._close_threads

    def fails_for_one(conn: Any, row: Any) -> int:
        if row.nonce == first.nonce:
            raise ZeroDivisionError("damaged")
        return close(conn, row)

    market.clock.advance(40 * DAY_MS)
    with monkeypatch.context() as patched:
        patched.setattr(market.buyer.clockwork, "_close_threads", fails_for_one)
        for _ in range(3):
            await tick(market.buyer)
    assert await state(market.buyer, second.nonce) is CastState.EXPIRED
    assert await state(market.buyer, first.nonce) is CastState.DECIDING
    assert len([r for r in caplog.records if "damaged" in r.message]) == 1
    await tick(market.buyer)
    assert await state(market.buyer, first.nonce) is CastState.EXPIRED


async def test_a_vendor_waits_a_week_for_the_acknowledgement(market: Market):
    await market.accepted()
    await market.vendor.decide()
    market.clock.advance(NO_ACK_MS)
    await tick(market.vendor)
    assert (await market.vendor.deal()).state is DealState.CONFIRMED
    market.clock.advance(1)
    await tick(market.vendor)
    assert (await market.vendor.deal()).state is DealState.CANCELLED


# --- voids ------------------------------------------------------------------------------------


def read_at(booth: Booth, ctx: bytes, *moments: int | None) -> None:
    """Say when the mailboxes of a box were last read; None: never."""
    reply = booth.reply(ctx)
    for mailbox, moment in zip(reply.at, moments, strict=True):
        if moment is not None:
            booth.post.read_since[reply.reader, mailbox] = moment


@pytest.mark.parametrize(
    ("read_ms", "failing", "voided"),
    [
        ((1, 1, 1), (), True),
        ((1, 1, 0), (), False),
        ((1, 1, None), (), False),
        ((1, 1, None), (2,), True),
        ((1, 0, 0), (1, 2), True),
        ((None, None, None), (0, 1, 2), False),
        ((None, None, None), (), False),
    ],
)
async def test_a_silent_deal_is_voided_when_every_reachable_box_was_read_after_the_bound(
    market: Market, read_ms: tuple[int | None, ...], failing: tuple[int, ...], *, voided: bool
):
    row, deal = await market.accepted()
    bound = deal.confirm_by + limits.void_grace_ms
    cast = await market.buyer.object(row.cast_id)
    reply = cast.body.reply
    post = market.buyer.post
    for mailbox, moment in zip(reply.at, read_ms, strict=True):
        if moment is not None:
            post.read_since[reply.reader, mailbox] = bound + moment
    for number in failing:
        post.failing_since[reply.reader, reply.at[number]] = START_MS
    market.clock.advance(BOUND_MS + 1)
    await tick(market.buyer)
    expected = DealState.VOIDED if voided else DealState.ACCEPT_SENT
    assert (await market.buyer.deal()).state is expected


async def test_a_deal_is_not_voided_while_its_buyer_is_bound(market: Market):
    row, deal = await market.accepted()
    read_at(market.buyer, row.nonce, *[deal.confirm_by + DAY_MS] * 3)
    market.clock.advance(BOUND_MS)
    await tick(market.buyer)
    assert (await market.buyer.deal()).state is DealState.ACCEPT_SENT


async def test_without_a_box_nothing_is_known_to_be_read(market: Market):
    await market.accepted()
    await market.buyer.write(lambda conn: conn.execute("DELETE FROM boxes_own"))
    market.clock.advance(DAY_MS)
    await tick(market.buyer)
    assert (await market.buyer.deal()).state is DealState.ACCEPT_SENT


# --- going on ---------------------------------------------------------------------------------


async def test_it_ticks_until_it_is_stopped_whatever_fails(
    buyer: Booth, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("node.market.clockwork._PERIOD_S", 0.001)
    ticks: list[int] = []

    async def fails() -> None:
        ticks.append(1)
        raise StorageError("the disk is full")

    monkeypatch.setattr(buyer.clockwork, "_voids", fails)
    with caplog.at_level(logging.ERROR):
        running = buyer.tasks.spawn(buyer.clockwork.run(), "clockwork")
        async with asyncio.timeout(5):
            while len(ticks) < 4:
                await asyncio.sleep(0.005)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert len([r for r in caplog.records if "the disk is full" in r.message]) == 1


async def test_a_deal_whose_mailboxes_are_gone_for_good_is_voided_a_day_later(market: Market):
    row, deal = await market.accepted()
    bound = deal.confirm_by + limits.void_grace_ms
    post = market.buyer.post
    post.failing_since = {(market.buyer.reply(row.nonce).reader, each): 1 for each in MAILBOXES}
    market.clock.advance(bound + limits.void_lost_ms - START_MS + 1)
    await tick(market.buyer)
    assert (await market.buyer.deal()).state is DealState.ACCEPT_SENT
    post.lost_at = set(MAILBOXES)
    await tick(market.buyer)
    assert (await market.buyer.deal()).state is DealState.VOIDED


async def test_by_a_clock_that_is_off_nothing_ends(market: Market):
    row, _ = await market.offered()
    market.clock.advance(400 * DAY_MS)
    pen = market.buyer.desk.pen
    pen.timekeeper = Timekeeper(market.clock, lambda: -400 * DAY_MS)
    await tick(market.buyer)
    assert await state(market.buyer, row.nonce) is CastState.OPEN
    pen.timekeeper = Timekeeper()
    await tick(market.buyer)
    assert await state(market.buyer, row.nonce) is CastState.EXPIRED


async def test_a_draft_waits_for_a_clock_that_may_date_it(
    buyer: Booth, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    nonce = await draft(buyer)

    async def refused(_nonce: bytes) -> bool:
        raise RefusedError("the clock is off", code="E-CLOCK")

    with monkeypatch.context() as patched:
        patched.setattr(buyer.requests, "publish", refused)
        await tick(buyer)
    assert "the clock is off" in caplog.text
    await tick(buyer)
    assert await state(buyer, nonce) is CastState.OPEN


async def test_boxes_are_looked_at_for_moves(market: Market):
    row, _ = await market.offered()
    buyer = market.buyer
    mover = Relocation(buyer.desk, buyer.requests, lost_ms=1)
    clockwork = Clockwork(buyer.desk, buyer.requests, buyer.buyer, buyer.seller, mover)
    buyer.post.lost_at = {MAILBOXES[0]}
    buyer.network.known = [b"n" * 32, *MAILBOXES]  # type: ignore[list-item]
    market.clock.advance(1_000)
    await clockwork.tick()
    async with asyncio.timeout(5):
        while buyer.post.watched[-1].former != (MAILBOXES[0],):
            await asyncio.sleep(0)
    assert row.nonce == buyer.post.watched[-1].ctx
