"""Requests on their way out: durable first, a box of their own, nothing in common with another."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from node.market.desk import newest_box
from node.market.drafts import read_request
from node.market.requests import last_day_ms, read_local, write_local
from node.storage import boxes_own, casts
from protocol import limits
from protocol.ids import NodeId, blake2b_256
from protocol.market.cast import CastState
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.header import Kind
from tests.unit.node.market.booth import DRAFT, MAILBOXES, START_MS, Booth


async def draft(booth: Booth, **changes: object) -> bytes:
    facts = {**DRAFT, **changes}
    return await booth.requests.draft(read_request(facts, booth.desk.wall_ms()), facts)


async def test_a_draft_is_kept_before_anything_leaves(buyer: Booth):
    nonce = await draft(buyer)
    row = await buyer.own(nonce)
    assert (row.state, row.cast_id, row.root_id) == (CastState.DRAFT, None, None)
    assert '"Camera with RAW"' in row.draft
    assert (buyer.network.published, buyer.post.opened) == ([], [])
    assert await buyer.history() == ["cast.draft"]


async def test_a_published_request_is_kept_watched_and_given_to_the_network(buyer: Booth):
    row = await buyer.cast()
    assert (row.state, row.cast_id, row.root_id) == (CastState.OPEN, row.cast_id, row.cast_id)
    (published,) = buyer.network.published
    assert published.id == row.cast_id
    assert published.header.kind is Kind.INTENTCAST
    assert published.header.exp == row.exp
    assert published.body.nonce == row.nonce
    assert published.header.key == buyer.desk.pen.key(row.nonce)
    (box,) = buyer.post.watched
    assert (box.reader, box.box) == (published.body.reply.reader, published.body.reply.box)
    assert await buyer.write(lambda conn: newest_box(conn, row.nonce)) == box
    assert set(published.body.reply.at) == set(MAILBOXES)
    assert await buyer.history() == ["cast.draft", "cast.open"]
    assert buyer.rings == 1


async def test_without_a_mailbox_it_stays_a_draft(buyer: Booth):
    nonce = await draft(buyer)
    buyer.network.known = [buyer.network.node_id]
    assert not await buyer.requests.publish(nonce)
    assert buyer.post.opened == []
    buyer.network.known = list(MAILBOXES)
    buyer.post.answering = []
    assert not await buyer.requests.publish(nonce)
    assert (await buyer.own(nonce)).state is CastState.DRAFT
    buyer.post.answering = MAILBOXES[:1]
    assert await buyer.requests.publish(nonce)
    assert buyer.network.published[0].body.reply.at == MAILBOXES[:1]


async def test_what_is_out_is_not_sent_twice_and_what_is_unknown_never(buyer: Booth):
    row = await buyer.cast()
    assert await buyer.requests.publish(row.nonce)
    assert len(buyer.network.published) == 1
    assert not await buyer.requests.publish(b"?" * 16)


async def test_two_tries_at_once_send_one(buyer: Booth):
    nonce = await draft(buyer)
    outcomes = await asyncio.gather(*(buyer.requests.publish(nonce) for _ in range(3)))
    assert sorted(outcomes) == [False, False, True]
    assert len(buyer.network.published) == 1


async def test_a_draft_that_ends_while_it_is_signed_is_not_sent(
    buyer: Booth, monkeypatch: pytest.MonkeyPatch
):
    gone, ended = await draft(buyer), await draft(buyer)
    public = buyer.desk.pen.public

    async def slowly(ctx: bytes, *args: object, **facts: object) -> object:
        signed = await public(ctx, *args, **facts)  # type: ignore[arg-type]
        row = replace(await buyer.own(ended), state=CastState.EXPIRED)
        await buyer.write(lambda conn: casts.save(conn, row))
        await buyer.write(lambda conn: casts.remove_draft(conn, gone))
        return signed

    monkeypatch.setattr(buyer.desk.pen, "public", slowly)
    for nonce in (ended, gone):
        await buyer.requests.publish(nonce)
    assert buyer.network.published == []
    assert buyer.post.watched == []


async def test_casts_take_another_set_of_mailboxes_while_there_is_one(buyer: Booth):
    rows = [await buyer.cast() for _ in range(4)]
    sets = [frozenset(each.body.reply.at) for each in buyer.network.published]
    # Three mailboxes have four sets of more than one.
    assert len(set(sets)) == len(rows) == 4
    assert sorted(map(len, sets)) == [2, 2, 2, 3]
    await buyer.cast()
    assert len(buyer.network.published[-1].body.reply.at) == 3


async def test_ones_own_mailbox_and_too_many_are_left_out(buyer: Booth):
    more = [NodeId(blake2b_256(b"more", bytes([n]))) for n in range(20)]
    buyer.network.known = [buyer.network.node_id, *MAILBOXES, *more]
    drawn = []
    for _ in range(12):
        await buyer.cast()
        drawn.append(buyer.network.published[-1].body.reply.at)
    assert all(len(at) == limits.mailboxes_per_reply_max for at in drawn)
    assert not any(buyer.network.node_id in at for at in drawn)
    assert len({key for at in drawn for key in at}) > 12


async def test_boxes_that_are_closed_free_their_set(buyer: Booth):
    row = await buyer.cast()
    reader = buyer.network.published[0].body.reply.reader
    await buyer.write(lambda conn: boxes_own.close(conn, reader))
    await buyer.cast()
    first, second = (frozenset(each.body.reply.at) for each in buyer.network.published)
    assert first == second
    assert row.nonce


async def test_two_casts_share_no_key_and_tell_no_moment(buyer: Booth):
    for _ in range(2):
        await buyer.cast()
        buyer.clock.advance(17_123)
    first, second = buyer.network.published
    for part in ("box", "reader"):
        assert getattr(first.body.reply, part) != getattr(second.body.reply, part)
    assert first.header.key != second.header.key
    for each in (first, second):
        assert each.header.at % MINUTE_MS == each.header.exp % MINUTE_MS == 0
        assert each.body.decide_by % MINUTE_MS == 0
        assert each.body.reply.until % DAY_MS == 0


async def test_the_way_back_outlives_the_last_day_asked_for(buyer: Booth):
    when = [{"start": "2027-06-01", "end": "2027-06-20"}, {"start": "+5d", "end": "+6d"}]
    await buyer.cast(when=when)
    until = buyer.network.published[0].body.reply.until
    assert until == last_day_ms(["2027-06-20"]) + limits.reply_margin_ms
    assert buyer.post.opened[0][2] == until


async def test_a_far_day_does_not_open_a_box_longer_than_boxes_are_opened(buyer: Booth):
    await buyer.cast(when=[{"start": "2090-01-01", "end": "2090-01-02"}])
    until = buyer.network.published[0].body.reply.until
    assert START_MS < until <= START_MS + limits.box_until_ms_max - DAY_MS


def test_the_last_of_no_days_is_long_ago():
    assert last_day_ms([]) == DAY_MS
    assert last_day_ms(["1970-01-03", "1970-01-02"]) == 3 * DAY_MS


@pytest.mark.parametrize("budget", [None, "300 USD", {"max": "9 EUR", "target": "8 EUR"}])
def test_what_stays_at_home_can_be_read_back(budget: object):
    request = read_request({**DRAFT, "budget": budget}, START_MS)
    local = read_local(write_local(request))
    assert local.body.title == DRAFT["title"]
    assert dict(local.disclose) == {"name": "Ana"}
    top, hope = request.budget.max, request.budget.target
    assert local.budget_max == ((top.cur, top.minor) if top else None)
    assert local.budget_target == ((hope.cur, hope.minor) if hope else None)


async def test_mailboxes_that_fail_now_are_left_out_while_two_others_are_there(buyer: Booth):
    buyer.post.lost_at = {MAILBOXES[0]}
    row = await buyer.cast()
    reply = (await buyer.object(row.cast_id)).body.reply
    assert set(reply.at) == set(MAILBOXES[1:])
    # With one other, they are better than nothing.
    buyer.post.lost_at = set(MAILBOXES[:2])
    other = await buyer.cast()
    assert len((await buyer.object(other.cast_id)).body.reply.at) == 3


async def test_another_mailbox_is_drawn_from_those_a_box_never_had(buyer: Booth):
    assert set(buyer.requests.draw_others(MAILBOXES[:1], 3)) == set(MAILBOXES[1:])
    assert len(buyer.requests.draw_others(MAILBOXES[:1], 1)) == 1
    buyer.post.lost_at = {MAILBOXES[1]}
    assert buyer.requests.draw_others(MAILBOXES[:1], 3) == [MAILBOXES[2]]
    buyer.network.known = [buyer.network.node_id]
    assert buyer.requests.draw_others([], 3) == []


async def test_right_after_the_start_a_second_mailbox_is_waited_for(
    buyer: Booth, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("node.market.requests._STEP_MS", 10)
    buyer.network.known = MAILBOXES[:1]
    casting = asyncio.ensure_future(buyer.cast())
    await asyncio.sleep(0.05)
    assert buyer.post.opened == []
    buyer.network.known = list(MAILBOXES)
    row = await casting
    assert len((await buyer.object(row.cast_id)).body.reply.at) == 3
    # Later, one is taken as it comes.
    buyer.network.known = MAILBOXES[:1]
    buyer.clock.advance(3_000)
    async with asyncio.timeout(1):
        row = await buyer.cast()
    assert (await buyer.object(row.cast_id)).body.reply.at == MAILBOXES[:1]


async def test_mailboxes_of_one_cast_are_of_different_address_groups(buyer: Booth):
    block = [NodeId(blake2b_256(b"block", bytes([n]))) for n in range(20)]
    buyer.desk.pen.net = "main"
    buyer.network.known = [*block, *MAILBOXES]
    buyer.network.addresses = {key: (f"8.8.{n}.1:7440",) for n, key in enumerate(block)}
    buyer.network.addresses |= {key: (f"{n}.9.9.9:7440",) for n, key in enumerate(MAILBOXES, 9)}
    for _ in range(10):
        chosen = await buyer.requests._choose_mailboxes()
        assert len(chosen) == 3
        assert sum(key in block for key in chosen) <= 1
    # A box that leaves one goes first to a group where it has none.
    for _ in range(10):
        others = buyer.requests.draw_others([block[0]], 3)
        assert set(others) == set(MAILBOXES)
