"""What the API can be asked about the node itself: how it is, its links, its letters, its news.

Enters: requests that passed the guards. Leaves: the handle's documents.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from aiohttp import web

from node.api.bodies import EventsQuery, PeerBody, query, typed
from node.api.citizen import Citizen, Document
from node.api.documents.household import (
    EventsDocument,
    LiveDocument,
    OutboxDocument,
    PeersDocument,
    StatusDocument,
)
from node.api.gate import still_welcome
from node.api.guards import no_token
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope, acts_once, answer, reads

EVENTS_MAX: Final = 256
"""Events of one answer."""
_EVENTS_READ_S: Final = 2.0


async def _live(_citizen: Citizen) -> Document:
    return {"schema": "intentcast.live/1", "live": True}


async def _add_peer(citizen: Citizen, _request: web.Request, body: PeerBody) -> Document:
    return await citizen.add_peer(body.address)


async def _events(citizen: Citizen, request: web.Request) -> web.Response:
    """Wait, then tell; nothing to whoever is no longer let in by then."""
    asked = query(request, EventsQuery)
    cursor = await citizen.wait_changed(asked.after, asked.wait)
    if not still_welcome(request):
        raise no_token()
    return answer(await _page(citizen, asked.after, cursor))


HOUSEHOLD: Final = (
    Operation(
        name="live",
        method="GET",
        path="/livez",
        summary="Tell that the process lives.",
        scope=None,
        answer=LiveDocument,
        respond=reads(_live),
    ),
    Operation(
        name="get_status",
        method="GET",
        path="/v1/status",
        summary="Tell how the node is.",
        scope=Scope.READ,
        answer=StatusDocument,
        respond=reads(lambda citizen: citizen.status()),
    ),
    Operation(
        name="list_peers",
        method="GET",
        path="/v1/peers",
        summary="List the nodes this one is linked to.",
        scope=Scope.READ,
        answer=PeersDocument,
        respond=reads(lambda citizen: citizen.peers()),
    ),
    Operation(
        name="add_peer",
        method="POST",
        path="/v1/peers",
        summary="Stay linked to one more address.",
        scope=Scope.ADMIN,
        body=PeerBody,
        is_once=True,
        answer=PeersDocument,
        refusals=(ErrorKind.PEER,),
        respond=acts_once(typed(PeerBody), _add_peer),
    ),
    Operation(
        name="list_letters",
        method="GET",
        path="/v1/outbox",
        summary="List letters on their way, and those that ended without a receipt.",
        scope=Scope.READ,
        answer=OutboxDocument,
        respond=reads(lambda citizen: citizen.outbox()),
    ),
    Operation(
        name="list_events",
        method="GET",
        path="/v1/events",
        summary="Tell what happened after a cursor, or wait until something does.",
        scope=Scope.READ,
        query=EventsQuery,
        answer=EventsDocument,
        respond=_events,
    ),
)


async def _page(citizen: Citizen, after: int, cursor: int) -> Document:
    """Give a page of what happened."""
    found: list[Document] = []
    if cursor > after:
        # The list is read to the cursor; the bound in time holds should an event be missing.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EVENTS_READ_S):
                await _collect(citizen, after, cursor, found)
    if found:
        # A page may end before the newest event; the next question goes on from there.
        cursor = found[-1]["n"]
    return {"schema": "intentcast.events/1", "events": found, "cursor": cursor}


async def _collect(citizen: Citizen, after: int, cursor: int, found: list[Document]) -> None:
    async for event in citizen.events(after):
        found.append(event)
        if event["n"] >= cursor or len(found) >= EVENTS_MAX:
            return
