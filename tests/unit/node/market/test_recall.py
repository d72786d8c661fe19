"""Asked and told: to whom, how often, and how much."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from node.market.recall import ASKED, TOLD
from node.market.recollect import Party, between
from node.post.letters import Discard, Known, Parked, Recorded
from node.storage import deals, objects, threads
from protocol import limits
from protocol.encoding import encode
from protocol.market.deal import DealState, Role
from protocol.now import HOUR_MS, MINUTE_MS
from protocol.objects.envelope import open_stored
from protocol.objects.event import Asked, Moved, Told
from protocol.objects.header import Kind
from tests.parties import Party as Somebody
from tests.parties import make_profile
from tests.unit.node.market.aftermath import Aftermath


@pytest.fixture
async def rooms(market):
    return await Aftermath.of(market.buyer), await Aftermath.of(market.vendor)


async def party_of(rooms: Aftermath, role: Role) -> Party:
    thread = await rooms.booth.thread(role)
    return Party(role=role, ctx=thread.own_ctx, root=thread.cast_id, other=thread.other_key)


async def ask(rooms: Aftermath, role: Role) -> bytes | None:
    party = await party_of(rooms, role)
    found: bytes | None = await rooms.booth.write(lambda conn: rooms.recall.ask(conn, party))
    return found


def told_in(letters):
    return [open_stored(each.envelope, net="test").body for each in letters if each.kind == TOLD]


async def test_the_other_party_is_told_everything_of_the_thread(market, rooms):
    buyer, _ = rooms
    await market.agreed()
    await ask(buyer, Role.BUYER)
    (question,) = [each for each in market.buyer.post.queued if each.kind == ASKED]
    asked = open_stored(question.envelope, net="test")
    assert asked.header.prev is None
    thread = await market.buyer.thread(Role.BUYER)
    assert asked.body == Asked(of=thread.last_other_id)
    (outcome,) = await market.buyer.carry(market.vendor)
    assert isinstance(outcome, Recorded)
    (letter,) = market.vendor.fresh()
    (told,) = told_in([letter])
    assert told.of == asked.id
    deal = await market.buyer.deal()
    said = [open_stored_pair(pair) for pair in told.objects]
    offer = next(each for each in said if each.id == deal.offer_id)
    named = [offer.body.profile, offer.body.cast]
    ids = [each.id for each in said]
    assert ids == [*named, deal.offer_id, deal.deal_id, deal.confirmed_id, deal.agreed_id]
    # What was disclosed in the agreed deal travels beside it: both knew it.
    assert letter.opened["name"][1] == "Ana"
    assert "thread.told" in await market.vendor.history()


def open_stored_pair(pair):
    return open_stored(encode([*pair, None]), net="test")


async def test_the_chain_of_the_thread_does_not_notice(market, rooms):
    buyer, _ = rooms
    await market.offered()
    before = await market.buyer.thread(Role.BUYER)
    await ask(buyer, Role.BUYER)
    assert await market.buyer.thread(Role.BUYER) == before


async def test_a_stranger_is_told_nothing(market, rooms):
    _, vendor = rooms
    row, _ = await market.offered()
    profile_key = market.vendor.desk.pen.profile_key()
    thief = await market.buyer.cast(title="Another")
    question = market.buyer.sealed(
        thief.nonce, Kind.EVENT, Asked(of=row.cast_id), to=profile_key, thread=row.cast_id
    )
    market.vendor.fresh()
    outcome = await vendor.read(b"profile", question.raw)
    assert isinstance(outcome, Discard)
    assert market.vendor.fresh() == []


async def test_asked_again_and_again_it_is_told_once_a_minute(market, rooms, clock):
    buyer, _ = rooms
    await market.offered()
    for _ in range(3):
        await ask(buyer, Role.BUYER)
        clock.advance(1)
    outcomes = await market.buyer.carry(market.vendor)
    assert [type(each) for each in outcomes] == [Recorded, Parked, Parked]
    assert len(told_in(market.vendor.fresh())) == 1
    clock.advance(limits.told_pause_ms)
    await ask(buyer, Role.BUYER)
    await market.buyer.carry(market.vendor)
    assert len(told_in(market.vendor.fresh())) == 1


async def test_the_same_question_twice_is_answered_once(market, rooms):
    buyer, vendor = rooms
    await market.offered()
    await ask(buyer, Role.BUYER)
    (question,) = market.buyer.fresh()
    await vendor.read(b"profile", question.envelope)
    assert isinstance(await vendor.read(b"profile", question.envelope), Known)
    assert len(told_in(market.vendor.fresh())) == 1


async def test_an_answer_nobody_asked_for_is_dropped(market, rooms):
    buyer, _ = rooms
    row, offer_id = await market.offered()
    for of in (offer_id, row.cast_id, bytes(32)):
        told = market.vendor.sealed(
            b"profile",
            Kind.EVENT,
            Told(of=of, objects=[]),
            to=market.buyer.desk.pen.key(row.nonce),
            thread=row.cast_id,
        )
        assert isinstance(await buyer.read(row.nonce, told.raw), Discard)


async def test_an_answer_to_a_question_to_somebody_else_is_dropped(market, rooms):
    buyer, _ = rooms
    row, _ = await market.offered()
    other = Party(role=Role.BUYER, ctx=row.nonce, root=row.cast_id, other=Somebody("cy").key)
    thread = await market.buyer.thread(Role.BUYER)
    await market.buyer.write(
        lambda conn: threads.save(conn, replace(thread, other_key=other.other, offer_id=None))
    )
    question = await market.buyer.write(lambda conn: buyer.recall.ask(conn, other))
    told = market.vendor.sealed(
        b"profile",
        Kind.EVENT,
        Told(of=question, objects=[]),
        to=market.buyer.desk.pen.key(row.nonce),
        thread=row.cast_id,
    )
    assert isinstance(await buyer.read(row.nonce, told.raw), Discard)


async def test_only_a_question_about_this_thread_can_be_answered(market, rooms):
    """Any other object of ours would open the door to objects nobody checks one by one."""
    buyer, _ = rooms
    row, deal = await market.accepted()
    question = await ask(buyer, Role.BUYER)
    assert question is not None
    key = market.buyer.desk.pen.key(row.nonce)
    for of, thread in ((deal.deal_id, row.cast_id), (question, bytes(32))):
        told = market.vendor.sealed(
            b"profile", Kind.EVENT, Told(of=of, objects=[]), to=key, thread=thread
        )
        assert isinstance(await buyer.read(row.nonce, told.raw), Discard)


@pytest.mark.parametrize("bent", ["box", "at"])
async def test_what_is_told_meets_what_every_letter_meets(market, rooms, clock, bent):
    buyer, _ = rooms
    row, _ = await market.offered()
    before = await market.buyer.thread(Role.BUYER)
    question = await ask(buyer, Role.BUYER)
    assert question is not None
    key = market.buyer.desk.pen.key(row.nonce)
    facts = {"to": key, "thread": row.cast_id}
    reply = market.vendor.reply(b"profile")
    reply = msgspec.structs.replace(reply, until=reply.until - 1)
    at = clock.now().wall_ms + 1
    if bent == "box":
        # Nobody can seal to it: every change that answers it would fail.
        reply = msgspec.structs.replace(reply, box=bytes(32))
    else:
        # It would be the newest way back for ever.
        at += limits.skew_ms_max + HOUR_MS
    body = Moved(of=before.offer_id, reply=reply)
    moved = market.vendor.sealed(b"profile", Kind.EVENT, body, at=at, **facts)
    pairs = [(moved.signed, moved.signature)]
    told = market.vendor.sealed(b"profile", Kind.EVENT, Told(of=question, objects=pairs), **facts)
    assert isinstance(await buyer.read(row.nonce, told.raw), Recorded)
    after = await market.buyer.thread(Role.BUYER)
    assert after.other_reply == before.other_reply


async def test_values_of_a_deal_that_was_left_are_not_given(market, rooms):
    """A vendor that left before the acknowledgement came never had them."""
    _, vendor = rooms
    await market.agreed()
    deal = await market.buyer.deal()
    await market.buyer.write(
        lambda conn: deals.update(conn, replace(deal, state=DealState.CANCELLED))
    )
    await ask(vendor, Role.VENDOR)
    await market.vendor.carry(market.buyer)
    (letter,) = [each for each in market.buyer.fresh() if each.kind == TOLD]
    assert letter.opened is None


async def test_who_asks_for_ever_is_told_ever_more_rarely(market, rooms, clock):
    buyer, _ = rooms
    await market.offered()
    told = 0
    for _ in range(40):
        await ask(buyer, Role.BUYER)
        await market.buyer.carry(market.vendor)
        told += len(told_in(market.vendor.fresh()))
        clock.advance(limits.told_pause_ms)
    # Eight at once, then after 2, 4, 8 and 16 minutes.
    assert told == 13


async def test_an_answer_that_came_is_found(market, rooms):
    buyer, _ = rooms
    await market.offered()
    party = await party_of(buyer, Role.BUYER)
    question = await ask(buyer, Role.BUYER)
    look = lambda conn: buyer.recall.is_answered(conn, party, question)  # noqa: E731
    assert not await market.buyer.write(look)
    await market.buyer.carry(market.vendor)
    await market.vendor.carry(market.buyer)
    assert await market.buyer.write(look)
    assert "thread.recalled" in await market.buyer.history()


async def test_without_a_way_back_nobody_is_asked(market, rooms, clock):
    buyer, _ = rooms
    row, _ = await market.offered()
    unknown = Party(role=Role.BUYER, ctx=row.nonce, root=row.cast_id, other=Somebody("cy").key)
    ask_unknown = lambda conn: buyer.recall.ask(conn, unknown)  # noqa: E731
    assert await market.buyer.write(ask_unknown) is None
    clock.advance(400 * 24 * 60 * MINUTE_MS)
    assert await ask(buyer, Role.BUYER) is None


async def test_more_than_fits_is_told_from_the_newest_on(market, rooms, clock, monkeypatch):
    buyer, _ = rooms
    await market.agreed()
    monkeypatch.setattr(limits, "told_objects_max", 2)
    await ask(buyer, Role.BUYER)
    await market.buyer.carry(market.vendor)
    (told,) = told_in(market.vendor.fresh())
    deal = await market.buyer.deal()
    ids = [open_stored_pair(pair).id for pair in told.objects]
    assert ids == [deal.confirmed_id, deal.agreed_id]
    monkeypatch.setattr(limits, "told_bytes_max", 10)
    clock.advance(limits.told_pause_ms)
    await ask(buyer, Role.BUYER)
    await market.buyer.carry(market.vendor)
    assert told_in(market.vendor.fresh())[0].objects == []


async def test_between_gives_what_the_two_said_and_nothing_else(market, rooms):
    _, vendor = rooms
    await market.agreed()
    party = await party_of(vendor, Role.VENDOR)
    found = await market.vendor.write(lambda conn: between(market.vendor.desk, conn, party))
    assert [each.header.kind.value for each in found] == ["offer", "acceptance", "event", "event"]
    other = replace(party, other=Somebody("cy").key)
    assert await market.vendor.write(lambda conn: between(market.vendor.desk, conn, other)) == []


async def test_shops_that_serve_the_category_are_asked_too(market, rooms):
    buyer, _ = rooms
    row, _ = await market.offered()
    profile = market.vendor.seller.profile

    def look(conn):
        ctx, root = row.nonce, row.cast_id
        known = buyer.recall.vendors(conn, ctx, root)
        others = buyer.recall.shops(conn, ctx, root)
        conn.execute("DELETE FROM threads")
        return known, others, buyer.recall.shops(conn, ctx, root)

    known, others, unknown = await market.buyer.write(look)
    assert [each.other for each in known] == [profile.header.key]
    assert others == []
    assert [each.other for each in unknown] == [profile.header.key]
    missing = await market.buyer.write(lambda conn: buyer.recall.shops(conn, row.nonce, bytes(32)))
    assert missing == []


async def test_a_shop_of_another_trade_is_not(market, rooms):
    buyer, _ = rooms
    row, _ = await market.offered()
    boats = make_profile(by=Somebody("cy"), categories=["boats"])
    cameras = make_profile(by=Somebody("di"), categories=["electronics/cameras"])
    lenses = make_profile(by=Somebody("ed"), categories=["electronics/cameras/lenses"])
    everything = make_profile(by=Somebody("fi"), categories=[])
    for profile in (boats, cameras, lenses, everything):
        await market.buyer.learn(profile)
    shops = await market.buyer.write(lambda conn: buyer.recall.shops(conn, row.nonce, row.cast_id))
    assert {each.other for each in shops} == {cameras.header.key, everything.header.key}


async def test_deals_that_may_have_moved_are_asked_about(market, rooms):
    buyer, vendor = rooms
    await market.accepted()
    for rooms_of, role in ((buyer, Role.BUYER), (vendor, Role.VENDOR)):
        found = await rooms_of.booth.write(
            lambda conn, r=rooms_of, o=role: r.recall.moving(conn, o)
        )
        assert [each.role for each in found] == [role]
    await market.vendor.decide()
    await market.vendor.carry(market.buyer)
    assert await market.buyer.write(lambda conn: buyer.recall.moving(conn, Role.BUYER)) == []


async def test_what_another_life_signed_is_heard_of(market, rooms, clock):
    buyer, _ = rooms
    await market.agreed()
    # The acceptance is gone from this disk, and was signed long after this copy began.
    await buyer.booth.write(_forget_deal)
    buyer.copies._own = replace(buyer.copies.own, created_ms=0)
    await ask(buyer, Role.BUYER)
    await market.buyer.carry(market.vendor)
    await market.vendor.carry(market.buyer)
    assert buyer.copies.word.value == "older"


def _forget_deal(conn):
    conn.execute("DELETE FROM deals")
    conn.execute("DELETE FROM objects WHERE kind = 'acceptance'")
    conn.execute("DELETE FROM objects WHERE kind = 'event'")
    conn.execute("UPDATE threads SET state = 'offered', last_own_id = NULL")
    conn.execute("UPDATE casts SET state = 'open'")
    assert objects.live_index(conn, 0)


async def test_an_answer_to_the_question_before_will_do(market, rooms, clock):
    buyer, _ = rooms
    await market.offered()
    party = await party_of(buyer, Role.BUYER)
    await ask(buyer, Role.BUYER)
    clock.advance(limits.told_pause_ms - 1)
    second = await ask(buyer, Role.BUYER)
    await market.buyer.carry(market.vendor)
    await market.vendor.carry(market.buyer)
    assert await market.buyer.write(lambda conn: buyer.recall.is_answered(conn, party, second))
    clock.advance(2 * limits.told_pause_ms)
    third = await ask(buyer, Role.BUYER)
    assert not await market.buyer.write(lambda conn: buyer.recall.is_answered(conn, party, third))


async def test_one_question_has_one_answer(market, rooms):
    buyer, _ = rooms
    row, _ = await market.offered()
    question = await ask(buyer, Role.BUYER)
    assert question is not None
    await market.buyer.carry(market.vendor)
    await market.vendor.carry(market.buyer)
    more = market.vendor.sealed(
        b"profile",
        Kind.EVENT,
        Told(of=question, objects=[]),
        to=market.buyer.desk.pen.key(row.nonce),
        thread=row.cast_id,
    )
    assert await buyer.read(row.nonce, more.raw) == Discard(reason="duplicate")
