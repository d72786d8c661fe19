"""What the API can be asked about what this home sells.

Enters: requests that passed the guards, a feed among them. Leaves: the handle's documents.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from node.api.bodies import query
from node.api.citizen import Citizen, Document, Shopkeeper
from node.api.documents.shop import (
    CatalogueDocument,
    ImportDocument,
    InboxDocument,
    SentOffersDocument,
    VendorDocument,
)
from node.api.guards import FEED_PATH
from node.api.imports import FEED_MEDIA, ImportQuery, take_feed
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope, answer, reads, reads_with
from node.errors import NotFoundError

WORDS_CHARS_MAX: Final = 200
_Place = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of GET /v1/vendor/offers."""

    after: _Place = 0
    """`next` of the page before."""


class CatalogueQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of GET /v1/vendor/catalogue."""

    words: Annotated[str, msgspec.Meta(max_length=WORDS_CHARS_MAX)] = ""
    """To find in titles and numbers."""
    after: _Place = 0
    """`next` of the page before."""


def salesroom_of(citizen: Citizen) -> Shopkeeper:
    """Give whoever shows the shop.

    Raises:
        NotFoundError: where a node has nobody who does.
    """
    if citizen.salesroom is None:
        raise NotFoundError("this node shows no shop")
    return citizen.salesroom


async def _catalogue(citizen: Citizen, asked: CatalogueQuery) -> Document:
    return await salesroom_of(citizen).catalogue(asked.words, asked.after)


async def _offers(citizen: Citizen, asked: PageQuery) -> Document:
    return await salesroom_of(citizen).offers(asked.after)


async def _inbox(citizen: Citizen) -> Document:
    return await salesroom_of(citizen).inbox()


async def _take(citizen: Citizen, request: web.Request) -> web.Response:
    options = query(request, ImportQuery).options()
    async with take_feed(request) as path:
        return answer(await citizen.vendor_import(path, options))


SHOP: Final = (
    Operation(
        name="get_vendor",
        method="GET",
        path="/v1/vendor",
        summary="Tell what this home sells and what it answered.",
        scope=Scope.READ,
        answer=VendorDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=reads(lambda citizen: citizen.vendor_status()),
    ),
    Operation(
        name="list_articles",
        method="GET",
        path="/v1/vendor/catalogue",
        summary="List articles on offer, and what keeps each from being quoted.",
        scope=Scope.READ,
        query=CatalogueQuery,
        answer=CatalogueDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=reads_with(CatalogueQuery, _catalogue),
    ),
    Operation(
        name="list_offers_sent",
        method="GET",
        path="/v1/vendor/offers",
        summary="List offers this home sent, newest first.",
        scope=Scope.READ,
        query=PageQuery,
        answer=SentOffersDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=reads_with(PageQuery, _offers),
    ),
    Operation(
        name="get_vendor_inbox",
        method="GET",
        path="/v1/vendor/inbox",
        summary="Tell what waits for the shopkeeper, and what became of requests.",
        scope=Scope.READ,
        answer=InboxDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=reads(_inbox),
    ),
    Operation(
        name="import_feed",
        method="POST",
        path=FEED_PATH,
        summary="Read a feed into the catalogue.",
        scope=Scope.ADMIN,
        query=ImportQuery,
        body=bytes,
        body_media=FEED_MEDIA,
        answer=ImportDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=_take,
    ),
)
