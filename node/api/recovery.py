"""What the API can be asked after a restore, and about the shop's identity.

Enters: requests that passed the guards. Leaves: documents of `node/runtime/recovery` and
`node/runtime/identity`. No answer is kept under an Idempotency-Key: asking again asks anew, a
second rotation is told from the first by its number, and a second revocation changes nothing.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec

from node.api.bodies import HandleText, NoBody, typed
from node.api.citizen import Citizen, Document, Recoverer, Registrar
from node.api.documents.recovery import (
    IdentityDocument,
    ReopenDocument,
    RevocationDocument,
    RevokedDocument,
    ThisOneDocument,
)
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope, acts, reads
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


async def _identity(citizen: Citizen) -> Document:
    return await _registrar(citizen).document()


async def _reopen(citizen: Citizen, body: ReopenBody) -> Document:
    found = _recoverer(citizen)
    return await found.reopen(body.handle, sure=body.sure, wait_s=body.wait_s)


async def _this_one(citizen: Citizen, _body: NoBody) -> Document:
    return await _recoverer(citizen).this_one()


async def _rotate(citizen: Citizen, body: RotateBody) -> Document:
    return await _registrar(citizen).rotate(body.generation)


async def _revocation(citizen: Citizen, body: RevocationBody) -> Document:
    return await _registrar(citizen).certificate(body.reason)


async def _revoke(citizen: Citizen, body: RevokeKeyBody) -> Document:
    return await _registrar(citizen).revoke(body.certificate, body.reason)


RECOVERY: Final = (
    Operation(
        name="reopen",
        method="POST",
        path="/v1/reopen",
        summary="After a restore: ask who may know of promises, then promise again.",
        scope=Scope.ADMIN,
        body=ReopenBody,
        answer=ReopenDocument,
        refusals=(ErrorKind.NOT_FOUND, ErrorKind.REFUSED, ErrorKind.LOCKED),
        respond=acts(typed(ReopenBody), _reopen),
    ),
    Operation(
        name="get_identity",
        method="GET",
        path="/v1/identity",
        summary="Show the shop's key and its generations.",
        scope=Scope.READ,
        answer=IdentityDocument,
        refusals=(ErrorKind.LOCKED,),
        respond=reads(_identity),
    ),
    Operation(
        name="keep_this_copy",
        method="POST",
        path="/v1/identity/this-one",
        summary="Let this copy of the home go on.",
        scope=Scope.ADMIN,
        body=NoBody,
        answer=ThisOneDocument,
        refusals=(ErrorKind.LOCKED,),
        respond=acts(typed(NoBody), _this_one),
    ),
    Operation(
        name="rotate_key",
        method="POST",
        path="/v1/identity/rotate",
        summary="Go on under the next key.",
        scope=Scope.ADMIN,
        body=RotateBody,
        answer=IdentityDocument,
        refusals=(ErrorKind.REFUSED, ErrorKind.LOCKED),
        respond=acts(typed(RotateBody), _rotate),
    ),
    Operation(
        name="make_revocation",
        method="POST",
        path="/v1/identity/revocation",
        summary="Make the certificate that ends the newest key; nothing is published.",
        scope=Scope.ADMIN,
        body=RevocationBody,
        answer=RevocationDocument,
        refusals=(ErrorKind.REFUSED, ErrorKind.LOCKED),
        respond=acts(typed(RevocationBody), _revocation),
    ),
    Operation(
        name="revoke_key",
        method="POST",
        path="/v1/identity/revoke",
        summary="Publish the end of a key.",
        scope=Scope.ADMIN,
        body=RevokeKeyBody,
        answer=RevokedDocument,
        refusals=(ErrorKind.REFUSED, ErrorKind.LOCKED),
        respond=acts(typed(RevokeKeyBody), _revoke),
    ),
)


def _recoverer(citizen: Citizen) -> Recoverer:
    if citizen.recovery is None:
        raise NotFoundError("this node has nothing to recover")
    return citizen.recovery


def _registrar(citizen: Citizen) -> Registrar:
    if citizen.identity is None:
        raise NotFoundError("this node has no identity of its own")
    return citizen.identity
