"""What the API can be asked about requests and their offers.

Enters: requests that passed the guards. Leaves: the handle's documents. Never: a rule of the
market, which is the handle's to know.
"""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from node.api.bodies import AcceptBody, RevokeBody, WeightsQuery, plain_object, query, typed
from node.api.citizen import Citizen, Document
from node.api.documents.casts import CastDocument, CastsDocument, PreviewDocument, RevokeDocument
from node.api.documents.deals import DealDocument
from node.api.documents.draft import CastDraft
from node.api.documents.offers import OffersDocument
from node.api.kinds import ErrorKind
from node.api.operations import (
    Operation,
    Scope,
    acts,
    acts_once,
    answer,
    handle_of,
    reads,
    reads_one,
)


async def _create(citizen: Citizen, _request: web.Request, draft: Document) -> Document:
    return await citizen.create_cast(draft)


async def _preview(citizen: Citizen, draft: Document) -> Document:
    return await citizen.preview_cast(draft)


async def _accept(citizen: Citizen, request: web.Request, body: AcceptBody) -> Document:
    return await citizen.accept(
        handle_of(request),
        options=body.options,
        slot=body.slot,
        disclose=body.disclose,
        anyway=body.anyway,
    )


async def _revoke(citizen: Citizen, _request: web.Request, body: RevokeBody) -> Document:
    return await citizen.revoke(body.handle)


async def _offers(citizen: Citizen, request: web.Request) -> web.Response:
    weights = msgspec.structs.asdict(query(request, WeightsQuery))
    return answer(await citizen.offers(handle_of(request), weights=weights))


CASTS: Final = (
    Operation(
        name="list_casts",
        method="GET",
        path="/v1/casts",
        summary="List own requests, newest first.",
        scope=Scope.READ,
        answer=CastsDocument,
        respond=reads(lambda citizen: citizen.casts()),
    ),
    Operation(
        name="create_cast",
        method="POST",
        path="/v1/casts",
        summary="Sign a request, record it and send it out.",
        scope=Scope.BROADCAST,
        body=CastDraft,
        is_once=True,
        answer=CastDocument,
        refusals=(ErrorKind.REFUSED, ErrorKind.LOCKED),
        respond=acts_once(plain_object, _create),
    ),
    Operation(
        name="preview_cast",
        method="POST",
        path="/v1/casts/preview",
        summary="Tell what would be public and who would see what; nothing is kept.",
        scope=Scope.DRAFT,
        body=CastDraft,
        answer=PreviewDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=acts(plain_object, _preview),
    ),
    Operation(
        name="get_cast",
        method="GET",
        path="/v1/casts/{handle}",
        summary="Show one request.",
        scope=Scope.READ,
        answer=CastDocument,
        respond=reads_one(lambda citizen, handle: citizen.cast(handle)),
    ),
    Operation(
        name="list_offers",
        method="GET",
        path="/v1/casts/{handle}/offers",
        summary="Show the offers for a request, ranked.",
        scope=Scope.READ,
        query=WeightsQuery,
        answer=OffersDocument,
        respond=_offers,
    ),
    Operation(
        name="accept_offer",
        method="POST",
        path="/v1/offers/{handle}/accept",
        summary="Sign an acceptance, record it and send it.",
        scope=Scope.ACCEPT,
        body=AcceptBody,
        is_once=True,
        answer=DealDocument,
        refusals=(ErrorKind.REFUSED, ErrorKind.LOCKED),
        respond=acts_once(typed(AcceptBody), _accept),
    ),
    Operation(
        name="revoke",
        method="POST",
        path="/v1/revoke",
        summary="Take back a request or, as a vendor, an offer.",
        scope=Scope.BROADCAST,
        body=RevokeBody,
        is_once=True,
        answer=RevokeDocument,
        refusals=(ErrorKind.NOT_FOUND, ErrorKind.REFUSED, ErrorKind.LOCKED),
        respond=acts_once(typed(RevokeBody), _revoke),
    ),
)
