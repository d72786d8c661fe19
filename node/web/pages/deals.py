"""Deals: where each stands, what happened, what was disclosed, and the agreement to keep."""

from __future__ import annotations

from aiohttp import web

from node.api.faces import PageRoute
from node.api.operations import handle_of
from node.api.visitors import Scope
from node.web.comparison import deal_terms
from node.web.forms import read_form
from node.web.pages.shop import REFUSALS
from node.web.receipt import receipt_values, verified
from node.web.shell import Shell, go, html
from node.web.texts import _


def deal_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""

    async def deals(request: web.Request) -> web.Response:
        found = (await shell.citizen.deals())["deals"]
        return await shell.page(request, "deals.html", title=_("Deals"), here="deals", deals=found)

    async def deal(request: web.Request) -> web.Response:
        found = (await shell.citizen.deal(handle_of(request)))["deal"]
        return await shell.page(
            request,
            "deal.html",
            title=_("Deal with %(name)s") % {"name": found["counterparty"]},
            here="deals",
            deal=found,
            terms=deal_terms(found),
            reasons=[(value, _(words)) for value, words in REFUSALS],
        )

    async def decide(request: web.Request) -> web.Response:
        handle = handle_of(request)
        form = await read_form(request)
        confirm = form.text("decision") == "confirm"
        await shell.citizen.decide_deal(
            handle, confirm=confirm, reason="" if confirm else form.text("reason")
        )
        return go(f"/deals/{handle}")

    async def verify(request: web.Request) -> web.Response:
        handle = handle_of(request)
        _name, raw = await shell.citizen.agreement(handle)
        return await shell.page(
            request,
            "verified.html",
            title=_("Receipt checked"),
            here="deals",
            handle=handle,
            found=verified(raw),
        )

    async def receipt(request: web.Request) -> web.Response:
        name, raw = await shell.citizen.agreement(handle_of(request))
        response = html(request, "receipt.html", receipt_values(raw))
        file = f"{name.removesuffix('.agreement')}.html"
        response.headers["Content-Disposition"] = f'attachment; filename="{file}"'
        return response

    async def bundle(request: web.Request) -> web.Response:
        name, raw = await shell.citizen.agreement(handle_of(request))
        return web.Response(
            body=raw,
            content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    return [
        PageRoute(method="GET", path="/deals", scope=Scope.READ, handler=deals),
        PageRoute(method="GET", path="/deals/{handle}", scope=Scope.READ, handler=deal),
        PageRoute(method="POST", path="/deals/{handle}", scope=Scope.ACCEPT, handler=decide),
        PageRoute(method="GET", path="/deals/{handle}/verify", scope=Scope.READ, handler=verify),
        PageRoute(method="GET", path="/deals/{handle}/receipt", scope=Scope.READ, handler=receipt),
        PageRoute(method="GET", path="/deals/{handle}/agreement", scope=Scope.READ, handler=bundle),
    ]
