"""What the API can be asked about neighbours and invites.

Enters: requests that passed the guards. Leaves: documents. No answer is kept under an
Idempotency-Key: that of an invite holds its token, which stands on no disk. Each request may be
made twice without harm.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from node.api.bodies import Answer, HandleText, NoQuery, posted, query
from node.api.citizen import Citizen, Document, Neighbourhood
from node.errors import NotFoundError
from node.runtime.invitations import InviteWish
from protocol import limits

_S_MAX = limits.invite_ttl_ms_max // 1_000
_LINK_CHARS_MAX = 64 * 1024
_ADDRESS_CHARS_MAX = 300


class NeighbourBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/nearby/allow, /v1/nearby/refuse, /v1/nearby/forget."""

    node: HandleText
    """Its key, or the beginning of one that is shown."""


class InviteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/invites."""

    single: bool = False
    """Good for one node."""
    for_s: Annotated[int, msgspec.Meta(ge=60, le=_S_MAX)] = _S_MAX
    """How long, s."""
    address: Annotated[str, msgspec.Meta(min_length=1, max_length=_ADDRESS_CHARS_MAX)] | None = None
    """`host:port` others shall dial; null takes the node's own."""


class JoinBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/join."""

    link: Annotated[str, msgspec.Meta(max_length=_LINK_CHARS_MAX)]
    """As it was handed on."""
    private: bool = False
    """On `main`: an address inside a private network is meant."""


def neighbour_routes(citizen: Citizen, answer: Answer) -> list[web.RouteDef]:
    """List the paths.

    Args:
        citizen: the handle.
        answer: makes a response of a document.
    """

    async def nearby(request: web.Request) -> web.Response:
        query(request, NoQuery)
        return answer(await _of(citizen).nearby())

    async def allow(body: NeighbourBody) -> Document:
        return await _of(citizen).allow(body.node)

    async def refuse(body: NeighbourBody) -> Document:
        return await _of(citizen).refuse(body.node)

    async def forget(body: NeighbourBody) -> Document:
        return await _of(citizen).forget(body.node)

    async def invite(body: InviteBody) -> Document:
        wish = InviteWish(single=body.single, for_ms=body.for_s * 1_000, address=body.address)
        return await _of(citizen).invite(wish)

    async def join(body: JoinBody) -> Document:
        return await _of(citizen).join(body.link, private=body.private)

    return [
        web.get("/v1/nearby", nearby),
        web.post("/v1/nearby/allow", posted(NeighbourBody, allow, answer)),
        web.post("/v1/nearby/refuse", posted(NeighbourBody, refuse, answer)),
        web.post("/v1/nearby/forget", posted(NeighbourBody, forget, answer)),
        web.post("/v1/invites", posted(InviteBody, invite, answer)),
        web.post("/v1/join", posted(JoinBody, join, answer)),
    ]


def _of(citizen: Citizen) -> Neighbourhood:
    found = citizen.neighbours
    if found is None:
        raise NotFoundError("this node has no neighbours to speak of")
    return found
