"""What the API can be asked about what this home sells.

Enters: requests that passed the guards, a feed among them. Leaves: the handle's documents.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from node.api.bodies import query
from node.api.citizen import Citizen
from node.api.documents.shop import ImportDocument, VendorDocument
from node.api.guards import FEED_PATH
from node.api.imports import FEED_MEDIA, ImportQuery, take_feed
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope, answer, reads


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
