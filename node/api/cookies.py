"""The cookie of a browser that logged in: its name, its text in a request, its place in an answer.

Enters: requests and secrets. Leaves: headers. Cookies know no ports: without the port in its name
two nodes of one machine would overwrite each other's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from node.runtime.visitors import SESSION_MS


@dataclass(slots=True)
class Port:
    """Where a server listens; the system may choose it at the start."""

    number: int
    """TCP port."""


PORT: Final = web.AppKey("port", Port)
"""Where an application holds it."""
_VALUE_CHARS_MAX: Final = 256
_VALUES_MAX: Final = 4
"""Looked at; whoever plants more does not make the node look longer."""


def cookie_name(app: web.Application) -> str:
    """Name the cookie of this server."""
    return f"intentcast_{app[PORT].number}"


def read_cookies(request: web.Request) -> list[str]:
    """Give the texts of this server's cookie, each once.

    There may be several: a page of another port can plant one of the same name for a longer path,
    which a browser sends beside ours, and before it. Ours, of the shortest path, is the last.
    """
    wanted = cookie_name(request.app)
    found: dict[str, None] = {}
    for line in request.headers.getall("Cookie", []):
        for pair in line.split(";"):
            name, _, value = pair.strip().partition("=")
            text = value.strip().strip('"')[:_VALUE_CHARS_MAX]
            if name == wanted and text:
                found[text] = None
    return list(found)[-_VALUES_MAX:]


def put_cookie(request: web.Request, response: web.StreamResponse, secret: str) -> None:
    """Let the browser keep a session's secret, where no script and no other site reaches it."""
    response.set_cookie(
        cookie_name(request.app),
        secret,
        max_age=SESSION_MS // 1000,
        path="/",
        httponly=True,
        samesite="Strict",
    )


def drop_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Let the browser forget it."""
    response.del_cookie(cookie_name(request.app), path="/", httponly=True, samesite="Strict")
