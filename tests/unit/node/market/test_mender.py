"""What is damaged is asked for, not too often, of those who hold it; letters are sealed anew."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from node.errors import StorageError
from node.market.mender import Mender
from node.market.recall import ASKED, TOLD
from node.storage import bounds, objects, outbox, wanted
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


@pytest.mark.parametrize("state", [OutgoingState.ACKED, OutgoingState.PENDING])
async def test_letters_that_need_nothing_are_left_alone(mender, market, state):
    deal = await market.buyer.deal()
    thread = await market.buyer.thread(Role.BUYER)
    letter = damaged_letter(deal.agreed_id, thread, state)

    def txn(conn):
        outbox.add(conn, letter)
        wanted.want(conn, Wanted(id=deal.agreed_id, deal_id=None, found_ms=1))
        if state is OutgoingState.PENDING:
            # Nobody is at the other end of it.
            conn.execute("UPDATE outbox SET to_key = x'00'")

    queued = len(market.buyer.post.queued)
    await market.buyer.write(txn)
    assert await mender.look() == 0
    assert len(market.buyer.post.queued) == queued


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
