"""What is damaged is asked for, not too often, of those who hold it; letters are sealed anew."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from node.errors import StorageError
from node.market.mender import Mender
from node.market.recall import ASKED, TOLD
from node.storage import bounds, objects, outbox, threads, wanted
from node.storage.outbox import Outgoing, OutgoingState
from node.storage.wanted import Wanted
from protocol import limits
from protocol.ids import LetterHash, ObjectId, blake2b_256
from protocol.market.deal import Role
from protocol.now import DAY_MS
from protocol.objects.envelope import open_stored
from tests.unit.node.market.aftermath import Aftermath
from tests.unit.node.market.booth import START_MS, Booth


@pytest.fixture
async def rooms(market):
    await market.agreed()
    return await Aftermath.of(market.buyer), await Aftermath.of(market.vendor)


@pytest.fixture
def mender(rooms, market) -> Mender:
    return Mender(market.buyer.desk, rooms[0].recall)


async def rot(booth: Booth, object_id: bytes, deal_id: bytes | None) -> None:
    """Damage an object of a home, as a scrub would have found it."""

    def txn(conn):
        conn.execute("UPDATE objects SET raw = x'00' WHERE id = ?", (object_id,))
        wanted.want(conn, Wanted(id=object_id, deal_id=deal_id, found_ms=1))

    await booth.write(txn)


def questions(booth: Booth) -> int:
    return len([each for each in booth.post.queued if each.kind == ASKED])


async def test_a_whole_home_asks_for_nothing(mender: Mender, market):
    nudges = market.buyer.post.nudges
    assert await mender.look() == 0
    assert questions(market.buyer) == 0
    assert market.buyer.post.nudges == nudges


async def test_the_other_party_is_asked_and_what_it_tells_is_put_back(mender, market, rooms):
    deal = await market.buyer.deal()
    before = (await market.buyer.object(deal.confirmed_id)).raw
    await rot(market.buyer, deal.confirmed_id, deal.deal_id)
    with pytest.raises(StorageError):
        await market.buyer.object(deal.confirmed_id)
    assert await mender.look() == 1
    assert questions(market.buyer) == 1
    assert "deal.asked" in await market.buyer.history()
    await market.buyer.carry(market.vendor)
    assert [each.kind for each in market.vendor.post.queued].count(TOLD) == 1
    await market.vendor.carry(market.buyer)
    assert (await market.buyer.object(deal.confirmed_id)).raw == before
    assert await mender.look() == 0


async def test_questions_about_one_deal_grow_rare(mender, market, clock):
    deal = await market.buyer.deal()
    await rot(market.buyer, deal.confirmed_id, deal.deal_id)
    pauses = []
    for _ in range(4):
        asked = questions(market.buyer)
        waited = 0
        while questions(market.buyer) == asked:
            assert await mender.look() == 1
            clock.advance(bounds.ask_pause_ms)
            waited += 1
        pauses.append(waited)
    assert pauses == [1, 1, 2, 4]


async def test_questions_are_never_further_apart_than_the_bound(mender, market, clock):
    deal = await market.buyer.deal()
    await rot(market.buyer, deal.confirmed_id, deal.deal_id)
    asking = wanted.Asking(deal_id=deal.deal_id, asked_ms=START_MS, asks=500)
    await market.buyer.write(lambda conn: wanted.save_asking(conn, asking))
    await mender.look()
    assert questions(market.buyer) == 0
    clock.advance(bounds.ask_pause_ms_max)
    await mender.look()
    assert questions(market.buyer) == 1


async def test_what_is_public_is_asked_of_peers(mender, market):
    cast = (await market.buyer.thread(Role.BUYER)).cast_id
    await rot(market.buyer, cast, None)
    missing = b"m" * 32
    await market.buyer.write(
        lambda conn: wanted.want(conn, Wanted(id=missing, deal_id=None, found_ms=1))
    )
    assert await mender.look() == 2
    assert market.buyer.network.wanted[-2:] == [cast, missing]


async def test_a_deal_that_is_gone_and_one_without_a_way_back_wait(mender, market, clock):
    deal = await market.buyer.deal()
    await rot(market.buyer, deal.confirmed_id, b"x" * 32)
    await rot(market.buyer, deal.agreed_id, deal.deal_id)
    clock.advance(400 * DAY_MS)
    assert await mender.look() == 2
    assert questions(market.buyer) == 0


async def test_a_locked_home_waits(mender, market, monkeypatch):
    deal = await market.buyer.deal()
    await rot(market.buyer, deal.confirmed_id, deal.deal_id)
    monkeypatch.setattr(type(market.buyer.desk.keyring), "is_locked", property(lambda _self: True))
    assert await mender.look() == 1
    assert questions(market.buyer) == 0


def damaged_letter(envelope_id: bytes, thread, state=OutgoingState.PENDING) -> Outgoing:
    return Outgoing(
        envelope_id=ObjectId(envelope_id),
        kind="event",
        own_ctx=thread.own_ctx,
        to_key=thread.other_key,
        thread=thread.cast_id,
        letter=b"not what was sealed",
        letter_hash=LetterHash(blake2b_256(envelope_id)),
        reader=b"r" * 32,
        mailboxes=(),
        priority=50,
        next_at=1,
        expires_at=START_MS + DAY_MS,
        state=state,
        updated_ms=1,
    )


@pytest.mark.parametrize("part", ["agreed_id", "deal_id"])
async def test_a_damaged_letter_is_sealed_anew_with_what_went_beside_it(mender, market, part):
    deal = await market.buyer.deal()
    envelope_id = getattr(deal, part)
    thread = await market.buyer.thread(Role.BUYER)

    def txn(conn):
        outbox.add(conn, damaged_letter(envelope_id, thread))
        wanted.want(conn, Wanted(id=envelope_id, deal_id=None, found_ms=1))

    await market.buyer.write(txn)
    assert await mender.look() == 0
    sent = market.buyer.post.queued[-1]
    assert open_stored(sent.envelope, net="test").id == envelope_id
    assert (sent.opened or {}).keys() == ({"name"} if part == "agreed_id" else set())
    assert sent.to_key == thread.other_key
    assert await market.buyer.write(lambda conn: outbox.by_envelope(conn, envelope_id)) is None


async def add_damaged(booth: Booth, letter: Outgoing, also: str = "") -> None:
    def txn(conn):
        outbox.add(conn, letter)
        wanted.want(conn, Wanted(id=letter.envelope_id, deal_id=None, found_ms=1))
        if also:
            conn.execute(also)

    await booth.write(txn)


async def test_letters_that_need_nothing_are_left_alone(mender, market):
    deal = await market.buyer.deal()
    thread = await market.buyer.thread(Role.BUYER)
    queued = len(market.buyer.post.queued)
    await add_damaged(market.buyer, damaged_letter(deal.agreed_id, thread, OutgoingState.ACKED))
    assert await mender.look() == 0
    assert len(market.buyer.post.queued) == queued


ROTTEN_REPLY = "UPDATE threads SET other_reply = x'00'"


@pytest.mark.parametrize(
    "also", ["UPDATE outbox SET to_key = x'00'", ROTTEN_REPLY, "UPDATE objects SET kind = 'x'"]
)
async def test_a_letter_without_a_way_ends_refused_and_says_why(mender, market, also):
    deal = await market.buyer.deal()
    thread = await market.buyer.thread(Role.BUYER)
    queued = len(market.buyer.post.queued)
    if also.startswith("UPDATE objects"):
        # No thread, and no profile of whoever it is for.
        also += " WHERE kind = 'profile'"
        thread = replace(thread, cast_id=b"u" * 32)
    await add_damaged(market.buyer, damaged_letter(deal.agreed_id, thread), also)
    assert await mender.look() == 0
    assert len(market.buyer.post.queued) == queued
    row = await market.buyer.write(lambda conn: outbox.by_envelope(conn, deal.agreed_id))
    assert (row.state, row.reason) == (OutgoingState.REFUSED, "damaged")
    assert "letter_refused" in await market.buyer.history()
    assert not outbox.is_whole(row)


async def test_a_letter_outside_a_thread_goes_to_the_box_of_a_profile(mender, market):
    deal = await market.buyer.deal()
    thread = await market.buyer.thread(Role.BUYER)
    letter = replace(damaged_letter(deal.agreed_id, thread), thread=None)
    await add_damaged(market.buyer, letter)
    assert await mender.look() == 0
    sent = market.buyer.post.queued[-1]
    assert sent.envelope_id == deal.agreed_id
    assert sent.reply == market.vendor.seller.profile.body.reply


async def test_a_note_to_ourselves_goes_to_our_own_box(mender, market):
    deal = await market.buyer.deal()
    thread = await market.buyer.thread(Role.BUYER)
    own = market.buyer.desk.pen.key(thread.own_ctx)
    await add_damaged(market.buyer, replace(damaged_letter(deal.agreed_id, thread), to_key=own))
    assert await mender.look() == 0
    sent = market.buyer.post.queued[-1]
    assert (sent.envelope_id, sent.to_key) == (deal.agreed_id, own)
    assert sent.reply.reader == market.buyer.reply(thread.own_ctx).reader


async def test_an_object_of_a_thread_is_asked_of_the_party_that_knows_it(mender, market):
    thread = await market.buyer.thread(Role.BUYER)
    other = replace(thread, other_key=b"k" * 32, offer_id=None, profile_id=None, last_own_id=None)
    other = replace(other, last_other_id=None)
    await market.buyer.write(lambda conn: threads.save(conn, other))
    await rot(market.buyer, thread.offer_id, thread.cast_id)
    assert await mender.look() == 1
    assert questions(market.buyer) == 1
    assert market.buyer.post.queued[-1].to_key == thread.other_key
    assert "thread.asked" in await market.buyer.history()
    assert await mender.look() == 1
    assert questions(market.buyer) == 1, "within the hour nobody is asked twice"
    await market.buyer.carry(market.vendor)
    await market.vendor.carry(market.buyer)
    assert await market.buyer.write(lambda conn: objects.is_whole(conn, thread.offer_id))
    assert await mender.look() == 0


async def test_what_any_party_of_a_request_may_have_is_asked_of_all(mender, market):
    thread = await market.buyer.thread(Role.BUYER)
    other = replace(thread, other_key=b"k" * 32)
    await market.buyer.write(lambda conn: threads.save(conn, other))
    await market.buyer.write(
        lambda conn: wanted.want(conn, Wanted(id=b"m" * 32, deal_id=thread.cast_id, found_ms=1))
    )
    assert await mender.look() == 1
    asked = [each.to_key for each in market.buyer.post.queued if each.kind == ASKED]
    assert asked == [thread.other_key, other.other_key]


async def test_a_bad_row_does_not_keep_the_others_waiting(mender, market):
    deal = await market.buyer.deal()
    await rot(market.buyer, deal.confirmed_id, deal.deal_id)
    await market.buyer.write(
        lambda conn: conn.execute(
            "UPDATE objects SET kind = 'odd' WHERE id = ?", (deal.confirmed_id,)
        )
    )
    assert await mender.look() == 1
    assert market.buyer.network.wanted[-1] == deal.confirmed_id
    assert questions(market.buyer) == 1


@pytest.mark.parametrize("error", [StorageError("no", code="E-DB-DAMAGED"), ValueError("odd")])
async def test_a_row_that_fails_undoes_itself_alone(mender, market, monkeypatch, error):
    deal = await market.buyer.deal()
    await rot(market.buyer, deal.agreed_id, b"x" * 32)
    await rot(market.buyer, deal.confirmed_id, deal.deal_id)
    parties = mender._parties

    def fail(conn, name, object_id):
        if name == b"x" * 32:
            raise error
        return parties(conn, name, object_id)

    monkeypatch.setattr(mender, "_parties", fail)
    with pytest.raises(type(error)):
        await mender.look()
    assert questions(market.buyer) == 1


async def test_what_can_never_be_settled_keeps_nobody_from_a_turn(mender, market, monkeypatch):
    monkeypatch.setattr(bounds, "wanted_at_once", 3)

    def fill(conn):
        for n in range(3):
            wanted.want(conn, Wanted(id=bytes([n]) * 32, deal_id=None, found_ms=1))

    await market.buyer.write(fill)
    deal = await market.buyer.deal()
    await rot(market.buyer, deal.confirmed_id, deal.deal_id)
    assert [await mender.look(), questions(market.buyer)] == [3, 0]
    assert [await mender.look(), questions(market.buyer)] == [1, 1]
    # From the beginning, and again when the last look ended just there.
    assert await mender.look() == 3
    await market.buyer.write(lambda conn: wanted.settle(conn, deal.confirmed_id))
    assert await mender.look() == 3


async def test_whatever_happens_it_goes_on_looking(mender, monkeypatch, caplog):
    looks: list[int] = []

    async def fail() -> int:
        looks.append(1)
        raise ValueError("a damaged row")

    monkeypatch.setattr(mender, "look", fail)
    task = asyncio.ensure_future(mender.run(period_s=0.001))
    while len(looks) < 3:
        await asyncio.sleep(0.001)
    assert not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert caplog.text.count("cannot be looked after") == 1


async def test_what_cannot_be_asked_now_is_said_once_and_tried_again(mender, monkeypatch, caplog):
    looks: list[int] = []

    async def fail() -> int:
        looks.append(1)
        raise StorageError("the disk is full", code="E-DISK-FULL")

    monkeypatch.setattr(mender, "look", fail)
    task = asyncio.ensure_future(mender.run(period_s=0.001))
    while len(looks) < 3:
        await asyncio.sleep(0.001)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert caplog.text.count("has to wait") == 1


async def test_a_request_past_its_time_comes_back_with_the_answer(mender, market, clock):
    deal = await market.buyer.deal()
    offer = await market.buyer.object(deal.offer_id)
    cast = await market.buyer.object(offer.body.cast)
    clock.advance(cast.header.exp - START_MS + limits.expiry_tolerance_ms + 1)
    await rot(market.buyer, cast.id, deal.deal_id)
    await mender.look()
    assert await market.buyer.carry(market.vendor)
    await market.vendor.carry(market.buyer)
    assert await market.buyer.write(lambda conn: objects.is_whole(conn, cast.id))
