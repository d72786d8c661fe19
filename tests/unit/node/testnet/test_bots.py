"""Buyers without a person: what they ask for, and what they take."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.clock import ManualClock
from node.entropy import SeededEntropy
from node.market.drafts import read_request
from node.testnet.bots import BuyerBot, Wishes, is_good
from node.testnet.goal import Counts
from node.testnet.tally import Tally
from protocol.errors import LocalProtocolError
from tests.parties import NOW_MS

CARS, CAMERAS = "travel/car-rental", "electronics/cameras"
GOOD = {
    "handle": "offer-1",
    "state": "offered",
    "valid": True,
    "over_budget": False,
    "musts_met": 2,
    "musts_total": 2,
    "firm": True,
}


def entropy(seed: str = "7") -> SeededEntropy:
    return SeededEntropy(seed, net="testnet-7")


@pytest.mark.parametrize("trades", [(), (CARS,), (CAMERAS,), (CARS, CAMERAS)])
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_every_wish_is_a_request_that_some_shop_understands(trades: tuple[str, ...], seed: str):
    wishes = Wishes(entropy(seed), trades)
    for _ in range(12):
        request = read_request(wishes.next(), NOW_MS)
        category = request.fields["category"]
        assert not trades or category.startswith(trades)


def test_the_same_seed_asks_for_the_same_and_trades_alternate():
    one, two = (Wishes(entropy(), (CARS, CAMERAS)) for _ in range(2))
    drafts = [one.next() for _ in range(6)]
    assert drafts == [two.next() for _ in range(6)]
    assert {draft["category"] for draft in drafts[:2]} == {draft["category"] for draft in drafts}
    assert len({draft["category"] for draft in drafts}) == 2


@pytest.mark.parametrize(
    "change",
    [{"state": "expired"}, {"valid": False}, {"over_budget": True}, {"musts_met": 1}],
)
def test_an_offer_is_good_only_whole(change: dict[str, Any]):
    assert is_good(GOOD)
    assert not is_good(GOOD | change)


class Home:
    """A door behind which offers lie."""

    def __init__(self, offers: list[dict[str, Any]], clock: ManualClock) -> None:
        self.listed = offers
        self.clock = clock
        self.asked: list[dict[str, Any]] = []
        self.accepted: list[str] = []
        self.refuses = False
        self.rounds = 3

    async def create_cast(self, draft: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(draft)
        if len(self.asked) > 1:
            raise asyncio.CancelledError
        return {}

    async def casts(self) -> dict[str, Any]:
        one = {"id": "cast-1", "handle": "cast-1", "state": "open", "offers": len(self.listed)}
        draft = {"id": None, "handle": None, "state": "draft", "offers": 0}
        return {"casts": [one, draft]}

    async def deals(self) -> dict[str, Any]:
        return {"deals": [{"agreement_id": "a" if i else None} for i in range(len(self.accepted))]}

    async def offers(self, _handle: str) -> dict[str, Any]:
        return {"offers": self.listed}

    async def accept(self, handle: str, **_rest: Any) -> dict[str, Any]:
        self.accepted.append(handle)
        if self.refuses:
            raise LocalProtocolError("gone")
        return {}

    async def wait_changed(self, after: int, timeout_s: float) -> int:
        self.rounds -= 1
        self.clock.advance(int(timeout_s * 1_000))
        if not self.rounds:
            raise asyncio.CancelledError
        return after + 1


def bot_at(home: Home) -> tuple[BuyerBot, Tally]:
    tally = Tally(home.clock)
    bot = BuyerBot(
        "buyer-1",
        home,  # type: ignore[arg-type]
        Wishes(entropy(), ()),
        tally=tally,
        clock=home.clock,
        entropy=Still(),
    )
    return bot, tally


class Still:
    """Entropy that never waits."""

    def bytes(self, count: int) -> bytes:
        return bytes(count)

    def jitter(self, low: float, high: float) -> float:
        return 0 * low * high


async def looked(home: Home) -> Tally:
    bot, tally = bot_at(home)
    with pytest.raises(asyncio.CancelledError):
        await bot.look()
    return tally


async def test_the_best_firm_good_offer_is_taken_after_a_while_and_once():
    loose = GOOD | {"firm": False, "handle": "offer-loose"}
    home = Home([loose, GOOD], ManualClock())
    tally = await looked(home)
    assert home.accepted == ["offer-1"]
    assert tally.counts == Counts(casts=1, offers=2, deals=0)


async def test_nothing_is_taken_at_once_or_when_nothing_is_good():
    hasty = Home([GOOD], ManualClock())
    hasty.rounds = 1
    await looked(hasty)
    assert hasty.accepted == []
    bad = Home([GOOD | {"valid": False}], ManualClock())
    await looked(bad)
    assert bad.accepted == []


async def test_an_offer_that_is_gone_meanwhile_does_not_end_the_bot():
    home = Home([GOOD], ManualClock())
    home.refuses = True
    home.rounds = 6
    await looked(home)
    assert home.accepted == ["offer-1"]


async def test_asking_is_noted_before_it_is_sent():
    home = Home([], ManualClock())
    bot, tally = bot_at(home)
    with pytest.raises(asyncio.CancelledError):
        await bot.ask()
    assert len(home.asked) == 2
    assert tally.first_cast_ms == 0
