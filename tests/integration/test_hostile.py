"""An honest home and a party that breaks every rule it can: what must hold all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.keystore import PROFILE_CONTEXT
from node.market.buyer import Choice
from node.post.letters import Discard, Recorded
from protocol import limits
from protocol.errors import Reason
from protocol.ids import blake2b_256
from protocol.market.cast import CastState
from protocol.market.deal import NO_ACK_MS, DealState
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.event import Cancelled, Moved, Refused, Void
from protocol.objects.header import Kind
from protocol.objects.offer import Offer
from tests.integration.counter import Home
from tests.parties import (
    FIELDS,
    NET,
    NOW_MS,
    SALTS,
    Party,
    buyer_ana,
    forged,
    make_acceptance,
    make_agreed,
    make_cast,
    make_confirmed,
    make_event,
    make_offer,
    make_profile,
    twin_of,
    vendor_bo,
)

DISCLOSED = {name: (SALTS[name], FIELDS[name]) for name in FIELDS}


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    found = await Home.open(tmp_path)
    yield found
    await found.close()


def bad_reply(party: Party = vendor_bo) -> Any:
    """Nobody can seal to this box: its key is of low order."""
    return msgspec.structs.replace(party.reply(), box=bytes(32))


async def offered(home: Home, **changes: Any) -> Verified[Offer]:
    """A request of ours, answered by vendor_bo."""
    cast, profile = await home.cast(), make_profile()
    await home.learn(profile)
    offer = make_offer(cast, profile, **changes)
    assert isinstance(await home.take(offer), Recorded)
    return offer


async def accepted(home: Home) -> tuple[Verified[Offer], Verified[Any]]:
    """Our acceptance of that offer, on its way."""
    home.clock.advance(HOUR_MS)
    offer = await offered(home)
    await home.buyer.accept(Choice(offer_id=offer.id, slot=0, disclose={"name": "Ana"}))
    return offer, await home.sent(Kind.ACCEPTANCE)


async def sold(home: Home) -> tuple[Verified[Offer], Verified[Any]]:
    """A quote of ours for buyer_ana, and her acceptance of it."""
    await home.sell()
    offer = await home.quote(make_cast())
    home.clock.advance(HOUR_MS)
    return offer, make_acceptance(offer)


async def confirmed(home: Home) -> tuple[Verified[Any], Verified[Any]]:
    """The same deal, confirmed by us."""
    _, acceptance = await sold(home)
    assert isinstance(await home.take(acceptance, ctx=PROFILE_CONTEXT), Recorded)
    await home.seller._decide_one(await home.deal())
    assert (await home.deal()).state is DealState.CONFIRMED
    return acceptance, await home.sent(Kind.EVENT)


# --- a way back that leads nowhere ---------------------------------------------------------------


async def test_an_offer_whose_box_nobody_can_seal_to_is_not_taken(home: Home):
    cast, profile = await home.cast(), make_profile()
    await home.learn(profile)
    found = await home.take(make_offer(cast, profile, reply=bad_reply()))
    assert found == Discard(reason=Reason.BAD_KEY.value)


async def test_an_acceptance_whose_box_nobody_can_seal_to_is_not_taken(home: Home):
    offer, _ = await sold(home)
    bad = make_acceptance(offer, reply=bad_reply(buyer_ana))
    assert await home.take(bad, ctx=PROFILE_CONTEXT) == Discard(reason=Reason.BAD_KEY.value)


async def test_nobody_moves_to_a_box_that_nobody_can_seal_to(home: Home):
    acceptance, _ = await confirmed(home)
    moved = Moved(of=acceptance.id, reply=bad_reply(buyer_ana))
    raw = make_event(buyer_ana, moved, acceptance, header={"to": acceptance.header.to})
    assert await home.take(raw, ctx=PROFILE_CONTEXT) == Discard(reason=Reason.BAD_KEY.value)


async def test_one_thread_that_cannot_be_closed_stops_no_other(home: Home, monkeypatch: Any):
    first = await home.cast(bytes(16))
    second = await home.cast(b"2" * 16)
    profile = make_profile()
    await home.learn(profile)
    await home.take(make_offer(first, profile))
    await home.take(make_offer(second, profile), ctx=b"2" * 16)
    queue = home.post.queue

    def fails_for_the_first(conn: Any, outgoing: Any) -> None:
        if outgoing.ctx == bytes(16):
            raise ValueError("damaged")
        queue(conn, outgoing)

    monkeypatch.setattr(home.post, "queue", fails_for_the_first)
    home.clock.advance(30 * DAY_MS)
    await home.clockwork.tick()
    assert await home.cast_state(b"2" * 16) is CastState.EXPIRED


# --- after the agreement -------------------------------------------------------------------------


async def test_a_second_acknowledgement_changes_nothing(home: Home):
    acceptance, yes = await confirmed(home)
    first = make_agreed(yes, acceptance)
    second = make_agreed(yes, acceptance, header={"at": first.header.at + 1})
    for agreed in (first, second):
        found = await home.take(agreed, ctx=PROFILE_CONTEXT, opened=DISCLOSED)
        assert isinstance(found, Recorded)
    assert (await home.deal()).agreed_id == first.id


async def test_a_vendor_cannot_leave_an_agreement_it_has_not_waited_for(home: Home):
    _, acceptance = await accepted(home)
    yes = make_confirmed(acceptance)
    assert isinstance(await home.take(yes), Recorded)
    assert (await home.deal()).state is DealState.AGREED
    leaving = Cancelled(of=acceptance.id, reason="no_ack")
    at_once = make_event(vendor_bo, leaving, acceptance, header={"prev": yes.id})
    assert isinstance(await home.take(at_once), Recorded)
    assert (await home.deal()).state is DealState.AGREED
    assert await home.cast_state() is CastState.AWARDED
    home.clock.advance(NO_ACK_MS + HOUR_MS)
    at = home.clock.now().wall_ms
    later = make_event(vendor_bo, leaving, acceptance, header={"prev": at_once.id, "at": at})
    assert isinstance(await home.take(later), Recorded)
    assert (await home.deal()).state is DealState.CANCELLED


async def test_a_buyer_cannot_void_before_its_own_word_allows(home: Home):
    acceptance, _ = await confirmed(home)
    early = make_event(
        buyer_ana, Void(of=acceptance.id), acceptance, header={"to": acceptance.header.to}
    )
    assert isinstance(await home.take(early, ctx=PROFILE_CONTEXT), Recorded)
    assert (await home.deal()).state is DealState.CONFIRMED
    at = acceptance.body.confirm_by + limits.void_grace_ms + 1
    home.clock.advance(HOUR_MS)
    due = make_event(
        buyer_ana, Void(of=acceptance.id), acceptance, header={"to": acceptance.header.to, "at": at}
    )
    assert isinstance(await home.take(due, ctx=PROFILE_CONTEXT), Recorded)
    assert (await home.deal()).state is DealState.VOIDED


async def test_an_acceptance_dated_back_does_not_revive_an_offer(home: Home):
    await home.sell()
    offer = await home.quote(make_cast())
    ended = offer.body.valid_until
    home.clock.advance(ended - NOW_MS + limits.expiry_tolerance_ms + MINUTE_MS)
    late = make_acceptance(offer, header={"at": ended - MINUTE_MS})
    assert isinstance(await home.take(late, ctx=PROFILE_CONTEXT), Recorded)
    await home.seller._decide_one(await home.deal())
    assert (await home.deal()).state is DealState.DECLINED
    assert (await home.sent(Kind.EVENT)).body == Refused(of=late.id, reason="expired")


# --- two signatures under one text ---------------------------------------------------------------


async def test_a_second_signature_under_an_acceptance_is_no_second_deal(home: Home):
    _, acceptance = await sold(home)
    assert isinstance(await home.take(acceptance, ctx=PROFILE_CONTEXT), Recorded)
    await home.seller.decide((await home.deal()).deal_id, confirm=False, reason=Reason.POLICY)
    twin = twin_of(acceptance, buyer_ana)
    assert twin.id != acceptance.id
    found = await home.take(twin, ctx=PROFILE_CONTEXT)
    assert found == Discard(reason=Reason.DUPLICATE.value)
    assert len(await home.deals()) == 1


# --- loops that must not end ---------------------------------------------------------------------


async def test_a_shop_that_stumbles_over_one_deal_still_decides_the_next(home: Home):
    _, acceptance = await sold(home)
    await home.take(acceptance, ctx=PROFILE_CONTEXT)
    home.shop.answer = ValueError("a rule failed")
    task = home.tasks.spawn(home.seller._decide_all(), "seller decides")
    await asyncio.sleep(0.2)
    assert not task.done()
    home.shop.answer = None
    home.seller._undecided.set()
    async with asyncio.timeout(3):
        while (await home.deal()).state is not DealState.CONFIRMED:
            await asyncio.sleep(0.01)


async def test_the_clockwork_goes_on_after_any_failure(home: Home, monkeypatch: Any):
    calls = []

    async def fails() -> None:
        calls.append(1)
        raise ValueError("anything")

    monkeypatch.setattr(home.clockwork, "_voids", fails)
    monkeypatch.setattr("node.market.clockwork._PERIOD_S", 0.01)
    task = home.tasks.spawn(home.clockwork.run(), "clockwork")
    async with asyncio.timeout(3):
        while len(calls) < 3:
            await asyncio.sleep(0.01)
            assert not task.done()


# --- strangers -----------------------------------------------------------------------------------


async def test_a_stranger_parks_nothing_at_a_shop(home: Home):
    await home.sell()
    offer = make_offer(make_cast(), make_profile())
    void = make_event(
        buyer_ana,
        Void(of=offer.id),
        offer,
        header={"to": home.desk.pen.profile_key(), "prev": blake2b_256(b"nothing")},
    )
    found = await home.take(void, ctx=PROFILE_CONTEXT)
    assert found == Discard(reason=Reason.UNKNOWN_PARENT.value)


async def test_a_party_of_a_thread_fills_no_disk(home: Home, monkeypatch: pytest.MonkeyPatch):
    """Events that are only kept are signed in a moment, and would be kept for years."""
    monkeypatch.setattr(limits, "thread_objects_max", 5)
    offer = await offered(home)
    outcomes = []
    for number in range(6):
        tree = {"type": "unheard_of", "of": blake2b_256(bytes([number]))}
        raw = forged(Kind.EVENT, tree, vendor_bo, to=offer.header.to, thread=offer.header.thread)
        outcomes.append(await home.take(open_stored(raw, net=NET)))
    assert [type(each).__name__ for each in outcomes[:4]] == ["Recorded"] * 4
    assert outcomes[4:] == [Discard(reason=Reason.QUOTA.value)] * 2


async def test_a_stranger_parks_no_long_letters_at_a_buyers(home: Home):
    cast = await home.cast()
    tree = {"type": "unheard_of", "of": bytes(32), **{f"k{n:04d}": n for n in range(1_500)}}
    raw = forged(
        Kind.EVENT, tree, vendor_bo, to=cast.header.key, thread=cast.id, prev=blake2b_256(b"none")
    )
    found = await home.take(open_stored(raw, net=NET))
    assert found == Discard(reason=Reason.TOO_LARGE.value)
