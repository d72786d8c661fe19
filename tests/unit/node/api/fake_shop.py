"""A shop of a few articles, for the faces' tests alone."""

from __future__ import annotations

from typing import Any

from protocol.ids import to_text

CAST_ID = to_text("cast", bytes([1] * 32))
OFFER_ID = to_text("offer", bytes([1] * 32))
REQUEST: dict[str, Any] = {
    "cast": CAST_ID,
    "handle": "cast-7Q4M-K2XD",
    "title": "Espresso machine",
    "category": "home/kitchen/espresso",
    "at": "2027-02-20T12:00:00Z",
    "state": "skipped",
    "reason": "no_article",
    "words": "nothing on offer for: machine",
    "offer": None,
}
ARTICLE: dict[str, Any] = {
    "sku": "E-1",
    "title": "Espresso machine",
    "category": "home/kitchen/espresso",
    "price": 24_900,
    "price_text": "249.00 EUR",
    "price_unit": "each",
    "stock": 3,
    "source": "feed",
    "hindrance": None,
}
SENT: dict[str, Any] = {
    "id": OFFER_ID,
    "handle": "offer-AAA1-BBBB",
    "cast": CAST_ID,
    "title": "Espresso machine",
    "sent": "2027-02-20T12:00:00Z",
    "total": 24_900,
    "total_text": "249.00 EUR",
    "valid_until": "2027-02-22T12:00:00Z",
    "firm": True,
    "state": "offered",
    "deal": None,
}
GONE = ARTICLE | {
    "sku": "E-2",
    "stock": None,
    "price_unit": "DAY",
    "hindrance": {"reason": "no_article", "words": "the feed counts no piece of it"},
}
ANSWERED = REQUEST | {"state": "offered", "reason": None, "words": None, "offer": SENT["handle"]}


class FakeShop:
    """Keeps plain values; `calls` keeps what was asked, `fails` raises instead."""

    def __init__(self, waiting: list[dict[str, Any]]) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.fails: Exception | None = None
        self.waiting = waiting
        self.requests = [REQUEST, ANSWERED]
        self.articles = [ARTICLE, GONE]
        self.sent = [SENT, SENT | {"handle": "offer-CCC3", "state": "agreed", "deal": "deal-1"}]
        self.next: int | None = None

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        if self.fails is not None:
            raise self.fails

    async def catalogue(self, words: str, after: int) -> dict[str, Any]:
        self._note("catalogue", words, after)
        return {
            "schema": "intentcast.vendor-catalogue/1",
            "articles": self.articles,
            "next": self.next,
        }

    async def offers(self, after: int) -> dict[str, Any]:
        self._note("offers", after)
        return {"schema": "intentcast.vendor-offers/1", "offers": self.sent, "next": self.next}

    async def inbox(self) -> dict[str, Any]:
        self._note("inbox")
        return {
            "schema": "intentcast.vendor-inbox/1",
            "waiting": self.waiting,
            "requests": self.requests,
        }
