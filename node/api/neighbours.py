"""What the API can be asked about neighbours and invites.

Enters: requests that passed the guards. Leaves: documents. No answer is kept under an
Idempotency-Key: that of an invite holds its token, which stands on no disk. Each request may be
made twice without harm.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from node.api.bodies import HandleText, typed
from node.api.citizen import Citizen, Document, Neighbourhood
from node.api.documents.neighbours import InviteDocument, NearbyDocument, NeighbourDocument
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope, acts, reads
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


async def _nearby(citizen: Citizen) -> Document:
    return await _of(citizen).nearby()


async def _allow(citizen: Citizen, body: NeighbourBody) -> Document:
    return await _of(citizen).allow(body.node)


async def _refuse(citizen: Citizen, body: NeighbourBody) -> Document:
    return await _of(citizen).refuse(body.node)


async def _forget(citizen: Citizen, body: NeighbourBody) -> Document:
    return await _of(citizen).forget(body.node)


async def _invite(citizen: Citizen, body: InviteBody) -> Document:
    wish = InviteWish(single=body.single, for_ms=body.for_s * 1_000, address=body.address)
    return await _of(citizen).invite(wish)


async def _join(citizen: Citizen, body: JoinBody) -> Document:
    return await _of(citizen).join(body.link, private=body.private)


NEIGHBOURS: Final = (
    Operation(
        name="list_nearby",
        method="GET",
        path="/v1/nearby",
        summary="List nodes in the local network, and what was decided about them.",
        scope=Scope.READ,
        answer=NearbyDocument,
        respond=reads(_nearby),
    ),
    Operation(
        name="allow_neighbour",
        method="POST",
        path="/v1/nearby/allow",
        summary="Stay linked to a node that is near.",
        scope=Scope.ADMIN,
        body=NeighbourBody,
        answer=NeighbourDocument,
        refusals=(ErrorKind.NOT_FOUND, ErrorKind.REFUSED),
        respond=acts(typed(NeighbourBody), _allow),
    ),
    Operation(
        name="refuse_neighbour",
        method="POST",
        path="/v1/nearby/refuse",
        summary="Show a node no more.",
        scope=Scope.ADMIN,
        body=NeighbourBody,
        answer=NeighbourDocument,
        refusals=(ErrorKind.NOT_FOUND,),
        respond=acts(typed(NeighbourBody), _refuse),
    ),
    Operation(
        name="forget_neighbour",
        method="POST",
        path="/v1/nearby/forget",
        summary="Take back what was decided about a node.",
        scope=Scope.ADMIN,
        body=NeighbourBody,
        answer=NearbyDocument,
        refusals=(ErrorKind.NOT_FOUND,),
        respond=acts(typed(NeighbourBody), _forget),
    ),
    Operation(
        name="create_invite",
        method="POST",
        path="/v1/invites",
        summary="Make a link that leads others to this node.",
        scope=Scope.ADMIN,
        body=InviteBody,
        answer=InviteDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=acts(typed(InviteBody), _invite),
    ),
    Operation(
        name="join",
        method="POST",
        path="/v1/join",
        summary="Follow an invite, and stay linked.",
        scope=Scope.ADMIN,
        body=JoinBody,
        answer=NeighbourDocument,
        refusals=(ErrorKind.REFUSED, ErrorKind.PEER),
        respond=acts(typed(JoinBody), _join),
    ),
)


def _of(citizen: Citizen) -> Neighbourhood:
    found = citizen.neighbours
    if found is None:
        raise NotFoundError("this node has no neighbours to speak of")
    return found
