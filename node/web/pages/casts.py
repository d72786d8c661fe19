"""My requests: each with its state, its date and how many offers came."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from node.api.faces import PageRoute
from node.api.operations import handle_of
from node.api.visitors import Scope
from node.web.forms import read_form
from node.web.shell import Shell, go
from node.web.texts import _

_LIVE: Final = frozenset({"draft", "open", "deciding"})


def cast_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""

    async def home(request: web.Request) -> web.Response:
        if shell.citizen.welcome is not None and await shell.citizen.welcome.leads():
            return go("/welcome")
        found = (await shell.citizen.casts())["casts"]
        return await shell.page(
            request,
            "casts.html",
            title=_("My requests"),
            here="casts",
            live=[each for each in found if each["state"] in _LIVE],
            ended=[each for each in found if each["state"] not in _LIVE],
        )

    async def confirm(request: web.Request) -> web.Response:
        cast = (await shell.citizen.cast(handle_of(request)))["cast"]
        return await shell.page(
            request, "revoke.html", title=_("Take back a request"), here="casts", cast=cast
        )

    async def revoke(request: web.Request) -> web.Response:
        handle = handle_of(request)
        await read_form(request)
        await shell.citizen.revoke(handle)
        return go("/")

    return [
        PageRoute(method="GET", path="/", scope=Scope.READ, handler=home),
        PageRoute(
            method="GET", path="/casts/{handle}/revoke", scope=Scope.BROADCAST, handler=confirm
        ),
        PageRoute(
            method="POST", path="/casts/{handle}/revoke", scope=Scope.BROADCAST, handler=revoke
        ),
    ]
