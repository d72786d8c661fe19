"""The stories that are told while somebody dies: what a buyer and a shop do, wish to agreement.

Enters: a street and a name. Leaves: the same end, whoever was killed in between; each request is
repeated under its key until it is answered, as the command line and agents do. A story waits on
disks, which can be read while their node is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from protocol.ids import from_text, to_text
from tests.faults.checker import ask_disk
from tests.faults.house import Document, House, key_of
from tests.faults.street import CATEGORY, DRAFT, FEED, FEED_HEAD, Street, write_rules

STORY_S = 60.0
"""Longest wait for one step: restarts on a busy machine included."""


@dataclass
class Story:
    """One telling."""

    street: Street
    name: str
    """Unique; the request's title."""
    pause_s: float = 0.0
    """How long the buyer thinks before saying yes."""
    patience_s: float = STORY_S
    """Longest wait for one step."""

    async def cast(self, buyer: House | None = None, **changes: object) -> bytes:
        """Send a request; gives its nonce once it is out."""
        buyer = buyer or self.street.buyer
        body = {**DRAFT, "title": self.name, **changes}
        answer = await buyer.post("/v1/casts", body, key=key_of(self.name, "cast"))
        nonce = bytes.fromhex(answer["cast"]["draft"])
        sql = "SELECT 1 FROM casts WHERE nonce = ? AND cast_id IS NOT NULL"
        await self.until(lambda: bool(ask_disk(buyer.home, sql, nonce)), "is out")
        return nonce

    async def offer(
        self, nonce: bytes, *, buyer: House | None = None, vendor: House | None = None
    ) -> bytes:
        """Wait for the shop's offer; gives its id."""
        buyer, vendor = buyer or self.street.buyer, vendor or self.street.vendor
        sql = (
            "SELECT threads.offer_id FROM threads JOIN casts ON threads.cast_id = casts.root_id "
            "WHERE casts.nonce = ? AND threads.offer_id IS NOT NULL"
        )

        def arrived() -> list[bytes]:
            found = [row["offer_id"] for row in ask_disk(buyer.home, sql, nonce)]
            sent = "SELECT 1 FROM offers_sent WHERE offer_id = ?"
            return [each for each in found if ask_disk(vendor.home, sent, each)]

        await self.until(lambda: bool(arrived()), "has its offer")
        offer_id = arrived()[0]
        listed = await buyer.get(f"/v1/casts/{nonce.hex()}/offers")
        buyer.shown |= {offer["id"] for offer in listed["offers"]}
        assert to_text("offer", offer_id) in buyer.shown, f"{self.name}: its offer is not shown"
        return offer_id

    async def accept(self, offer_id: bytes, buyer: House | None = None) -> bytes:
        """Say yes; gives the deal's id."""
        await asyncio.sleep(self.pause_s)
        path = f"/v1/offers/{to_text('offer', offer_id)}/accept"
        buyer = buyer or self.street.buyer
        answer = await buyer.post(path, {}, key=key_of(self.name, "accept"))
        return from_text("deal", answer["deal"]["id"])

    async def agreed(
        self, deal_id: bytes, *, buyer: House | None = None, vendor: House | None = None
    ) -> None:
        """Wait until both sides have agreed, then let both export the agreement."""
        sides = (buyer or self.street.buyer, vendor or self.street.vendor)
        for house in sides:
            await self.until_deal(house, deal_id, "agreed")
        path = f"/v1/deals/{to_text('deal', deal_id)}/agreement"
        mine, theirs = [await house.fetch(path) for house in sides]
        assert mine == theirs, f"{self.name}: the exported agreements differ"
        self.street.agreements[path] = (sides, mine)

    async def until_deal(self, house: House, deal_id: bytes, state: str) -> None:
        sql = "SELECT 1 FROM deals WHERE deal_id = ? AND state = ?"
        await self.until(
            lambda: bool(ask_disk(house.home, sql, deal_id, state)), f"is {state} at {house.name}"
        )

    async def repeat_all(self) -> None:
        """Ask for everything once more under its key: the same answer, and nothing done twice."""
        keys = {key_of(self.name, step) for step in ("cast", "accept", "decide", "revoke")}
        for house in (self.street.buyer, self.street.vendor):
            for ack in [ack for ack in house.acks if ack.key in keys]:
                again = await house.post(ack.path, ack.body, key=ack.key)
                assert name_of(again) == name_of(ack.answer), f"{ack.path} gave another {again}"
                house.acks.pop()

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        await self.street.until(holds, f"{self.name} {what}", self.patience_s)


def name_of(answer: Document) -> str:
    """Give the id an answer is about."""
    if "cast" in answer:
        return str(answer["cast"]["draft"])
    return str(answer["deal"]["id"] if "deal" in answer else answer["id"])


async def deal(story: Story) -> None:
    """A wish, an offer, a yes, a confirmation, an acknowledgement."""
    offer_id = await story.offer(await story.cast())
    await story.agreed(await story.accept(offer_id))
    await story.repeat_all()


async def by_hand(story: Story) -> None:
    """The same, where the shop's keeper says yes."""
    vendor = story.street.vendor
    write_rules(vendor.home, firm=False)
    try:
        deal_id = await story.accept(await story.offer(await story.cast()))
        await story.until_deal(vendor, deal_id, "offered")
        path = f"/v1/deals/{to_text('deal', deal_id)}/decide"
        await vendor.post(path, {"confirm": True}, key=key_of(story.name, "decide"))
        await story.agreed(deal_id)
        await story.repeat_all()
    finally:
        write_rules(vendor.home, firm=True)


async def revoke(story: Story) -> None:
    """A wish that is taken back after an offer has come; the shop hears the one word."""
    buyer, vendor = story.street.buyer, story.street.vendor
    nonce = await story.cast()
    offer_id = await story.offer(nonce)
    row = ask_disk(buyer.home, "SELECT cast_id FROM casts WHERE nonce = ?", nonce)[0]
    body = {"handle": to_text("cast", row["cast_id"])}
    await buyer.post("/v1/revoke", body, key=key_of(story.name, "revoke"))
    sql = "SELECT 1 FROM threads WHERE offer_id = ? AND state = 'closed'"
    await story.until(lambda: bool(ask_disk(vendor.home, sql, offer_id)), "is closed at the shop")
    await story.repeat_all()


async def offer_revoke(story: Story) -> None:
    """An offer that the shop takes back; the buyer hears of it, and then ends the request."""
    buyer, vendor = story.street.buyer, story.street.vendor
    nonce = await story.cast()
    offer_id = await story.offer(nonce)
    body = {"handle": to_text("offer", offer_id)}
    await vendor.post("/v1/revoke", body, key=key_of(story.name, "withdraw"))
    sql = "SELECT 1 FROM threads WHERE offer_id = ? AND state = 'withdrawn'"
    await story.until(lambda: bool(ask_disk(buyer.home, sql, offer_id)), "is withdrawn")
    row = ask_disk(buyer.home, "SELECT cast_id FROM casts WHERE nonce = ?", nonce)[0]
    body = {"handle": to_text("cast", row["cast_id"])}
    await buyer.post("/v1/revoke", body, key=key_of(story.name, "revoke"))


async def feed(story: Story) -> None:
    """A feed with new prices and without an old article; repeating it completes it."""
    vendor = story.street.vendor
    price = 200 + sum(story.name.encode()) % 70
    kept = f"C-1,Compact camera with RAW,{price}.00 USD,in_stock,900000,12.1 MP,yes"
    more = [f"X-{n},Another camera,{price}.50 USD,in_stock,5,12.1 MP,yes" for n in range(4)]
    for lines in ([kept, *more], [kept, *more[:3]]):
        text = "\n".join([FEED_HEAD, *lines]) + "\n"
        await vendor.send_feed(text, source="street", category=CATEGORY)
        rows = ask_disk(vendor.home, "SELECT sku, price_minor FROM items WHERE removed_ms IS NULL")
        on_offer = {row["sku"]: row["price_minor"] for row in rows}
        wanted = {line.split(",")[0]: round(100 * float(line.split(",")[2][:-4])) for line in lines}
        assert on_offer == wanted, f"the catalogue holds {on_offer}, the feed {wanted}"
    sql = "SELECT 1 FROM imports WHERE source = 'street'"
    assert ask_disk(vendor.home, sql), "the import is not on record"
    await vendor.send_feed(FEED, source="street", category=CATEGORY, remove_most="true")
    await deal(story)


async def stop(story: Story) -> None:
    """A deal; the end in good order comes after it."""
    await deal(story)


STORIES: dict[str, Callable[[Story], Awaitable[None]]] = {
    "by_hand": by_hand,
    "deal": deal,
    "feed": feed,
    "offer_revoke": offer_revoke,
    "revoke": revoke,
    "stop": stop,
}
"""Told on a street that stands; others make homes of their own, see `tests/faults/homes.py`."""
