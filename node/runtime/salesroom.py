"""What the keeper of a shop looks at: its shelf, what was asked of it, what it sent.

Enters: words to look for, places to go on from. Leaves: documents, a page at a time, so that a
large catalogue and a busy month cost no more than a small one. Nothing is decided or changed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from node.market.desk import Desk
from node.market.seller import Seller
from node.market.shop import Skipped
from node.runtime import views
from node.runtime.lookups import Lookups
from node.storage import catalogue, deals, objects, offers_sent
from node.storage.catalogue import Item
from node.storage.offers_sent import SentOffer
from protocol.ids import ObjectId, short_text, to_text
from protocol.market.deal import DealState
from protocol.market.thread import ThreadState
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.offer import Offer
from protocol.values.money import format_money

PAGE_ROWS: Final = 50
"""Articles or offers of one page."""
HEARD_ROWS: Final = 100
"""Requests the inbox shows: each is opened and checked anew."""
WAITING_ROWS: Final = 50
"""Acceptances it shows that wait for a person."""
WORDS_MAX: Final = 8
"""Words of one search."""
Document = dict[str, Any]


class Shelves(Protocol):
    """What is asked of whoever keeps the shop."""

    def check_open(self) -> None:
        """Make sure that this home has a shop.

        Raises:
            RefusedError: E-NO-SHOP.
        """
        ...

    async def hindrances(self, articles: Sequence[Item]) -> list[Skipped | None]:
        """Tell of each article what keeps it from being quoted."""
        ...


class Salesroom:
    """One shop, as its keeper sees it."""

    def __init__(self, desk: Desk, seller: Seller, shelves: Shelves) -> None:
        """Keep the rooms it looks into."""
        self._desk = desk
        self._seller = seller
        self._shelves = shelves
        self._lookups = Lookups(desk)

    # --- the shelf ------------------------------------------------------------------------------

    async def catalogue(self, words: str, after: int) -> Document:
        """Show a page of articles on offer, each with what keeps it from being quoted.

        Args:
            words: to find in titles and numbers; none shows all.
            after: `next` of the page before; 0 at first.

        Raises:
            RefusedError: E-NO-SHOP.
        """
        self._shelves.check_open()
        sought = words.split()[:WORDS_MAX]
        items, following = await self._desk.storage.read(
            lambda db: catalogue.search(db, sought, after, PAGE_ROWS)
        )
        hindrances = await self._shelves.hindrances(items)
        return {
            "schema": "intentcast.vendor-catalogue/1",
            "articles": [_article(item, no) for item, no in zip(items, hindrances, strict=True)],
            "next": following,
        }

    # --- what went out ----------------------------------------------------------------------------

    async def offers(self, after: int) -> Document:
        """Show a page of offers that were sent, the newest first.

        Args:
            after: `next` of the page before; 0 at first.

        Raises:
            RefusedError: E-NO-SHOP.
        """
        self._shelves.check_open()
        sent = await self._desk.storage.read(
            lambda db: offers_sent.load_newest(db, after, PAGE_ROWS + 1)
        )
        page = sent[:PAGE_ROWS]
        known = await self._opened(name for one in page for name in (one.offer_id, one.cast_id))
        return {
            "schema": "intentcast.vendor-offers/1",
            "offers": [self._sent(one, known) for one in page],
            "next": page[-1].seq if len(sent) > PAGE_ROWS else None,
        }

    def _sent(self, one: SentOffer, known: dict[bytes, Verified[Any]]) -> Document:
        offer, cast = known.get(one.offer_id), known.get(one.cast_id)
        body: Offer | None = offer.body if offer else None
        return {
            "id": to_text("offer", one.offer_id),
            "handle": short_text("offer", one.offer_id),
            "cast": to_text("cast", one.cast_id),
            "title": cast.body.title if cast else None,
            "sent": views.iso(one.sent_ms),
            "total": body.total if body else None,
            "total_text": format_money(body.total, body.cur) if body else None,
            "valid_until": views.iso(body.valid_until) if body else None,
            "firm": body.firm if body else None,
            "state": self._state(one, body),
            "deal": short_text("deal", one.deal_id) if one.deal_id else None,
        }

    def _state(self, one: SentOffer, offer: Offer | None) -> str:
        """Say where an offer stands: the deal's own state, once somebody has accepted it."""
        if one.thread_state is None:
            return "replaced"
        if one.thread_state is ThreadState.ACCEPTED and one.deal_state is not None:
            # `offered` would be the offer's own word: this one waits for the shop.
            return "waiting" if one.deal_state is DealState.OFFERED else one.deal_state.value
        over = offer is not None and offer.valid_until <= self._desk.wall_ms()
        if one.thread_state is ThreadState.OFFERED and over:
            return "expired"
        return one.thread_state.value

    # --- what came in -----------------------------------------------------------------------------

    async def inbox(self) -> Document:
        """Show what waits for a person, and what became of the requests heard lately.

        Raises:
            RefusedError: E-NO-SHOP.
        """
        self._shelves.check_open()
        waiting = await self._desk.storage.read(
            lambda db: deals.load_waiting(db, limit=WAITING_ROWS)
        )
        return {
            "schema": "intentcast.vendor-inbox/1",
            "waiting": [await self._lookups.deal_view(row) for row in waiting],
            "requests": await self._heard(),
        }

    async def _heard(self) -> list[Document]:
        """List requests that were answered or let pass, the latest first."""
        sent = await self._desk.storage.read(lambda db: offers_sent.load_newest(db, 0, HEARD_ROWS))
        heard: list[tuple[int, bytes, Document]] = [
            (each.at_ms, cast_id, _let_pass(each)) for cast_id, each in self._seller.skipped.items()
        ]
        heard += [(one.sent_ms, one.cast_id, _answered(one)) for one in sent]
        heard.sort(key=lambda each: each[0], reverse=True)
        newest = heard[:HEARD_ROWS]
        known = await self._opened(cast_id for _, cast_id, _ in newest)
        return [_request(cast_id, known.get(cast_id), at) | told for at, cast_id, told in newest]

    async def _opened(self, names: Iterable[bytes]) -> dict[bytes, Verified[Any]]:
        """Open what is still kept of some objects, all with one question."""
        wanted = list(dict.fromkeys(ObjectId(name) for name in names))
        raws = await self._desk.storage.read(lambda db: objects.load_raws(db, wanted))
        found: dict[bytes, Verified[Any]] = {}
        for name, raw in raws.items():
            found[name] = open_stored(raw, net=self._desk.net)
        return found


def _article(item: Item, no: Skipped | None) -> Document:
    return {
        "sku": item.sku,
        "title": item.title,
        "category": item.category,
        "price": item.price_minor,
        "price_text": format_money(item.price_minor, item.cur),
        "price_unit": item.price_unit,
        "stock": item.stock,
        "source": item.source,
        "hindrance": None if no is None else {"reason": no.reason, "words": no.words},
    }


def _let_pass(skipped: Skipped) -> Document:
    # A code is a failure of the shop's own; everything else is a rule that said no.
    state = "failed" if skipped.reason.startswith("E-") else "skipped"
    return {"state": state, "reason": skipped.reason, "words": skipped.words, "offer": None}


def _answered(one: SentOffer) -> Document:
    handle = short_text("offer", one.offer_id)
    return {"state": "offered", "reason": None, "words": None, "offer": handle}


def _request(cast_id: bytes, cast: Verified[Any] | None, at_ms: int) -> Document:
    return {
        "cast": to_text("cast", cast_id),
        "handle": short_text("cast", cast_id),
        "title": cast.body.title if cast else None,
        "category": cast.body.category if cast else None,
        "at": views.iso(at_ms),
    }
