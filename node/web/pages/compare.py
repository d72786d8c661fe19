"""The heart: the offers for a request side by side, the arithmetic of their order in the open.

Enters: the handle of a request, and how its owner weighs. Leaves: a table with offers as columns,
and the data of the same for the script that keeps it live. Nothing is hidden by default.
"""

from __future__ import annotations

from aiohttp import web

from node.api.faces import PageRoute
from node.api.operations import handle_of
from node.api.visitors import Scope
from node.web.comparison import comparison
from node.web.scatter import scatter
from node.web.shell import Shell
from node.web.weighing import as_numbers, read_weights


def compare_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""

    async def compare(request: web.Request) -> web.Response:
        weights = read_weights(request.query)
        found = await shell.citizen.offers(handle_of(request), weights=as_numbers(weights))
        cast, offers = found["cast"], found["offers"]
        only_different = request.query.get("show") == "differences"
        return await shell.page(
            request,
            "compare.html",
            title=cast["title"],
            here="casts",
            cast=cast,
            offers=offers,
            weights=weights,
            only_different=only_different,
            table=comparison(offers, only_different=only_different),
            plot=scatter(offers, cast),
        )

    return [PageRoute(method="GET", path="/casts/{handle}", scope=Scope.READ, handler=compare)]
