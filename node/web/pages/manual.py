"""The API's reference as a page: every path, what it takes, what it gives, what it refuses."""

from __future__ import annotations

import asyncio

from aiohttp import web

from node.api.faces import PageRoute
from node.api.visitors import Scope
from node.web.reference import reference
from node.web.shell import Shell
from node.web.texts import _


def manual_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""

    async def look(request: web.Request) -> web.Response:
        found = await asyncio.to_thread(reference)
        return await shell.page(
            request, "manual.html", title=_("The API for your programs"), here="settings", api=found
        )

    return [PageRoute(method="GET", path="/manual", scope=Scope.READ, handler=look)]
