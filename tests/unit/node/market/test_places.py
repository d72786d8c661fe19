"""Places for offers: first come, first served, but a valid offer is worth one that is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.post.letters import Discard, LetterOutcome, Recorded
from node.storage import threads
from protocol.errors import Reason
from protocol.market.cast import CastState
from protocol.market.deal import Role
from protocol.market.thread import ThreadState
from protocol.objects.envelope import Verified
from tests.integration.counter import Home
from tests.parties import NOW_MS, Party, make_offer, make_profile

FULL = Discard(reason=Reason.QUOTA.value)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    found = await Home.open(tmp_path)
    yield found
    await found.close()


class Shops:
    """Vendors that answer one request, some with offers that cannot be right."""

    def __init__(self, home: Home, cast: Verified[Any]) -> None:
        self.home = home
        self.cast = cast
        self.offers: dict[str, Verified[Any]] = {}

    async def answer(self, name: str, **changes: Any) -> LetterOutcome:
        party = Party(name)
        profile = make_profile(by=party)
        await self.home.learn(profile)
        before = self.offers.get(name)
        if before is not None:
            changes = {"supersedes": before.id, "round": before.body.round + 1, **changes}
        offer = make_offer(self.cast, profile, by=party, **changes)
        found = await self.home.take(offer)
        if isinstance(found, Recorded):
            self.offers[name] = offer
        return found

    async def invalid(self, name: str) -> LetterOutcome:
        """Offer in a currency nobody asked for."""
        return await self.answer(name, cur="EUR")

    async def states(self) -> dict[str, ThreadState]:
        rows = await self.home.storage.read(
            lambda db: threads.load_of_cast(db, self.cast.id, Role.BUYER)
        )
        names = {Party(name).key: name for name in self.offers}
        return {names[row.other_key]: row.state for row in rows}


@pytest.fixture
async def shops(home: Home) -> Shops:
    return Shops(home, await home.cast(max_offers=2))


async def test_a_valid_offer_takes_the_place_of_an_invalid_one(shops: Shops):
    await shops.invalid("first")
    await shops.answer("second")
    assert isinstance(await shops.answer("third"), Recorded)
    assert await shops.states() == {
        "first": ThreadState.WITHDRAWN,
        "second": ThreadState.OFFERED,
        "third": ThreadState.OFFERED,
    }


async def test_an_invalid_one_takes_nobodys(shops: Shops):
    await shops.invalid("first")
    await shops.answer("second")
    assert await shops.invalid("third") == FULL
    assert (await shops.states())["first"] is ThreadState.OFFERED


async def test_among_valid_ones_the_first_stay(shops: Shops):
    for name in ("first", "second"):
        await shops.answer(name)
    assert await shops.answer("third") == FULL


async def test_who_lost_its_place_may_come_back_where_there_is_one(shops: Shops):
    await shops.invalid("first")
    for name in ("second", "third"):
        await shops.answer(name)
    assert await shops.answer("first") == FULL
    third = shops.offers["third"]
    closed = await shops.home.storage.write(
        lambda conn: (
            conn.execute(
                "UPDATE threads SET state = 'withdrawn' WHERE other_key = ?", (third.header.key,)
            ).rowcount
        )
    )
    assert closed == 1
    assert isinstance(await shops.answer("first"), Recorded)
    assert (await shops.states())["first"] is ThreadState.OFFERED


async def test_threads_of_one_request_have_a_bound_whatever_comes_and_goes(shops: Shops):
    """Offering and taking back under ever new keys must not fill the home."""
    for number in range(4):
        assert isinstance(await shops.answer(f"shop {number}"), Recorded)
        await shops.home.storage.write(
            lambda conn: conn.execute("UPDATE threads SET state = 'withdrawn'")
        )
    assert await shops.answer("shop 5") == FULL


async def test_the_displaced_reads_closed_at_the_published_time_and_not_before(shops: Shops):
    await shops.invalid("first")
    for name in ("second", "third"):
        await shops.answer(name)
    assert await shops.home.outbox() == []
    shops.home.clock.advance(shops.cast.header.exp - NOW_MS + 1)
    await shops.home.clockwork.tick()
    assert await shops.home.cast_state() is CastState.EXPIRED
    told = [row.to_key for row in await shops.home.outbox()]
    assert sorted(told) == sorted(Party(name).key for name in ("first", "second", "third"))
