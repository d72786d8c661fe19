"""The heart: the offers for a request side by side, the arithmetic of their order in the open.

Enters: the handle of a request, and how its owner weighs. Leaves: a table with offers as columns,
and the data of the same for the script that keeps it live. Nothing is hidden by default.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from node.api.faces import PageRoute
from node.api.operations import handle_of
from node.api.visitors import Scope
from node.web.comparison import comparison
from node.web.scatter import scatter
from node.web.shell import Shell
from node.web.weighing import Weight, as_numbers, read_weights

COLUMNS: Final = 12
"""Offers side by side on one page: more than a person compares, few enough to be drawn at once."""


def _first(text: str, count: int) -> int:
    """Read where the columns begin; a page that is not there is the first one."""
    found = int(text[:6]) if text.isascii() and text.isdigit() else 0
    return found - found % COLUMNS if found < count else 0


def _address(weights: list[Weight], *, only_different: bool) -> str:
    """Write the parameters a link keeps, but the page's number and what is shown."""
    found = {f"w_{each.name}": str(each.value) for each in weights if each.value != 1}
    return urlencode(found | ({"show": "differences"} if only_different else {}))


def compare_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""

    async def compare(request: web.Request) -> web.Response:
        weights = read_weights(request.query)
        found = await shell.citizen.offers(handle_of(request), weights=as_numbers(weights))
        cast, offers = found["cast"], found["offers"]
        only_different = request.query.get("show") == "differences"
        first = _first(request.query.get("from", ""), len(offers))
        shown = offers[first : first + COLUMNS]
        return await shell.page(
            request,
            "compare.html",
            title=cast["title"],
            here="casts",
            cast=cast,
            offers=offers,
            weights=weights,
            only_different=only_different,
            shown=shown,
            first=first,
            columns=COLUMNS,
            address=_address(weights, only_different=only_different),
            table=comparison(shown, only_different=only_different),
            plot=scatter(offers, cast),
        )

    return [PageRoute(method="GET", path="/casts/{handle}", scope=Scope.READ, handler=compare)]
