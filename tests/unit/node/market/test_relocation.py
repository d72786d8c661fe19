"""A box leaves mailboxes that are gone for good once another opened it, and tells who writes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from node.errors import StorageError
from node.keystore import PROFILE_CONTEXT
from node.market.desk import newest_box, read_reply
from node.market.relocation import Relocation
from node.storage import bounds, boxes_own, casts, restorations, threads
from node.storage.boxes_own import OwnBox
from protocol import limits
from protocol.ids import NodeId
from protocol.market.cast import CastState
from protocol.market.deal import Role
from protocol.market.thread import ThreadState
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.event import Moved
from protocol.objects.header import Kind
from tests.unit.node.market.booth import MAILBOXES, Booth, Market

OTHERS = [NodeId(bytes([n]) * 32) for n in range(1, 4)]


async def box_of(booth: Booth, ctx: bytes) -> OwnBox:
    found = await booth.write(lambda conn: newest_box(conn, ctx))
    assert found is not None
    return found


async def moves(booth: Booth, relocation: Relocation | None = None) -> Relocation:
    """Look once, and let what it began come to its end."""
    mover = relocation or Relocation(booth.desk, booth.requests, lost_ms=1_000)
    booth.clock.advance(1_000)
    await mover.look()
    async with asyncio.timeout(5):
        while mover._moving:
            await asyncio.sleep(0)
    return mover


def lose(booth: Booth, *mailboxes: NodeId, others: int = 3) -> None:
    booth.post.lost_at = set(mailboxes)
    booth.network.known = [*MAILBOXES, *OTHERS[:others]]


async def test_a_box_whose_mailboxes_are_well_stays(market: Market):
    row, _ = await market.offered()
    await moves(market.buyer)
    assert (await box_of(market.buyer, row.nonce)).former == ()
    assert market.buyer.fresh() == []


async def test_the_lost_one_is_replaced_and_the_vendor_told(market: Market):
    row, offer_id = await market.offered()
    lost = (await box_of(market.buyer, row.nonce)).mailboxes[0]
    lose(market.buyer, lost)
    await moves(market.buyer)
    box = await box_of(market.buyer, row.nonce)
    assert box.former == (lost,)
    assert len(box.mailboxes) == 3
    assert set(box.mailboxes) - set(MAILBOXES) <= set(OTHERS)
    assert market.buyer.post.watched[-1] == box
    (letter,) = market.buyer.post.queued[-1:]
    moved = await market.buyer.object(letter.envelope_id)
    assert isinstance(moved.body, Moved)
    assert (moved.body.of, tuple(moved.body.reply.at)) == (row.cast_id, box.mailboxes)
    await market.buyer.carry(market.vendor)
    told = read_reply((await market.vendor.thread(Role.VENDOR)).other_reply)
    assert tuple(told.at) == box.mailboxes
    # Two of three live: the request is as good as it was.
    assert (await market.buyer.own(row.nonce)).cast_id == row.cast_id
    assert offer_id is not None


async def test_everybody_is_told_once(market: Market):
    row, _ = await market.offered()
    lose(market.buyer, (await box_of(market.buyer, row.nonce)).mailboxes[0])
    mover = await moves(market.buyer)
    count = len(market.buyer.post.queued)
    market.buyer.post.lost_at = set()
    for _ in range(3):
        await moves(market.buyer, mover)
    await moves(market.buyer)
    assert len(market.buyer.post.queued) == count


async def test_without_another_mailbox_the_box_stays_where_it_is(market: Market):
    row, _ = await market.offered()
    before = await box_of(market.buyer, row.nonce)
    lose(market.buyer, before.mailboxes[0], others=0)
    await moves(market.buyer)
    lose(market.buyer, before.mailboxes[0])
    market.buyer.post.answering = []
    await moves(market.buyer)
    assert await box_of(market.buyer, row.nonce) == before
    assert market.buyer.fresh() == []


async def test_with_one_other_for_two_lost_one_is_named_on(market: Market):
    row, _ = await market.offered()
    before = await box_of(market.buyer, row.nonce)
    lose(market.buyer, *before.mailboxes[:2], others=1)
    await moves(market.buyer)
    box = await box_of(market.buyer, row.nonce)
    assert box.mailboxes == (before.mailboxes[2], OTHERS[0], before.mailboxes[1])
    assert box.former == (before.mailboxes[0],)


async def test_an_open_request_with_too_little_left_is_published_again(market: Market):
    row, _ = await market.offered()
    before = await box_of(market.buyer, row.nonce)
    lose(market.buyer, *before.mailboxes[:2])
    await moves(market.buyer)
    current = await market.buyer.own(row.nonce)
    assert (current.state, current.root_id) == (CastState.OPEN, row.root_id)
    form = await market.buyer.object(current.cast_id)
    assert market.buyer.network.published[-1].id == form.id
    assert (form.header.thread, form.body.supersedes) == (row.root_id, row.cast_id)
    assert tuple(form.body.reply.at) == (await box_of(market.buyer, row.nonce)).mailboxes
    assert form.header.exp == row.exp
    assert "cast.republished" in await market.buyer.history()
    # Once is enough.
    market.buyer.post.lost_at = set()
    await moves(market.buyer)
    assert (await market.buyer.own(row.nonce)).cast_id == form.id


async def test_a_request_that_is_awarded_is_not(market: Market):
    row, deal = await market.accepted()
    before = await box_of(market.buyer, row.nonce)
    lose(market.buyer, *before.mailboxes[:2])
    await moves(market.buyer)
    assert (await market.buyer.own(row.nonce)).cast_id == row.cast_id
    moved = await market.buyer.object(market.buyer.post.queued[-1].envelope_id)
    assert moved.body.of == deal.deal_id


async def test_a_request_that_ends_meanwhile_is_not(
    market: Market, monkeypatch: pytest.MonkeyPatch
):
    row, _ = await market.offered()
    before = await box_of(market.buyer, row.nonce)
    lose(market.buyer, *before.mailboxes[:2])
    public = market.buyer.desk.pen.public

    async def slow(*args: Any, **facts: Any) -> Any:
        await market.buyer.change(row.nonce, state=CastState.REVOKED)
        return await public(*args, **facts)

    monkeypatch.setattr(market.buyer.desk.pen, "public", slow)
    published = len(market.buyer.network.published)
    await moves(market.buyer)
    assert len(market.buyer.network.published) == published
    assert (await market.buyer.own(row.nonce)).cast_id == row.cast_id


async def test_a_vendor_publishes_its_profile_and_tells_its_threads(market: Market):
    row, offer_id = await market.offered()
    vendor = market.vendor
    lose(vendor, (await box_of(vendor, PROFILE_CONTEXT)).mailboxes[0])
    mover = Relocation(vendor.desk, vendor.requests, lost_ms=1_000)
    renewed = []

    async def renew() -> None:
        renewed.append(await box_of(vendor, PROFILE_CONTEXT))

    mover.on_profile_moved(renew)
    await moves(vendor, mover)
    box = await box_of(vendor, PROFILE_CONTEXT)
    assert renewed == [box]
    moved = await vendor.object(vendor.post.queued[-1].envelope_id)
    assert (moved.body.of, moved.header.thread) == (offer_id, row.root_id)
    await vendor.carry(market.buyer)
    told = read_reply((await market.buyer.thread(Role.BUYER)).other_reply)
    assert tuple(told.at) == box.mailboxes


async def test_before_the_shop_is_open_its_box_moves_all_the_same(market: Market):
    await market.offered()
    lose(market.vendor, (await box_of(market.vendor, PROFILE_CONTEXT)).mailboxes[0])
    await moves(market.vendor)
    assert (await box_of(market.vendor, PROFILE_CONTEXT)).former


@pytest.mark.parametrize("over", ["closed", "late", "no offer", "other side gone"])
async def test_threads_that_are_over_hear_nothing(market: Market, over: str):
    row, _ = await market.offered()
    buyer = market.buyer
    thread = await buyer.thread(Role.BUYER)
    changes: dict[str, Any] = {
        "closed": {"state": ThreadState.CLOSED},
        "no offer": {"offer_id": None},
        "other side gone": {"other_reply": None},
    }
    changed = replace(thread, **changes.get(over, {}))
    await buyer.write(lambda conn: threads.save(conn, changed))
    if over == "late":
        market.clock.advance(10 * DAY_MS + limits.confirm_within_ms_max)
    lose(buyer, (await box_of(buyer, row.nonce)).mailboxes[0])
    await moves(buyer)
    assert (await box_of(buyer, row.nonce)).former
    assert buyer.fresh() == []


async def test_an_ended_deal_is_not_told_of(market: Market):
    row, _ = await market.accepted()
    buyer = market.buyer
    await buyer.write(lambda conn: conn.execute("UPDATE deals SET state = 'voided'"))
    lose(buyer, (await box_of(buyer, row.nonce)).mailboxes[0])
    await moves(buyer)
    assert buyer.fresh() == []


async def test_many_threads_are_told_in_several_changes(
    market: Market, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bounds, "moves_per_change", 1)
    await market.offered()
    await market.offered()
    lose(market.vendor, (await box_of(market.vendor, PROFILE_CONTEXT)).mailboxes[0])
    await moves(market.vendor)
    assert len([each for each in market.vendor.fresh() if each.kind == Kind.EVENT.value]) == 2


@pytest.mark.parametrize("is_accepted", [False, True])
async def test_a_damaged_offer_keeps_nobody_else_from_hearing(market: Market, is_accepted: bool):
    row, offer_id = await (market.offered() if not is_accepted else _offered_of_deal(market))
    other = bytes(32)
    thread = await market.buyer.thread(Role.BUYER)

    def txn(conn: Any) -> None:
        conn.execute("UPDATE objects SET raw = x'00' WHERE id = ?", (offer_id,))
        threads.save(conn, replace(thread, cast_id=other, offer_id=None))

    await market.buyer.write(txn)
    market.buyer.fresh()
    lose(market.buyer, (await box_of(market.buyer, row.nonce)).mailboxes[0])
    await moves(market.buyer)
    box = await box_of(market.buyer, row.nonce)
    found = await market.buyer.threads(Role.BUYER)
    assert {each.own_at for each in found} == {tuple(box.mailboxes)}
    # Of a deal the vendor has to know, whatever became of the offer here.
    assert len(market.buyer.fresh()) == int(is_accepted)


async def _offered_of_deal(market: Market) -> tuple[Any, bytes]:
    row, deal = await market.accepted()
    return row, deal.offer_id


async def test_what_the_disk_refuses_is_tried_again(
    market: Market, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    row, _ = await market.offered()
    lose(market.buyer, (await box_of(market.buyer, row.nonce)).mailboxes[0])
    with monkeypatch.context() as patched:

        async def full(*_args: Any, **_facts: Any) -> Any:
            raise StorageError("the disk is full")

        patched.setattr(market.buyer.post, "open_box", full)
        mover = await moves(market.buyer)
    assert "cannot move yet: the disk is full" in caplog.text
    await moves(market.buyer, mover)
    assert (await box_of(market.buyer, row.nonce)).former


async def test_a_box_that_changed_meanwhile_is_left_alone(
    market: Market, monkeypatch: pytest.MonkeyPatch
):
    row, _ = await market.offered()
    before = await box_of(market.buyer, row.nonce)
    lose(market.buyer, before.mailboxes[0])
    open_box = market.buyer.post.open_box

    async def slow(*args: Any, **facts: Any) -> Any:
        await market.buyer.write(lambda conn: conn.execute("UPDATE boxes_own SET closed = 1"))
        return await open_box(*args, **facts)

    monkeypatch.setattr(market.buyer.post, "open_box", slow)
    await moves(market.buyer)
    assert (await box_of(market.buyer, row.nonce)).former == ()


async def test_nothing_is_looked_at_more_often_than_need_be(market: Market):
    row, _ = await market.offered()
    lose(market.buyer, (await box_of(market.buyer, row.nonce)).mailboxes[0], others=0)
    mover = Relocation(market.buyer.desk, market.buyer.requests, lost_ms=MINUTE_MS)
    opened = len(market.buyer.post.opened)
    market.buyer.network.known = [*MAILBOXES, *OTHERS]
    market.buyer.post.answering = []
    for _ in range(3):
        await moves(market.buyer, mover)
    assert len(market.buyer.post.opened) == opened + 1


async def test_a_box_without_a_request_only_moves(market: Market):
    row, _ = await market.offered()
    before = await box_of(market.buyer, row.nonce)
    await market.buyer.write(
        lambda conn: conn.execute("DELETE FROM objects WHERE kind = ?", ("intentcast",))
    )
    lose(market.buyer, *before.mailboxes[:2])
    await moves(market.buyer)
    assert (await market.buyer.own(row.nonce)).cast_id == row.cast_id
    assert await market.buyer.write(lambda conn: casts.cast_of(conn, row.nonce)) is not None


async def test_a_box_opened_at_one_mailbox_is_opened_at_more_when_others_are_there(
    market: Market, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("node.market.requests._SETTLING_MS", 0)
    market.buyer.network.known = MAILBOXES[:1]
    row, _ = await market.offered()
    assert (await box_of(market.buyer, row.nonce)).mailboxes == tuple(MAILBOXES[:1])
    await moves(market.buyer)
    assert (await box_of(market.buyer, row.nonce)).mailboxes == tuple(MAILBOXES[:1])
    market.buyer.network.known = list(MAILBOXES)
    mover = await moves(market.buyer)
    box = await box_of(market.buyer, row.nonce)
    assert (len(box.mailboxes), box.mailboxes[0], box.former) == (3, MAILBOXES[0], ())
    form = await market.buyer.object((await market.buyer.own(row.nonce)).cast_id)
    assert tuple(form.body.reply.at) == box.mailboxes
    await market.buyer.carry(market.vendor)
    told = read_reply((await market.vendor.thread(Role.VENDOR)).other_reply)
    assert tuple(told.at) == box.mailboxes
    count = len(market.buyer.post.queued)
    await moves(market.buyer, mover)
    assert len(market.buyer.post.queued) == count


async def test_a_held_request_is_published_anew_only_when_it_was_reopened(market: Market):
    """After a restore a later form may be out there; a second one beside it would be a fork."""
    row, _ = await market.offered()
    buyer = market.buyer
    before = await box_of(buyer, row.nonce)
    await buyer.write(lambda conn: restorations.hold(conn, row.nonce, 0))
    lose(buyer, *before.mailboxes[:2])
    mover = await moves(buyer)
    buyer.post.lost_at = set()
    await moves(buyer, mover)
    assert (await buyer.own(row.nonce)).cast_id == row.cast_id
    assert len((await box_of(buyer, row.nonce)).mailboxes) == 3
    await buyer.write(lambda conn: restorations.release(conn, row.nonce))
    await moves(buyer, mover)
    form = await buyer.object((await buyer.own(row.nonce)).cast_id)
    assert tuple(form.body.reply.at) == (await box_of(buyer, row.nonce)).mailboxes


async def test_what_a_crash_kept_from_being_published_is_published_after_the_start(market: Market):
    """A box opened at more mailboxes than the first leaves none behind that would remind of it."""
    row, _ = await market.offered()
    buyer = market.buyer
    box = await box_of(buyer, row.nonce)
    grown = replace(box, mailboxes=tuple(OTHERS), opened_at=tuple(OTHERS), former=())
    await buyer.write(lambda conn: boxes_own.save(conn, grown))
    await buyer.post.watch(grown)
    mover = await moves(buyer)
    form = await buyer.object((await buyer.own(row.nonce)).cast_id)
    assert tuple(form.body.reply.at) == tuple(OTHERS)
    published = len(buyer.network.published)
    await moves(buyer, mover)
    assert len(buyer.network.published) == published


async def test_no_request_is_published_anew_where_only_two_mailboxes_are_known(market: Market):
    """The second one shares the first one's: at a single mailbox it would move at once."""
    buyer = market.buyer
    buyer.network.known = MAILBOXES[:2]
    rows = [await buyer.cast() for _ in range(2)]
    await moves(buyer)
    assert len(buyer.network.published) == 2
    assert [(await buyer.own(row.nonce)).cast_id for row in rows] == [row.cast_id for row in rows]
