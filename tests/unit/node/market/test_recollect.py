"""What was told is put back: threads and deals stand where their objects say."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from node.market.recollect import Party, Recollect, between
from node.post.letters import Parked, Recorded
from node.storage import casts, deals, ledger, offers_sent, threads
from protocol.market.cast import CastState
from protocol.market.deal import DealState, Role
from protocol.market.thread import ThreadState
from protocol.now import MINUTE_MS
from protocol.objects.event import Cancelled, Refused, Void
from protocol.objects.header import Kind
from tests.parties import make_cast
from tests.unit.node.market.aftermath import Aftermath
from tests.unit.node.market.booth import Market

TABLES = ("deals", "threads", "offers_sent")


@pytest.fixture
async def rooms(market: Market) -> tuple[Aftermath, Aftermath]:
    return await Aftermath.of(market.buyer), await Aftermath.of(market.vendor)


async def party_of(rooms: Aftermath, role: Role) -> Party:
    thread = await rooms.booth.thread(role)
    return Party(role=role, ctx=thread.own_ctx, root=thread.cast_id, other=thread.other_key)


async def forget(rooms: Aftermath, *, kinds: str = "'offer', 'acceptance', 'event'") -> None:
    """Lose every sealed object and every row that came of one."""

    def txn(conn):
        for table in TABLES:
            conn.execute(f"DELETE FROM {table}")
        conn.execute(f"DELETE FROM objects WHERE kind IN ({kinds})")
        conn.execute("UPDATE casts SET state = 'open'")

    await rooms.booth.write(txn)


async def asks_and_hears(rooms: Aftermath, other: Aftermath, party: Party):
    await rooms.booth.write(lambda conn: rooms.recall.ask(conn, party))
    await rooms.booth.carry(other.booth)
    return await other.booth.carry(rooms.booth)


async def put_back(rooms: Aftermath, party: Party, said, opened=None):
    recollect = Recollect(rooms.booth.desk, rooms.copies)
    return await rooms.booth.write(lambda conn: recollect.restore(conn, party, said, opened))


async def said_in(rooms: Aftermath, party: Party):
    return await rooms.booth.write(lambda conn: between(rooms.booth.desk, conn, party))


async def test_a_buyer_gets_thread_deal_and_values_back(market, rooms):
    buyer, vendor = rooms
    row, _ = await market.agreed()
    before, thread = await market.buyer.deal(), await market.buyer.thread(Role.BUYER)
    party = await party_of(buyer, Role.BUYER)
    await forget(buyer)
    outcomes = await asks_and_hears(buyer, vendor, party)
    assert [type(each) for each in outcomes] == [Recorded]
    after = await market.buyer.deal()
    same = ("deal_id", "state", "confirmed_id", "agreed_id", "offer_id", "opened", "confirm_by")
    assert {name: getattr(after, name) for name in same} == {
        name: getattr(before, name) for name in same
    }
    again = await market.buyer.thread(Role.BUYER)
    assert (again.state, again.offer_id) == (ThreadState.ACCEPTED, thread.offer_id)
    assert (again.last_own_id, again.last_other_id) == (thread.last_own_id, thread.last_other_id)
    assert again.other_reply == thread.other_reply
    assert (await market.buyer.own(row.nonce)).state is CastState.AWARDED
    # Nothing was signed, sent or disclosed because of it.
    assert buyer.booth.fresh() == []
    lines = await market.buyer.storage.read(lambda db: ledger.load_all(db, limit=10))
    assert len(lines) == 1


async def test_a_vendor_gets_its_deal_back_with_what_it_was_given(market, rooms):
    buyer, vendor = rooms
    await market.agreed()
    before = await market.vendor.deal()
    party = await party_of(vendor, Role.VENDOR)
    cast_id = (await market.buyer.own((await party_of(buyer, Role.BUYER)).ctx)).cast_id
    # Its thread is what a backup still has.
    thread = await market.vendor.thread(Role.VENDOR)
    await forget(vendor)
    await market.vendor.write(
        lambda conn: threads.save(
            conn, replace(thread, state=ThreadState.OFFERED, offer_id=None, last_own_id=None)
        )
    )
    await asks_and_hears(vendor, buyer, party)
    after = await market.vendor.deal()
    assert (after.state, after.agreed_id) == (DealState.AGREED, before.agreed_id)
    assert after.opened == before.opened
    # What was quoted is quoted no second time.
    guard = await market.vendor.storage.read(
        lambda db: offers_sent.load_offer_of(db, cast_id, b"profile", 0)
    )
    assert guard == before.offer_id


async def test_told_twice_nothing_changes(market, rooms):
    buyer, _ = rooms
    await market.agreed()
    party = await party_of(buyer, Role.BUYER)
    said = await said_in(buyer, party)
    before = await market.buyer.deal()
    assert await put_back(buyer, party, said) is None
    assert await market.buyer.deal() == before


async def test_a_deal_that_went_on_is_moved_on(market, rooms):
    buyer, _ = rooms
    await market.accepted()
    party = await party_of(buyer, Role.BUYER)
    stale = await market.buyer.deal()
    await market.vendor.decide()
    await market.vendor.carry(market.buyer)
    said = await said_in(buyer, party)
    await market.buyer.write(lambda conn: deals.update(conn, stale))
    assert (await market.buyer.deal()).state is DealState.ACCEPT_SENT
    await put_back(buyer, party, said)
    moved = await market.buyer.deal()
    assert moved.state is DealState.AGREED
    assert moved.opened == stale.opened


async def test_a_deal_is_never_set_back(market, rooms):
    buyer, _ = rooms
    await market.agreed()
    party = await party_of(buyer, Role.BUYER)
    said = await said_in(buyer, party)
    await put_back(buyer, party, said[:2])
    assert (await market.buyer.deal()).state is DealState.AGREED


async def test_an_agreement_outlasts_a_refusal_told_where_our_word_was_lost(market, rooms):
    """A vendor that leaves our `agreed` out would keep its deal, and free the buyer's line."""
    buyer, _ = rooms
    row, deal = await market.agreed()
    party = await party_of(buyer, Role.BUYER)
    key = market.buyer.desk.pen.key(row.nonce)
    refused = market.vendor.sealed(
        b"profile", Kind.EVENT, Refused(of=deal.deal_id, reason="policy"), to=key, thread=party.root
    )
    cancelled = market.vendor.sealed(
        b"profile",
        Kind.EVENT,
        Cancelled(of=deal.deal_id, reason="no_ack"),
        to=key,
        thread=party.root,
    )
    agreed_id = (await market.buyer.deal()).agreed_id
    await market.buyer.write(
        lambda conn: conn.execute("DELETE FROM objects WHERE id = ?", (agreed_id,)).rowcount
    )
    await put_back(buyer, party, [refused])
    assert (await market.buyer.deal()).state is DealState.AGREED
    await put_back(buyer, party, [cancelled])
    assert (await market.buyer.deal()).state is DealState.AGREED
    assert (await market.buyer.own(row.nonce)).state is CastState.AWARDED


async def test_an_agreement_outlasts_a_void_told_where_its_acknowledgement_was_lost(market, rooms):
    _, vendor = rooms
    row, deal = await market.agreed()
    party = await party_of(vendor, Role.VENDOR)
    at = deal.confirm_by + 10 * MINUTE_MS
    void = market.buyer.sealed(
        row.nonce,
        Kind.EVENT,
        Void(of=deal.deal_id),
        to=market.vendor.desk.pen.profile_key(),
        thread=party.root,
        at=at,
    )
    agreed_id = (await market.vendor.deal()).agreed_id
    await market.vendor.write(
        lambda conn: conn.execute("DELETE FROM objects WHERE id = ?", (agreed_id,)).rowcount
    )
    await put_back(vendor, party, [void])
    assert (await market.vendor.deal()).state is DealState.AGREED


async def test_a_confirmation_told_before_its_letter_is_still_answered(market, rooms):
    """Recorded without an answer it would be known when it comes, and the deal would be voided."""
    buyer, vendor = rooms
    await market.accepted()
    party = await party_of(buyer, Role.BUYER)
    await market.vendor.decide()
    (confirmed,) = market.vendor.fresh()
    await asks_and_hears(buyer, vendor, party)
    assert (await market.buyer.deal()).state is DealState.ACCEPT_SENT
    await buyer.read(party.ctx, confirmed.envelope)
    assert (await market.buyer.deal()).state is DealState.AGREED


async def test_an_offer_in_another_thread_than_its_request_makes_none(market, rooms):
    buyer, _ = rooms
    row, offer_id = await market.offered()
    party = await party_of(buyer, Role.BUYER)
    offer = await market.buyer.object(offer_id)
    key = market.buyer.desk.pen.key(row.nonce)
    bent = market.vendor.sealed(b"profile", Kind.OFFER, offer.body, to=key, thread=bytes(32))
    assert await put_back(buyer, replace(party, root=bytes(32)), [bent]) is None
    assert len(await market.buyer.threads(Role.BUYER)) == 1


async def test_an_ended_deal_frees_the_line(market, rooms):
    buyer, _ = rooms
    row, deal = await market.accepted()
    party = await party_of(buyer, Role.BUYER)
    key = market.buyer.desk.pen.key(row.nonce)
    refused = market.vendor.sealed(
        b"profile", Kind.EVENT, Refused(of=deal.deal_id, reason="policy"), to=key, thread=party.root
    )
    said = await said_in(buyer, party)
    await forget(buyer)
    await put_back(buyer, party, [*said, refused])
    found = await market.buyer.deal()
    assert (found.state, found.ended_id) == (DealState.DECLINED, refused.id)
    assert (await market.buyer.own(row.nonce)).state is CastState.OPEN
    assert (await market.buyer.thread(Role.BUYER)).state is ThreadState.OFFERED


async def test_two_acceptances_of_one_line_are_told_and_one_holds(market, rooms):
    buyer, _ = rooms
    row, deal = await market.accepted()
    party = await party_of(buyer, Role.BUYER)
    said = await said_in(buyer, party)
    acceptance = next(each for each in said if each.id == deal.deal_id)
    at = acceptance.header.at + MINUTE_MS
    offer = await market.buyer.object(deal.offer_id)
    body = msgspec.structs.replace(acceptance.body, confirm_by=at + offer.body.confirm_within)
    second = market.buyer.sealed(
        row.nonce, Kind.ACCEPTANCE, body, to=party.other, thread=party.root, at=at
    )
    await forget(buyer)
    await put_back(buyer, party, [*said, second])
    assert len(await market.buyer.deals()) == 1
    assert "deal.conflict" in await market.buyer.history()


async def test_a_voided_first_and_a_live_second_both_come_back(market, rooms):
    buyer, _ = rooms
    row, deal = await market.accepted()
    party = await party_of(buyer, Role.BUYER)
    said = await said_in(buyer, party)
    acceptance = next(each for each in said if each.id == deal.deal_id)
    offer = await market.buyer.object(deal.offer_id)
    at = acceptance.body.confirm_by + 10 * MINUTE_MS
    void = market.buyer.sealed(
        row.nonce, Kind.EVENT, Void(of=deal.deal_id), to=party.other, thread=party.root, at=at
    )
    body = msgspec.structs.replace(acceptance.body, confirm_by=at + offer.body.confirm_within)
    second = market.buyer.sealed(
        row.nonce, Kind.ACCEPTANCE, body, to=party.other, thread=party.root, at=at
    )
    await forget(buyer)
    await put_back(buyer, party, [second, *said, void])
    states = {row.deal_id: row.state for row in await market.buyer.deals()}
    assert states == {deal.deal_id: DealState.VOIDED, second.id: DealState.ACCEPT_SENT}
    assert (await market.buyer.own(row.nonce)).state is CastState.AWARDED


async def test_an_offer_waits_for_its_profile(market, rooms):
    buyer, vendor = rooms
    await market.offered()
    party = await party_of(buyer, Role.BUYER)
    await forget(buyer, kinds="'offer', 'profile'")
    (outcome,) = await asks_and_hears(buyer, vendor, party) or [None]
    assert outcome is None or isinstance(outcome, Parked)
    said = await said_in(vendor, await party_of(vendor, Role.VENDOR))
    waits = await put_back(buyer, party, said)
    assert waits.want == market.vendor.seller.profile.id


async def test_an_offer_to_somebody_elses_request_makes_no_thread(market, rooms):
    buyer, _ = rooms
    row, offer_id = await market.offered()
    party = await party_of(buyer, Role.BUYER)
    offer = await market.buyer.object(offer_id)
    strange = make_cast()
    await market.buyer.learn(strange)
    bent = market.vendor.sealed(
        b"profile",
        Kind.OFFER,
        msgspec.structs.replace(offer.body, cast=strange.id),
        to=market.buyer.desk.pen.key(row.nonce),
        thread=party.root,
    )
    await forget(buyer)
    assert await put_back(buyer, party, [bent]) is None
    assert await market.buyer.threads(Role.BUYER) == []


async def test_values_that_do_not_fit_are_not_taken(market, rooms):
    buyer, _ = rooms
    await market.agreed()
    party = await party_of(buyer, Role.BUYER)
    said = await said_in(buyer, party)
    await forget(buyer)
    await put_back(buyer, party, said, {"name": (bytes(16), "Somebody else")})
    found = await market.buyer.deal()
    assert (found.state, found.opened) == (DealState.AGREED, {})


async def test_an_acceptance_that_does_not_fit_its_offer_is_no_deal(market, rooms):
    buyer, _ = rooms
    row, deal = await market.accepted()
    party = await party_of(buyer, Role.BUYER)
    said = await said_in(buyer, party)
    acceptance = next(each for each in said if each.id == deal.deal_id)
    bent = market.buyer.sealed(
        row.nonce,
        Kind.ACCEPTANCE,
        msgspec.structs.replace(acceptance.body, total=1),
        to=party.other,
        thread=party.root,
        at=acceptance.header.at,
    )
    lost = market.buyer.sealed(
        row.nonce,
        Kind.ACCEPTANCE,
        msgspec.structs.replace(acceptance.body, offer=bytes(32)),
        to=party.other,
        thread=party.root,
        at=acceptance.header.at,
    )
    await forget(buyer)
    await put_back(buyer, party, [said[0], bent, lost])
    assert await market.buyer.deals() == []


async def test_nothing_told_is_nothing_put_back(market, rooms):
    buyer, _ = rooms
    await market.offered()
    party = await party_of(buyer, Role.BUYER)
    await forget(buyer)
    assert await put_back(buyer, party, []) is None
    assert await market.buyer.threads(Role.BUYER) == []
    found = await market.buyer.storage.read(casts.load_all)
    assert [each.state for each in found] == [CastState.OPEN]
