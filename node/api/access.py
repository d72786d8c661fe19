"""What the API can be asked about who may ask: tokens, browser sessions, and the way in for both.

Enters: requests that passed the gate; a login needs no visitor, its code is what it shows. Leaves:
the porter's documents; the secret of a new token and of a new session, once each. No answer is kept
under an Idempotency-Key: its row would hold a secret. Never: a way on to another site.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec
from aiohttp import web

from node.api.bodies import (
    HandleText,
    NoBody,
    NoQuery,
    converted,
    form_body,
    json_body,
    query,
    typed,
)
from node.api.citizen import Citizen, Document
from node.api.cookies import drop_cookie, put_cookie
from node.api.documents.access import (
    LoginDocument,
    LoginLinkDocument,
    LogoutDocument,
    TokenDocument,
    TokenRevokedDocument,
    TokensDocument,
)
from node.api.guards import FORM
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope, acts, answer
from node.api.problems import GateError
from node.api.visitors import DOORKEEPER, Porter, visitor_of
from node.errors import NotFoundError
from node.runtime.visitors import VisitorKind
from protocol.errors import LocalProtocolError

NAME_CHARS_MAX: Final = 40
DAYS_MAX: Final = 3_650
_NEXT_SHAPE: Final = re.compile(r"/(?!/)[!-\[\]-~]{0,1023}")
"""A path of this server: visible ASCII but the backslash, which browsers take for a slash."""


_PRODUCTS: Final = (
    ("Firefox/", "Firefox"),
    ("Edg/", "Edge"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""What stands in a browser's name for itself; those that imitate others stand first."""
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("Windows", "Windows"),
    ("Linux", "Linux"),
)


class TokenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/tokens."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
    """What the owner calls it: the program it is for."""
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1, max_length=len(Scope))]
    """What it may do."""
    days: Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)] = 365
    """How long it holds."""


class RevokeTokenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/tokens/revoke."""

    handle: HandleText
    """Of a token or a session, as the list shows it."""


class LoginBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /login, as JSON or as a form."""

    code: Annotated[str, msgspec.Meta(max_length=40)]
    """As printed: `ACDE-FGHJ`; small letters and spaces do no harm."""
    next: Annotated[str, msgspec.Meta(max_length=1_024)] = "/"
    """Where a browser goes on to: a path of this server."""


# --- in and out ----------------------------------------------------------------------------------


def local_path(text: str) -> str:
    """Take a path of this server, to send a browser on to.

    Raises:
        LocalProtocolError: E-FIELD, it may lead to another site or break the header it stands in.
    """
    if not _NEXT_SHAPE.fullmatch(text):
        raise LocalProtocolError(
            "next is not a path of this server",
            code="E-FIELD",
            fix="Begin it with one slash, such as /casts; or leave it out",
            field="next",
        )
    return text


async def log_in(request: web.Request, code: str, path: str = "/") -> web.Response:
    """Let a browser in and send it on.

    Args:
        request: the browser's.
        code: as it was typed, or as the link had it.
        path: where to go on, of this server.

    Raises:
        GateError: 401 E-LOGIN.
        RefusedError: E-LOGIN-PAUSE.
        LocalProtocolError: E-FIELD; the code is still good.
    """
    path = local_path(path)
    secret = await _enter(request, code)
    response = web.Response(status=303, headers={"Location": path})
    put_cookie(request, response, secret)
    return response


async def log_out(request: web.Request) -> web.Response:
    """End a browser's session and send it to the login page."""
    _ = await _leave(request)
    response = web.Response(status=303, headers={"Location": "/login"})
    drop_cookie(request, response)
    return response


def browser_name(agent: str) -> str:
    """Name a browser for the list, in words of ours: what it says of itself is not repeated."""
    product = next((name for mark, name in _PRODUCTS if mark in agent), "browser")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return f"{product} on {system}" if system else product


async def _enter(request: web.Request, code: str) -> str:
    name = browser_name(request.headers.get("User-Agent", ""))
    secret = await request.app[DOORKEEPER].enter(code, name)
    if secret is None:
        raise GateError(
            401,
            "that code is wrong, used or older than five minutes",
            code="E-LOGIN",
            fix="Get a new one:  intentcast open",
            field="code",
        )
    return secret


async def _leave(request: web.Request) -> bool:
    """End the session of whoever asks; tell whether there was one."""
    visitor = visitor_of(request)
    if visitor is None or visitor.kind is not VisitorKind.SESSION:
        return False
    await request.app[DOORKEEPER].leave(visitor)
    return True


async def _login(_citizen: Citizen, request: web.Request) -> web.Response:
    query(request, NoQuery)
    if request.content_type == FORM:
        form = converted(await form_body(request), LoginBody)
        return await log_in(request, form.code, form.next or "/")
    body = converted((await json_body(request))[1], LoginBody)
    path = local_path(body.next)
    secret = await _enter(request, body.code)
    response = answer({"schema": "intentcast.login/1", "next": path})
    put_cookie(request, response, secret)
    return response


async def _logout(_citizen: Citizen, request: web.Request) -> web.Response:
    query(request, NoQuery)
    if request.content_type == FORM:
        converted(await form_body(request), NoBody)
        return await log_out(request)
    converted((await json_body(request))[1], NoBody)
    response = answer({"schema": "intentcast.logout/1", "left": await _leave(request)})
    drop_cookie(request, response)
    return response


# --- tokens --------------------------------------------------------------------------------------


async def _tokens(citizen: Citizen, request: web.Request) -> web.Response:
    query(request, NoQuery)
    return answer(await _of(citizen).tokens(visitor_of(request)))


def token_name(text: str) -> str:
    """Take a name that can be read in the list.

    Raises:
        LocalProtocolError: E-FIELD.
    """
    name = text.strip()
    if not name or not name.isprintable():
        raise LocalProtocolError(
            "name is empty or holds characters nobody can see",
            code="E-FIELD",
            fix="Name the program it is for",
            field="name",
        )
    return name


async def _create(citizen: Citizen, body: TokenBody) -> Document:
    return await _of(citizen).create(token_name(body.name), body.scopes, body.days)


async def _revoke(citizen: Citizen, body: RevokeTokenBody) -> Document:
    return await _of(citizen).revoke(body.handle)


async def _begin_login(citizen: Citizen, request: web.Request) -> web.Response:
    query(request, NoQuery)
    converted((await json_body(request))[1], NoBody)
    return answer(_of(citizen).login_document(f"http://{request.headers['Host']}"))


def _of(citizen: Citizen) -> Porter:
    found = citizen.access
    if found is None:
        raise NotFoundError("this node keeps no tokens")
    return found


ACCESS: Final = (
    Operation(
        name="log_in",
        method="POST",
        path="/login",
        summary="Let a browser in by the code of a login link; sets its cookie.",
        scope=None,
        body=LoginBody,
        takes_forms=True,
        answer=LoginDocument,
        also=(401, 429),
        respond=_login,
    ),
    Operation(
        name="log_out",
        method="POST",
        path="/logout",
        summary="End this browser's session.",
        scope=Scope.READ,
        body=NoBody,
        takes_forms=True,
        answer=LogoutDocument,
        respond=_logout,
    ),
    Operation(
        name="begin_login",
        method="POST",
        path="/v1/login",
        summary="Make a link and a code that let one browser in, once, for five minutes.",
        scope=Scope.ADMIN,
        body=NoBody,
        answer=LoginLinkDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=_begin_login,
    ),
    Operation(
        name="list_tokens",
        method="GET",
        path="/v1/tokens",
        summary="List who may ask: tokens of programs, and browsers that are logged in.",
        scope=Scope.ADMIN,
        answer=TokensDocument,
        respond=_tokens,
    ),
    Operation(
        name="create_token",
        method="POST",
        path="/v1/tokens",
        summary="Make a token for a program; this answer alone shows it.",
        scope=Scope.ADMIN,
        body=TokenBody,
        answer=TokenDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=acts(typed(TokenBody), _create),
    ),
    Operation(
        name="revoke_token",
        method="POST",
        path="/v1/tokens/revoke",
        summary="End a token or a browser's session at once.",
        scope=Scope.ADMIN,
        body=RevokeTokenBody,
        answer=TokenRevokedDocument,
        refusals=(ErrorKind.NOT_FOUND, ErrorKind.REFUSED),
        respond=acts(typed(RevokeTokenBody), _revoke),
    ),
)
