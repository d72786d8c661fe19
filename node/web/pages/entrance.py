"""The door: a browser shows the code its owner was given, and is let in.

Enters: the code, typed or in the fragment of a link, which no server log ever sees. The taking of
the code is the API's (`POST /login`).
"""

from __future__ import annotations

from aiohttp import web

from node.api.access import local_path
from node.api.faces import PageRoute
from node.web.shell import html
from node.web.texts import _
from protocol.errors import LocalProtocolError


def next_path(text: str) -> str:
    """Give a path of this site, the first page where it is none: never another site's address."""
    try:
        return local_path(text)
    except LocalProtocolError:
        return "/"


def entrance_pages(command: str = "intentcast open") -> list[PageRoute]:
    """List the paths.

    Args:
        command: what shows another code in a terminal.
    """

    async def login(request: web.Request) -> web.Response:
        values = {
            "title": _("Log in"),
            "here": "",
            "visitor": None,
            "error": None,
            "next": next_path(request.query.get("next", "/")),
            "command": command,
        }
        return html(request, "login.html", values)

    return [PageRoute(method="GET", path="/login", scope=None, handler=login)]
