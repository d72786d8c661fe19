"""The cookie of a browser that logged in: its name, its text in a request, its place in an answer.

Enters: requests and secrets. Leaves: headers. Cookies know no ports: without the port in its name
two nodes of one machine would overwrite each other's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from node.api.problems import GateError
from protocol.now import DAY_MS


@dataclass(slots=True)
class Port:
    """Where a server listens; the system may choose it at the start."""

    number: int
    """TCP port."""


PORT: Final = web.AppKey("port", Port)
"""Where an application holds it."""
SESSION_DAYS: Final = 30
"""How long a browser stays logged in."""
_VALUE_CHARS_MAX: Final = 256


def cookie_name(app: web.Application) -> str:
    """Name the cookie of this server."""
    return f"intentcast_{app[PORT].number}"


def read_cookie(request: web.Request) -> str | None:
    """Give the text of this server's cookie.

    Raises:
        GateError: 400 E-REQUEST when it stands twice: a page of another port planted one.
    """
    wanted = cookie_name(request.app)
    found = []
    for line in request.headers.getall("Cookie", []):
        for pair in line.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == wanted:
                found.append(value.strip().strip('"')[:_VALUE_CHARS_MAX])
    if len(found) > 1:
        raise GateError(
            400,
            f"the cookie {wanted} stands twice",
            code="E-REQUEST",
            fix="Remove this site's cookies in the browser, then log in again",
            field="Cookie",
        )
    return found[0] if found else None


def put_cookie(request: web.Request, response: web.StreamResponse, secret: str) -> None:
    """Let the browser keep a session's secret, where no script and no other site reaches it."""
    response.set_cookie(
        cookie_name(request.app),
        secret,
        max_age=SESSION_DAYS * DAY_MS // 1000,
        path="/",
        httponly=True,
        samesite="Strict",
    )


def drop_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Let the browser forget it."""
    response.del_cookie(cookie_name(request.app), path="/", httponly=True, samesite="Strict")
