"""What the API can be asked about people: the shops that were heard, and those that are blocked.

Enters: requests that passed the guards. Leaves: the handle's documents. Each may be asked twice
without harm, so no answer is kept under an Idempotency-Key.
"""

from __future__ import annotations

from typing import Final

import msgspec

from node.api.bodies import HandleText, typed
from node.api.citizen import Citizen, Document, Registry
from node.api.documents.people import PeopleDocument
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope, acts, reads
from node.errors import NotFoundError


class ShopBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/people/block, /v1/people/unblock."""

    key: HandleText
    """Its key, or the beginning of one that is shown."""


async def _people(citizen: Citizen) -> Document:
    return await _of(citizen).document()


async def _block(citizen: Citizen, body: ShopBody) -> Document:
    return await _of(citizen).block(body.key)


async def _unblock(citizen: Citizen, body: ShopBody) -> Document:
    return await _of(citizen).unblock(body.key)


PEOPLE: Final = (
    Operation(
        name="list_people",
        method="GET",
        path="/v1/people",
        summary="List the shops this node has heard, and those that are blocked.",
        scope=Scope.READ,
        answer=PeopleDocument,
        respond=reads(_people),
    ),
    Operation(
        name="block_shop",
        method="POST",
        path="/v1/people/block",
        summary="Hear a shop no more; deals that were begun go on.",
        scope=Scope.ADMIN,
        body=ShopBody,
        answer=PeopleDocument,
        refusals=(ErrorKind.NOT_FOUND, ErrorKind.REFUSED),
        respond=acts(typed(ShopBody), _block),
    ),
    Operation(
        name="unblock_shop",
        method="POST",
        path="/v1/people/unblock",
        summary="Hear a shop again.",
        scope=Scope.ADMIN,
        body=ShopBody,
        answer=PeopleDocument,
        refusals=(ErrorKind.NOT_FOUND,),
        respond=acts(typed(ShopBody), _unblock),
    ),
)


def _of(citizen: Citizen) -> Registry:
    found = citizen.people
    if found is None:
        raise NotFoundError("this node keeps no list of shops")
    return found
