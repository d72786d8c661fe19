"""Who may ask: the checks every request passes before any handler sees it.

Enters: a request. Leaves: the handler's answer, or a refusal. A page of another site must not
reach this API through the owner's browser (Host against DNS rebinding, Origin and Sec-Fetch-Site
against plain cross-site requests), and another user of this machine must not reach it at all
(token). Bodies are JSON and short. Whatever is raised beneath leaves as a problem document.
Source: docs/reference/http-api.md; the loopback practice of Syncthing and Jupyter.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware
from multidict import CIMultiDictProxy

from node.api.problems import GateError, bug, problem
from protocol.errors import IntentcastError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

OPEN_PATHS: Final = frozenset({"/livez"})
"""Asked by service managers, which hold no token; says nothing but that the process lives."""
FEED_PATH: Final = "/v1/vendor/import"
"""The one body that is not JSON."""
BODY_BYTES_MAX: Final = 256 * 1024
"""A JSON body; the largest cast is far below."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SAME_SITE: Final = frozenset({"same-origin", "none"})
_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_TOKEN_CHARS_MAX: Final = 256

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "intentcast",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer."""


def _one(headers: CIMultiDictProxy[str], name: str) -> str | None:
    """Give a header that may stand once; two of them are two different requests to two readers."""
    found = headers.getall(name, [])
    if len(found) > 1:
        raise GateError(
            400, f"the header {name} stands twice", code="E-REQUEST", fix="Send it once", field=name
        )
    return found[0] if found else None


def host_name(host: str) -> str:
    """Cut the port off a Host header."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def check_host(headers: CIMultiDictProxy[str], names: Collection[str] = ()) -> str:
    """Require a name this API goes by, whatever the port: an SSH tunnel may use another one.

    Args:
        headers: of the request.
        names: what the owner allows besides loopback.

    Raises:
        GateError: 421 E-HOST, with the line to add.
    """
    host = (_one(headers, "Host") or "").lower()
    name = host_name(host)
    if name not in _LOOPBACK and name not in names:
        shown = "".join(c for c in name if c.isalnum() or c in "-._[]:")[:80]
        raise GateError(
            421,
            f"this API does not answer to the name '{shown}'",
            code="E-HOST",
            fix=f'Use http://127.0.0.1; or add to config.toml: api_names = ["{shown}"]',
            field="Host",
        )
    return host


def check_target(raw_path: str) -> None:
    """Require a path: a whole address would name another host than the Host header.

    Raises:
        GateError: 400 E-REQUEST.
    """
    if not raw_path.startswith("/"):
        raise GateError(
            400, "the request names no path", code="E-REQUEST", fix="Ask for a path, /v1/status"
        )


def check_origin(headers: CIMultiDictProxy[str], host: str) -> None:
    """Refuse what a page of another site sends through the owner's browser.

    Raises:
        GateError: 403 E-ORIGIN.
    """
    origin = _one(headers, "Origin")
    site = _one(headers, "Sec-Fetch-Site")
    if (origin is not None and origin != f"http://{host}") or (
        site is not None and site not in _SAME_SITE
    ):
        raise GateError(
            403,
            "a page of another site may not use this API",
            code="E-ORIGIN",
            fix="Call it from a program, with its token, without an Origin header",
            field="Origin",
        )


def check_token(headers: CIMultiDictProxy[str], token: str) -> None:
    """Require the bearer token, compared in constant time.

    Raises:
        GateError: 401 E-TOKEN.
    """
    given = _one(headers, "Authorization") or ""
    scheme, _, value = given.partition(" ")
    # Encoded first: text that is not ASCII would make the comparison raise.
    asked = value.strip()[:_TOKEN_CHARS_MAX].encode("utf-8", "surrogateescape")
    if scheme.lower() != "bearer" or not hmac.compare_digest(asked, token.encode()):
        raise GateError(
            401,
            "the token is missing or wrong",
            code="E-TOKEN",
            fix="Send 'Authorization: Bearer TOKEN' with the text of api.token in the node's home",
            field="Authorization",
        )


def check_body(request: web.Request) -> None:
    """Require JSON of a bearable size where a body comes.

    Raises:
        GateError: 415 E-MEDIA or 413 E-BODY-SIZE.
    """
    if request.method not in _BODY_METHODS or request.path == FEED_PATH:
        return
    if request.content_type != "application/json":
        raise GateError(
            415,
            f"'{request.content_type[:60]}' is not taken here",
            code="E-MEDIA",
            fix="Send JSON with 'Content-Type: application/json'",
            field="Content-Type",
        )
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise GateError(
            415,
            "a compressed body is not taken here",
            code="E-MEDIA",
            fix="Send it uncompressed",
            field="Content-Encoding",
        )
    if request.content_length is not None and request.content_length > BODY_BYTES_MAX:
        raise body_too_large()


def body_too_large() -> GateError:
    """Say how much a body may hold."""
    return GateError(
        413,
        f"the body is larger than {BODY_BYTES_MAX // 1024} KiB",
        code="E-BODY-SIZE",
        fix="Send less at once",
    )


def _of_aiohttp(error: web.HTTPException, request: web.Request) -> GateError:
    """Say in our own form what the router and the parser refuse."""
    if error.status == web.HTTPNotFound.status_code:
        return GateError(
            404,
            f"there is nothing at {request.path[:80]!r}",
            code="E-NOT-FOUND",
            fix="The paths are listed in docs/reference/http-api.md",
        )
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return GateError(
            405,
            f"{request.method[:20]} is not possible here",
            code="E-METHOD",
            fix=f"Use {allowed}",
        )
    if error.status == web.HTTPRequestEntityTooLarge.status_code:
        return body_too_large()
    return GateError(
        error.status, error.reason or "refused", code="E-REQUEST", fix="Correct the request"
    )


def gate(token: str, names: Collection[str] = ()) -> Middleware:
    """Make the middleware that holds every check, in the order least to most told."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            check_target(request.raw_path)
            host = check_host(request.headers, names)
            check_origin(request.headers, host)
            if request.path not in OPEN_PATHS:
                check_token(request.headers, token)
            check_body(request)
            return await handler(request)
        except IntentcastError as error:
            return problem(error)
        except web.HTTPException as error:
            return problem(_of_aiohttp(error, request))
        except Exception as error:  # noqa: BLE001 - the last line before the wire
            return bug(error, request.path)

    return guard


async def put_headers(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Set the headers that go with every answer."""
    for name, value in HEADERS.items():
        response.headers[name] = value
