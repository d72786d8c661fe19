"""What the API can be asked about deals and their agreements.

Enters: requests that passed the guards. Leaves: the handle's documents, and the bytes of an
agreement as they were signed.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from node.api.bodies import DecideBody, NoQuery, query, typed
from node.api.citizen import Citizen, Document
from node.api.documents.deals import DealDocument, DealsDocument
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope, acts_once, handle_of, reads, reads_one

AGREEMENT_MEDIA: Final = "application/octet-stream"
_FILE_NAME_CHARS_MAX: Final = 80


async def _decide(citizen: Citizen, request: web.Request, body: DecideBody) -> Document:
    return await citizen.decide_deal(handle_of(request), confirm=body.confirm, reason=body.reason)


async def _agreement(citizen: Citizen, request: web.Request) -> web.Response:
    query(request, NoQuery)
    name, data = await citizen.agreement(handle_of(request))
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:_FILE_NAME_CHARS_MAX]
    return web.Response(
        body=data,
        content_type=AGREEMENT_MEDIA,
        headers={"Content-Disposition": f'attachment; filename="{safe}"'},
    )


DEALS: Final = (
    Operation(
        name="list_deals",
        method="GET",
        path="/v1/deals",
        summary="List deals, newest first.",
        scope=Scope.READ,
        answer=DealsDocument,
        respond=reads(lambda citizen: citizen.deals()),
    ),
    Operation(
        name="get_deal",
        method="GET",
        path="/v1/deals/{handle}",
        summary="Show one deal.",
        scope=Scope.READ,
        answer=DealDocument,
        respond=reads_one(lambda citizen, handle: citizen.deal(handle)),
    ),
    Operation(
        name="decide_deal",
        method="POST",
        path="/v1/deals/{handle}/decide",
        summary="Confirm or refuse an acceptance that waits for a person.",
        scope=Scope.ACCEPT,
        body=DecideBody,
        is_once=True,
        answer=DealDocument,
        refusals=(ErrorKind.REFUSED, ErrorKind.LOCKED),
        respond=acts_once(typed(DecideBody), _decide),
    ),
    Operation(
        name="get_agreement",
        method="GET",
        path="/v1/deals/{handle}/agreement",
        summary="Give the bytes of a deal's agreement, to keep and to check offline.",
        scope=Scope.READ,
        answer_media=AGREEMENT_MEDIA,
        refusals=(ErrorKind.REFUSED,),
        respond=_agreement,
    ),
)
