"""What machines ask of a node: is it ready, and what is it.

Enters: requests; that of a service manager carries no token. Leaves: names of checks with yes or
no and nothing more for everybody, the document of this node for whoever may read.
"""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from node.api.bodies import NoQuery, query
from node.api.citizen import Citizen, Document, Surveyor
from node.api.documents.survey import InfoDocument, ReadinessDocument
from node.api.operations import JSON, Operation, Scope, reads
from node.errors import NotFoundError

READY_PATH: Final = "/readyz"


def _of(citizen: Citizen) -> Surveyor:
    if citizen.survey is None:
        raise NotFoundError("this node is not surveyed")
    return citizen.survey


async def _ready(citizen: Citizen, request: web.Request) -> web.StreamResponse:
    query(request, NoQuery)
    checks = await _of(citizen).checks()
    is_ready = all(checks.values())
    found = {"schema": "intentcast.readiness/1", "ready": is_ready, "checks": checks}
    return web.Response(
        body=msgspec.json.encode(found),
        status=200 if is_ready else 503,
        content_type=JSON,
        charset="utf-8",
    )


async def _info(citizen: Citizen) -> Document:
    return _of(citizen).info()


SURVEY: Final = (
    Operation(
        name="ready",
        method="GET",
        path=READY_PATH,
        summary="Tell whether the node can do its work now: 200 or 503, and which check says no.",
        scope=None,
        answer=ReadinessDocument,
        answer_statuses=(200, 503),
        also=(503,),
        respond=_ready,
    ),
    Operation(
        name="get_info",
        method="GET",
        path="/info",
        summary="Tell what this node is, which versions it speaks, and what it takes.",
        scope=Scope.READ,
        answer=InfoDocument,
        respond=reads(_info),
    ),
)
