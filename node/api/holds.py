"""What the API can be asked about a yes that is still held back.

Enters: requests that passed the guards. Leaves: documents of holds.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from node.api.bodies import HoldBody, NoBody, NoQuery, converted, json_body, query, typed
from node.api.citizen import Citizen, Document, Holder
from node.api.documents.holds import HoldDocument
from node.api.guards import no_token
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope, acts_on, answer, handle_of, reads_one
from node.api.visitors import visitor_of
from node.errors import NotFoundError


async def held(citizen: Citizen, request: web.Request, handle: str, body: HoldBody) -> Document:
    """Begin to accept an offer, to be signed when the hold is over.

    What can be refused now is refused now, not after the seconds.

    Args:
        citizen: of the node.
        request: whose visitor says yes.
        handle: of the offer.
        body: what is chosen of it.
    """
    visitor = visitor_of(request)
    if visitor is None:
        raise no_token()
    holder = _of(citizen)
    choice: Document = {
        "options": body.options,
        "slot": body.slot,
        "disclose": body.disclose,
        "anyway": body.anyway,
    }
    terms = await citizen.weigh_acceptance(handle, **choice)
    return holder.begin(
        terms, choice, body.hold_s, lambda: citizen.accept(handle, **choice), visitor
    )


def hold_of(citizen: Citizen, hold_id: str) -> Document:
    """Tell how a hold stands."""
    return _of(citizen).look(hold_id)


def undone(citizen: Citizen, hold_id: str) -> Document:
    """Take a held acceptance back."""
    return _of(citizen).undo(hold_id)


async def _hold(citizen: Citizen, request: web.Request) -> web.Response:
    query(request, NoQuery)
    body = converted((await json_body(request))[1], HoldBody)
    return answer(await held(citizen, request, handle_of(request), body))


async def _look(citizen: Citizen, handle: str) -> Document:
    return hold_of(citizen, handle)


async def _undo(citizen: Citizen, handle: str, _body: NoBody) -> Document:
    return undone(citizen, handle)


def _of(citizen: Citizen) -> Holder:
    if citizen.holds is None:
        raise NotFoundError("nothing is held here")
    return citizen.holds


HOLDS: Final = (
    Operation(
        name="hold_offer",
        method="POST",
        path="/v1/offers/{handle}/hold",
        summary="Accept an offer after some seconds in which it can be undone.",
        scope=Scope.ACCEPT,
        body=HoldBody,
        answer=HoldDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=_hold,
    ),
    Operation(
        name="get_hold",
        method="GET",
        path="/v1/holds/{handle}",
        summary="Tell what became of a held acceptance.",
        scope=Scope.READ,
        answer=HoldDocument,
        respond=reads_one(_look),
    ),
    Operation(
        name="undo_hold",
        method="POST",
        path="/v1/holds/{handle}/undo",
        summary="Take a held acceptance back; nothing was signed.",
        scope=Scope.ACCEPT,
        body=NoBody,
        answer=HoldDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=acts_on(typed(NoBody), _undo),
    ),
)
