"""Who may ask: the checks every request passes before any handler sees it.

Enters: headers of a request. Leaves: nothing, or a refusal. A page of another site must not reach
this API through the owner's browser (Host against DNS rebinding, Origin and Sec-Fetch-Site against
plain cross-site requests), and another user of this machine must not reach it at all (token or
cookie). Bodies are short, and JSON or a form. `gate` asks these checks in their order.
Source: docs/reference/http-api.md; the loopback practice of Syncthing and Jupyter; Go 1.25,
`net/http.CrossOriginProtection`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from aiohttp import web
from multidict import CIMultiDictProxy

from node.api.faces import FACE, Face
from node.api.problems import GateError
from node.runtime.visitors import Scope, Visitor

FEED_PATH: Final = "/v1/vendor/import"
"""The one body that is not JSON."""
BODY_BYTES_MAX: Final = 256 * 1024
"""A JSON body or a form; the largest cast is far below."""
FORM: Final = "application/x-www-form-urlencoded"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SAME_SITE: Final = frozenset({"same-origin", "none"})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
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
"""On every answer but a face's, which has its own."""


def _one(headers: CIMultiDictProxy[str], name: str) -> str | None:
    """Give a header that may stand once; two of them are two different requests to two readers."""
    found = headers.getall(name, [])
    if len(found) > 1:
        raise GateError(
            400, f"the header {name} stands twice", code="E-REQUEST", fix="Send it once", field=name
        )
    return found[0] if found else None


def _shown(name: str) -> str:
    """Leave of a name what breaks no line and no file."""
    return "".join(c for c in name if c.isalnum() or c in "-._[]:")[:80]


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
        shown = _shown(name)
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


def check_origin(request: web.Request, host: str, *, is_page: bool) -> None:
    """Refuse what a page of another site sends through the owner's browser.

    A page may be opened by a link from anywhere: its answer is shown to the owner, and the other
    site cannot read it. The session's cookie does not come along from another site.

    Args:
        request: any.
        host: its Host, as `check_host` gave it.
        is_page: whether its path is a face's.

    Raises:
        GateError: 403 E-ORIGIN.
    """
    origin = _one(request.headers, "Origin")
    site = _one(request.headers, "Sec-Fetch-Site")
    if origin is not None and origin != f"http://{host}":
        raise _foreign("Origin")
    is_foreign = site is not None and site not in _SAME_SITE
    if is_foreign and not (is_page and _is_followed_link(request)):
        raise _foreign("Sec-Fetch-Site")


def _is_followed_link(request: web.Request) -> bool:
    return (
        request.method in _SAFE_METHODS
        and _one(request.headers, "Sec-Fetch-Mode") == "navigate"
        and _one(request.headers, "Sec-Fetch-Dest") == "document"
    )


def check_cookie_use(request: web.Request, host: str) -> None:
    """Require of whoever comes by cookie and changes something that its own page sent it.

    A browser adds the cookie to whatever any page sends here; a program's token it never adds.

    Raises:
        GateError: 403 E-ORIGIN when neither Sec-Fetch-Site nor Origin says so.
    """
    if request.method in _SAFE_METHODS:
        return
    # `check_origin` has refused both where they say another site.
    site = _one(request.headers, "Sec-Fetch-Site")
    if site is None and _one(request.headers, "Origin") != f"http://{host}":
        raise _foreign("Origin", "the request does not say which page sent it")


def check_upgrade_origin(request: web.Request) -> None:
    """Require of a WebSocket that its own page asks for it, or a program with its token.

    A browser opens a WebSocket to any site without asking that site, and adds the cookie; but it
    always says from where, and no page can put a token into an upgrade.

    Raises:
        GateError: 403 E-ORIGIN.
    """
    origin = _one(request.headers, "Origin")
    host = (_one(request.headers, "Host") or "").lower()
    if origin is None and "Authorization" in request.headers:
        return
    if origin != f"http://{host}":
        raise GateError(
            403,
            "a WebSocket must come from this API's own page, or carry a token",
            code="E-ORIGIN",
            fix="From a program, send the token and no Origin header",
            field="Origin",
        )


def _foreign(
    field: str, sentence: str = "a page of another site may not use this API"
) -> GateError:
    return GateError(
        403,
        sentence,
        code="E-ORIGIN",
        fix="Call it from a program, with its token, without an Origin header",
        field=field,
    )


def bearer(headers: CIMultiDictProxy[str]) -> str | None:
    """Give the token of a request; None where it names none.

    Raises:
        GateError: 401 E-TOKEN when the header holds something else.
    """
    given = _one(headers, "Authorization")
    if given is None:
        return None
    scheme, _, value = given.partition(" ")
    token = value.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _TOKEN_CHARS_MAX:
        raise no_token()
    return token


def no_token() -> GateError:
    """Say that nobody knows the token or the cookie."""
    return GateError(
        401,
        "the token is missing, wrong, revoked or past its time",
        code="E-TOKEN",
        fix="Send 'Authorization: Bearer TOKEN'; make one:  intentcast token new NAME --scope read"
        "        In a browser, log in again:  intentcast open",
        field="Authorization",
    )


def check_scope(visitor: Visitor | None, scope: Scope | None) -> None:
    """Require that a visitor may do what a path does.

    Args:
        visitor: who asks.
        scope: what the path needs; None where it needs none.

    Raises:
        GateError: 401 E-TOKEN, 403 E-SCOPE.
    """
    if scope is None:
        return
    if visitor is None:
        raise no_token()
    if not visitor.may(scope):
        has = ", ".join(each for each in Scope if each in visitor.scopes) or "none"
        raise GateError(
            403,
            f"this needs the scope '{scope}'; this token has: {has}",
            code="E-SCOPE",
            fix=f"Make a token that has it:  intentcast token new NAME --scope {scope}",
            field="Authorization",
        )


def check_body(request: web.Request, *, takes_forms: bool) -> None:
    """Require JSON of a bearable size where a body comes.

    Args:
        request: any.
        takes_forms: whether a browser's form may come in its place.

    Raises:
        GateError: 415 E-MEDIA or 413 E-BODY-SIZE.
    """
    if request.method not in _BODY_METHODS or request.path == FEED_PATH:
        return
    if request.content_type != "application/json" and not (
        takes_forms and request.content_type == FORM
    ):
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


async def put_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Set the headers that go with every answer; a face's own win over ours, an answer's over both.

    Of the API none may be changed by an answer.
    """
    face: Face | None = request.get(FACE)
    if face is None:
        response.headers.update(HEADERS)
        return
    # The web library has named itself there by now.
    response.headers["Server"] = HEADERS["Server"]
    for name, value in (HEADERS | dict(face.headers)).items():
        response.headers.setdefault(name, value)
