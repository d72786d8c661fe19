"""The one door: every request passes here, whatever its path, before any handler sees it.

Enters: a request. Leaves: the handler's answer, with the visitor noted for it, or a refusal in the
form its reader can use: a problem document for programs, a face's page for people. Whatever is
raised beneath leaves so, too; never a traceback.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Middleware

from node.api.cookies import read_cookies
from node.api.faces import FACE, Face
from node.api.guards import (
    FORM,
    bearer,
    body_too_large,
    check_body,
    check_cookie_use,
    check_host,
    check_origin,
    check_scope,
    check_target,
    no_token,
)
from node.api.problems import GateError, bug, headers_of, problem, status_of
from node.api.visitors import DOORKEEPER, VISITOR, Doorkeeper
from node.runtime.visitors import Scope, Visitor, VisitorKind
from protocol.errors import IntentcastError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOGIN_PATH: Final = "/login"
_NEXT_CHARS_MAX: Final = 1_024
_API: Final = "/v1/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What the gate knows of a route."""

    scope: Scope | None
    """What the visitor must have; None where nobody has to show anything."""
    takes_forms: bool = False
    """Whether a browser's form may come in."""
    face: Face | None = None
    """Whose page it is; None for the API's own paths."""


class Gate:
    """Holds every check, in the order least to most told."""

    def __init__(self, names: Collection[str], faces: Sequence[Face]) -> None:
        """Start without any entrance.

        Args:
            names: what the owner allows besides loopback.
            faces: the first one speaks to people who ask for what is not there.
        """
        self._names = names
        self._faces = faces
        self._entrances: dict[web.AbstractRoute, Entrance] = {}

    def admit(self, route: web.AbstractRoute, entrance: Entrance) -> None:
        """Say what a route needs."""
        self._entrances[route] = entrance

    def middleware(self) -> Middleware:
        """Give what the application calls first."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            entrance = self._entrances.get(request.match_info.route)
            if entrance is not None and entrance.face is not None:
                request[FACE] = entrance.face
            try:
                visitor = self._let_in(request, entrance)
                if visitor is None and _leads_to_login(request, entrance):
                    return _to_login(request)
                if visitor is not None:
                    request[VISITOR] = visitor
                _check_right(request, visitor, entrance)
                return await handler(request)
            except IntentcastError as error:
                return self._refusal(request, error)
            except web.HTTPException as error:
                return self._refusal(request, _of_aiohttp(error, request))
            except Exception as error:  # noqa: BLE001 - the last line before the wire
                return self._refusal(request, bug(error, request.path))

        return guard

    def _let_in(self, request: web.Request, entrance: Entrance | None) -> Visitor | None:
        """Find out who asks, and refuse what no visitor may do."""
        check_target(request.raw_path)
        host = check_host(request.headers, self._names)
        is_page = entrance is not None and entrance.face is not None
        check_origin(request, host, is_page=is_page)
        if entrance is not None and entrance.scope is None:
            return known(request)
        visitor = _visitor(request)
        if visitor is not None and visitor.kind is VisitorKind.SESSION:
            check_cookie_use(request, host)
        return visitor

    def _refusal(self, request: web.Request, error: IntentcastError) -> web.Response:
        """Say no in the reader's form; a stranger's connection ends with it."""
        response = self._answer(request, error)
        if VISITOR not in request:
            response.force_close()
        return response

    def _answer(self, request: web.Request, error: IntentcastError) -> web.Response:
        face: Face | None = request.get(FACE)
        if face is None and self._faces and _is_a_persons(request):
            face = request[FACE] = self._faces[0]
        if face is None:
            return problem(error)
        try:
            page = face.refusal(request, error, status_of(error))
        except Exception as failure:  # noqa: BLE001 - a page that fails must not hide what failed
            return problem(bug(failure, request.path))
        page.headers.update(headers_of(error))
        return page


def known(request: web.Request) -> Visitor | None:
    """Tell who stands at an open door, where no token at all is better than a broken one."""
    try:
        return _visitor(request)
    except GateError:
        return None


def still_welcome(request: web.Request) -> bool:
    """Tell whether the token or session of a request that waits still holds, and still may read."""
    visitor = known(request)
    return visitor is not None and visitor.may(Scope.READ)


def _visitor(request: web.Request) -> Visitor | None:
    """Ask the doorkeeper who a request comes from; with a token its cookies say nothing.

    Raises:
        GateError: 401 E-TOKEN, no bearer token; 400 E-REQUEST, it comes from two at once.
    """
    doorkeeper: Doorkeeper = request.app[DOORKEEPER]
    token = bearer(request.headers)
    if token is not None:
        return doorkeeper.visitor(token, None)
    found = [doorkeeper.visitor(None, each) for each in read_cookies(request)]
    alive = {each.id: each for each in found if each is not None}
    if len(alive) > 1:
        raise GateError(
            400,
            "the cookies are of two logins at once",
            code="E-REQUEST",
            fix="Remove this site's cookies in the browser, then log in again",
            field="Cookie",
        )
    return next(iter(alive.values()), None)


def _check_right(request: web.Request, visitor: Visitor | None, entrance: Entrance | None) -> None:
    if entrance is None:
        # What there is, and what there is not, is told to visitors alone.
        if visitor is None:
            raise no_token()
        return
    check_scope(visitor, entrance.scope)
    check_body(request, takes_forms=entrance.takes_forms)


def _leads_to_login(request: web.Request, entrance: Entrance | None) -> bool:
    is_page = entrance is not None and entrance.face is not None and entrance.scope is not None
    return is_page and request.method == "GET" and "Authorization" not in request.headers


def _to_login(request: web.Request) -> web.Response:
    """Send a browser to the login page, and from there to where it was going."""
    path = request.raw_path
    query = f"?next={quote(path, safe='/')}" if len(path) <= _NEXT_CHARS_MAX else ""
    return web.Response(status=303, headers={"Location": LOGIN_PATH + query})


def _is_a_persons(request: web.Request) -> bool:
    """Tell whether a browser asks for something to look at.

    A program that leaves its media types out, as `curl -d` does, sends a form to the API and takes
    anything: it gets what the API says to programs.
    """
    if "text/html" in request.headers.get("Accept", ""):
        return True
    return request.content_type == FORM and not request.path.startswith(_API)


def _of_aiohttp(error: web.HTTPException, request: web.Request) -> GateError:
    """Say in our own form what the router and the parser refuse."""
    if error.status == web.HTTPNotFound.status_code:
        return GateError(
            404,
            f"there is nothing at {request.path[:80]!r}",
            code="E-NOT-FOUND",
            fix="What there is stands in the description of the API: /openapi.json",
        )
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return GateError(
            405,
            f"{request.method[:20]} is not possible here",
            code="E-METHOD",
            fix=f"Use {allowed}",
            headers={"Allow": allowed},
        )
    if error.status == web.HTTPRequestEntityTooLarge.status_code:
        return body_too_large()
    return GateError(
        error.status, error.reason or "refused", code="E-REQUEST", fix="Correct the request"
    )
