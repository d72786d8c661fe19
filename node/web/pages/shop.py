"""The shop, for its keeper: what it sells, what was asked of it, what it sent.

Enters: words to look for, places to go on from. Leaves: pages. A yes or no to an acceptance is the
deal page's; a feed is taken in by the API, and by the command line where there is no script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from node.api.bodies import query
from node.api.faces import PageRoute
from node.api.shop import CatalogueQuery, PageQuery, salesroom_of
from node.api.visitors import Scope
from node.errors import RefusedError
from node.web.shell import Handler, Shell
from node.web.texts import _, marked

NO_SHOP: Final = "E-NO-SHOP"
REASONS: Final = {
    "too_late": marked("the buyer had decided"),
    "not_addressed": marked("it asks for another kind of vendor"),
    "category": marked("not what this shop answers to"),
    "place": marked("too far away"),
    "dates": marked("the days are not possible"),
    "no_article": marked("nothing on offer fits"),
    "musts": marked("the best article fails something the buyer must have"),
    "unknown": marked("the feed does not say what the buyer must know"),
    "currency": marked("another currency"),
    "budget": marked("over the buyer's budget"),
    "floor": marked("under the floor of the price"),
    "terms": marked("no terms both sides accept"),
    "size": marked("more than one offer may hold"),
    "pace": marked("the quotes of this hour are used up"),
    "revoked": marked("the buyer ended the key of the request"),
    "closed": marked("the shop is closed"),
}
"""Reason of a request that was let pass -> words."""
SHOWS: Final = {
    "offered": marked("offered"),
    "skipped": marked("let pass"),
    "failed": marked("needs a look: nothing was sent"),
}
"""What became of a request -> words."""
REFUSALS: Final = (
    ("out_of_stock", marked("out of stock")),
    ("withdrawn", marked("withdrawn")),
    ("policy", marked("our policy")),
)


def shop_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""
    pages = _Shop(shell)
    return [
        PageRoute(method="GET", path=path, scope=Scope.READ, handler=pages.open_or(handler))
        for path, handler in (
            ("/shop", pages.overview),
            ("/shop/inbox", pages.inbox),
            ("/shop/catalogue", pages.catalogue),
            ("/shop/offers", pages.offers),
        )
    ]


class _Shop:
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def open_or(self, handler: Callable[[web.Request], Awaitable[web.Response]]) -> Handler:
        """Tell a home that sells nothing how it would begin to."""

        async def shown(request: web.Request) -> web.Response:
            try:
                return await handler(request)
            except RefusedError as error:
                if error.code != NO_SHOP:
                    raise
                return await self._page(request, "shop_none.html", _("Shop"), "")

        return shown

    async def _page(
        self, request: web.Request, template: str, title: str, part: str, **values: Any
    ) -> web.Response:
        return await self._shell.page(
            request, template, title=title, here="shop", part=part, **values
        )

    async def overview(self, request: web.Request) -> web.Response:
        """Tell what the shop is and how it does."""
        shop = await self._shell.citizen.vendor_status()
        counts = Counter(each["reason"] for each in shop["skipped"])
        return await self._page(
            request,
            "shop.html",
            shop["name"],
            "overview",
            shop=shop,
            let_pass=counts.most_common(),
            reasons=REASONS,
        )

    async def inbox(self, request: web.Request) -> web.Response:
        """Show what waits for a yes or no, and what became of requests."""
        found = await salesroom_of(self._shell.citizen).inbox()
        return await self._page(
            request,
            "shop_inbox.html",
            _("Inbox of the shop"),
            "inbox",
            waiting=found["waiting"],
            requests=found["requests"],
            reasons=REASONS,
            shows=SHOWS,
            refusals=REFUSALS,
        )

    async def catalogue(self, request: web.Request) -> web.Response:
        """Show the articles, some at a time."""
        asked = query(request, CatalogueQuery)
        room = salesroom_of(self._shell.citizen)
        found = await room.catalogue(asked.words, asked.after)
        shop = await self._shell.citizen.vendor_status()
        return await self._page(
            request,
            "shop_catalogue.html",
            _("Catalogue"),
            "catalogue",
            total=shop["items"],
            articles=found["articles"],
            words=asked.words,
            is_first=not asked.after,
            following=_following(found["next"], words=asked.words),
            # A feed that was looked at is not to be lost.
            keeps=True,
        )

    async def offers(self, request: web.Request) -> web.Response:
        """Show what was sent, the newest first."""
        asked = query(request, PageQuery)
        found = await salesroom_of(self._shell.citizen).offers(asked.after)
        return await self._page(
            request,
            "shop_offers.html",
            _("Offers sent"),
            "offers",
            offers=found["offers"],
            is_first=not asked.after,
            following=_following(found["next"]),
        )


def _following(place: int | None, **kept: str) -> str:
    """Write the parameters of the next page; empty where there is none."""
    if place is None:
        return ""
    return urlencode({name: value for name, value in kept.items() if value} | {"after": place})
