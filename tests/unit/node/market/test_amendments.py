"""The newest form of a request is followed; only what it asks anew is quoted anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from node.market.desk import read_reply
from node.storage import objects, threads
from node.storage.casts import OwnCast
from protocol.ids import NodeId
from protocol.market.deal import Role
from protocol.market.thread import ThreadState
from protocol.now import MINUTE_MS
from protocol.objects.envelope import Verified
from protocol.objects.header import Kind
from tests.unit.node.market.booth import Booth, Market

ELSEWHERE = [NodeId(b"e" * 32)]


async def amended(
    market: Market, row: OwnCast, *, minutes: int = 1, **changes: Any
) -> Verified[Any]:
    """Sign another form of a request; by default it differs in the way back alone."""
    first = await market.buyer.object(row.cast_id)
    market.clock.advance(minutes * MINUTE_MS)
    reply = msgspec.structs.replace(first.body.reply, at=ELSEWHERE)
    facts = {"supersedes": first.id, "reply": reply, **changes}
    body = msgspec.structs.replace(first.body, **facts)
    return await market.buyer.desk.pen.public(
        row.nonce, Kind.INTENTCAST, body, exp=first.header.exp, thread=row.root_id
    )


def offers_of(booth: Booth) -> list[Any]:
    return [each for each in booth.post.queued if each.kind == Kind.OFFER.value]


async def test_a_new_way_back_is_followed_and_nothing_quoted(market: Market):
    row, _ = await market.offered()
    form = await amended(market, row)
    for _ in range(2):
        await market.vendor.answer(form)
    assert len(offers_of(market.vendor)) == 1
    (thread,) = await market.vendor.threads(Role.VENDOR)
    assert read_reply(thread.other_reply).at == ELSEWHERE
    assert market.vendor.post.resealed[-1][3].at == ELSEWHERE
    assert len(market.vendor.post.resealed) == 1
    assert "thread.moved" in await market.vendor.history()


async def test_forms_that_are_not_quoted_are_not_kept_past_their_time(market: Market):
    row, _ = await market.offered()
    form = await amended(market, row)
    await market.vendor.learn(form)
    await market.vendor.answer(form)
    kept = await market.vendor.write(lambda conn: objects.row_of(conn, form.id))
    assert not kept.pinned
    other = await amended(market, row, title="Another camera")
    await market.vendor.answer(other)
    quoted = await market.vendor.write(lambda conn: objects.row_of(conn, other.id))
    assert quoted.pinned


async def test_an_older_form_changes_nothing(market: Market):
    row, _ = await market.offered()
    early = await amended(market, row)
    late = await amended(market, row, reply=(await market.buyer.object(row.cast_id)).body.reply)
    await market.vendor.answer(late)
    before = await market.vendor.thread(Role.VENDOR)
    await market.vendor.answer(early)
    assert (await market.vendor.thread(Role.VENDOR)).other_reply == before.other_reply


async def test_other_wishes_are_quoted_as_a_revision(market: Market):
    row, offer_id = await market.offered()
    form = await amended(market, row, title="Another camera")
    for _ in range(2):
        await market.vendor.answer(form)
    assert len(offers_of(market.vendor)) == 2
    revised = await market.vendor.object(offers_of(market.vendor)[-1].envelope_id)
    assert (revised.body.round, revised.body.supersedes) == (1, offer_id)
    assert revised.body.cast == form.id
    thread = await market.vendor.thread(Role.VENDOR)
    assert (thread.offer_id, thread.state) == (revised.id, ThreadState.OFFERED)


async def test_the_first_form_heard_late_is_not_answered(market: Market):
    await market.buyer.learn(await market.vendor.sell())
    row = await market.buyer.cast()
    form = await amended(market, row)
    await market.vendor.answer(form)
    await market.vendor.answer(await market.buyer.object(row.cast_id))
    assert len(offers_of(market.vendor)) == 1
    assert len(await market.vendor.threads(Role.VENDOR)) == 1


@pytest.mark.parametrize("state", [ThreadState.ACCEPTED, ThreadState.CLOSED])
async def test_a_thread_that_takes_no_offer_gets_none(market: Market, state: ThreadState):
    row, _ = await market.offered()
    thread = await market.vendor.thread(Role.VENDOR)
    await market.vendor.write(lambda conn: threads.save(conn, replace(thread, state=state)))
    await market.vendor.answer(await amended(market, row, title="Another camera"))
    assert len(offers_of(market.vendor)) == 1


async def test_the_tenth_round_is_the_last(market: Market):
    row, _ = await market.offered()
    for number in range(12):
        await market.vendor.answer(await amended(market, row, title=f"Camera {number}"))
    rounds = [
        (await market.vendor.object(each.envelope_id)).body.round
        for each in offers_of(market.vendor)
    ]
    assert rounds == list(range(11))


async def test_a_thread_whose_offer_is_gone_is_followed_alone(market: Market):
    row, offer_id = await market.offered()
    await market.vendor.write(
        lambda conn: conn.execute("DELETE FROM objects WHERE id = ?", (offer_id,))
    )
    await market.vendor.answer(await amended(market, row, title="Another camera"))
    assert len(offers_of(market.vendor)) == 1
    assert read_reply((await market.vendor.thread(Role.VENDOR)).other_reply).at == ELSEWHERE
    assert await market.vendor.write(lambda conn: objects.row_of(conn, offer_id)) is None


@pytest.mark.parametrize("is_forward", [True, False])
async def test_of_two_forms_of_one_minute_the_later_is_followed(
    market: Market, *, is_forward: bool
):
    """The chain decides, not the order in which they come."""
    row, _ = await market.offered()
    first = await amended(market, row, minutes=1)
    reply = msgspec.structs.replace(first.body.reply, at=[NodeId(b"f" * 32)])
    body = msgspec.structs.replace(first.body, supersedes=first.id, reply=reply)
    second = await market.buyer.desk.pen.public(
        row.nonce, Kind.INTENTCAST, body, exp=first.header.exp, thread=row.root_id
    )
    assert second.header.at == first.header.at
    for form in (first, second) if is_forward else (second, first):
        await market.vendor.learn(form)
        await market.vendor.answer(form)
    (thread,) = await market.vendor.threads(Role.VENDOR)
    assert read_reply(thread.other_reply).at == [b"f" * 32]


async def test_an_older_form_of_the_minute_that_comes_late_is_not_quoted(market: Market):
    row, _ = await market.offered()
    first = await amended(market, row, text="in green")
    body = msgspec.structs.replace(first.body, supersedes=first.id, text="in red")
    second = await market.buyer.desk.pen.public(
        row.nonce, Kind.INTENTCAST, body, exp=first.header.exp, thread=row.root_id
    )
    for form in (second, first):
        await market.vendor.learn(form)
        await market.vendor.answer(form)
    assert [each.id for each in (first, second) if each.id in market.vendor.shop.asked] == [
        second.id
    ]


@pytest.mark.parametrize("is_forward", [True, False])
async def test_of_two_forms_that_contradict_each_other_every_vendor_answers_the_same(
    market: Market, *, is_forward: bool
):
    """Half of the network is told one, half the other; what is promised names which, by its id."""
    row, first_offer = await market.offered()
    one = await amended(market, row, title="In green")
    other = await amended(market, row, minutes=0, title="In red")
    assert (one.body.supersedes, one.header.at) == (other.body.supersedes, other.header.at)
    lesser, greater = sorted((one, other), key=lambda form: form.id)
    for form in (lesser, greater) if is_forward else (greater, lesser):
        await market.vendor.learn(form)
        await market.vendor.answer(form)
    offers = [await market.vendor.object(each.envelope_id) for each in offers_of(market.vendor)]
    named = [each.body.cast for each in offers]
    assert named == [row.cast_id, *([lesser.id] if is_forward else []), greater.id]
    assert offers[-1].body.supersedes == (offers[-2].id if is_forward else first_offer)
    (thread,) = await market.vendor.threads(Role.VENDOR)
    assert thread.offer_id == offers[-1].id


async def test_two_roots_of_one_key_are_two_requests(market: Market):
    await market.buyer.learn(await market.vendor.sell())
    row = await market.buyer.cast()
    first = await market.buyer.object(row.cast_id)
    body = msgspec.structs.replace(first.body, title="In red")
    second = await market.buyer.desk.pen.public(
        row.nonce, Kind.INTENTCAST, body, exp=first.header.exp, thread=None
    )
    assert second.header.key == first.header.key
    for form in (first, second, first):
        await market.vendor.answer(form)
    offers = [await market.vendor.object(each.envelope_id) for each in offers_of(market.vendor)]
    assert [each.body.cast for each in offers] == [first.id, second.id]
    assert {thread.cast_id for thread in await market.vendor.threads(Role.VENDOR)} == {
        first.id,
        second.id,
    }
