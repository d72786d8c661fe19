"""What the API can be asked after a restore, and about the shop's identity.

Enters: requests that passed the guards. Leaves: documents of `node/runtime/recovery` and
`node/runtime/identity`. No answer is kept under an Idempotency-Key: asking again asks anew, a
second rotation is told from the first by its number, and a second revocation changes nothing.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from aiohttp import web

from node.api.bodies import Answer, HandleText, NoQuery, posted, query
from node.api.citizen import Citizen, Document, Recoverer, Registrar
from node.errors import NotFoundError

_CERTIFICATE_CHARS_MAX = 20_000
Reason: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class ReopenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/reopen."""

    handle: HandleText | None = None
    """A request, or `vendor`; null for everything that is held."""
    sure: bool = False
    """Take what stays unknown."""
    wait_s: Annotated[int, msgspec.Meta(ge=0, le=60)] = 15
    """How long answers are waited for."""


class RevocationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/identity/revocation."""

    reason: Reason = "unspecified"
    """A word."""


class RevokeKeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/identity/revoke."""

    certificate: Annotated[str, msgspec.Meta(max_length=_CERTIFICATE_CHARS_MAX)] | None = None
    """Text of the file; null ends our newest key with a new one."""
    reason: Reason = "unspecified"
    """A word, where there is no certificate."""


class RotateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/identity/rotate."""

    generation: Annotated[int, msgspec.Meta(ge=0, le=2**20)]
    """The generation that is left: a repeated call finds another one and is refused."""


class NoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/identity/this-one."""


def recovery_routes(citizen: Citizen, answer: Answer) -> list[web.RouteDef]:
    """List the paths.

    Args:
        citizen: the handle.
        answer: makes a response of a document.
    """

    async def identity(request: web.Request) -> web.Response:
        query(request, NoQuery)
        return answer(await _registrar(citizen).document())

    async def reopen(body: ReopenBody) -> Document:
        found = _recoverer(citizen)
        return await found.reopen(body.handle, sure=body.sure, wait_s=body.wait_s)

    async def this_one(_body: NoBody) -> Document:
        return await _recoverer(citizen).this_one()

    async def rotate(body: RotateBody) -> Document:
        return await _registrar(citizen).rotate(body.generation)

    async def revocation(body: RevocationBody) -> Document:
        return await _registrar(citizen).certificate(body.reason)

    async def revoke(body: RevokeKeyBody) -> Document:
        return await _registrar(citizen).revoke(body.certificate, body.reason)

    return [
        web.post("/v1/reopen", posted(ReopenBody, reopen, answer)),
        web.get("/v1/identity", identity),
        web.post("/v1/identity/this-one", posted(NoBody, this_one, answer)),
        web.post("/v1/identity/rotate", posted(RotateBody, rotate, answer)),
        web.post("/v1/identity/revocation", posted(RevocationBody, revocation, answer)),
        web.post("/v1/identity/revoke", posted(RevokeKeyBody, revoke, answer)),
    ]


def _recoverer(citizen: Citizen) -> Recoverer:
    if citizen.recovery is None:
        raise NotFoundError("this node has nothing to recover")
    return citizen.recovery


def _registrar(citizen: Citizen) -> Registrar:
    if citizen.identity is None:
        raise NotFoundError("this node has no identity of its own")
    return citizen.identity
