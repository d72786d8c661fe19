"""Saying yes: the final terms and what the vendor will learn, then ten seconds to undo it."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from node.api.bodies import HoldBody, converted
from node.api.faces import PageRoute
from node.api.holds import held, hold_of, undone
from node.api.operations import handle_of
from node.api.visitors import Scope
from node.errors import NotFoundError
from node.web.comparison import final_terms
from node.web.drafting import DISCLOSED
from node.web.forms import Form, read_form
from node.web.shell import Shell, error_values, go
from node.web.texts import _
from protocol.errors import IntentcastError

_CONFLICT: Final = 409
HOLD_S: Final = 10


def accepting_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""
    pages = _Accepting(shell)
    accept = "/casts/{handle}/offers/{offer}/accept"
    return [
        PageRoute(method="GET", path=accept, scope=Scope.ACCEPT, handler=pages.ask),
        PageRoute(method="POST", path=accept, scope=Scope.ACCEPT, handler=pages.begin),
        PageRoute(method="GET", path="/holds/{handle}", scope=Scope.ACCEPT, handler=pages.wait),
        PageRoute(
            method="POST", path="/holds/{handle}/undo", scope=Scope.ACCEPT, handler=pages.undo
        ),
    ]


class _Accepting:
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def ask(self, request: web.Request) -> web.Response:
        """Show the final terms and what will be disclosed."""
        return await self._show(request, Form({}))

    async def begin(self, request: web.Request) -> web.Response:
        """Begin the ten seconds."""
        form = await read_form(request)
        try:
            body = {
                "options": form.numbers("option"),
                "slot": form.number("slot", 0) if form.text("slot") else None,
                "disclose": None if form.text("say") == "kept" else _disclosed(form),
                "anyway": form.has("anyway"),
                "hold_s": HOLD_S,
            }
            # The one that was shown, of this request and by its whole name.
            shown = await self._shell.citizen.offers(handle_of(request))
            offer = _offer_of(shown["offers"], request.match_info["offer"])
            found = await held(self._shell.citizen, request, offer["id"], converted(body, HoldBody))
        except IntentcastError as error:
            return await self._show(request, form, error=error)
        return go(f"/holds/{found['id']}")

    async def _show(
        self, request: web.Request, form: Form, *, error: IntentcastError | None = None
    ) -> web.Response:
        found = await self._shell.citizen.offers(handle_of(request))
        offer = _offer_of(found["offers"], request.match_info["offer"])
        return await self._shell.page(
            request,
            "accept.html",
            title=_("Accept the offer of %(vendor)s") % {"vendor": offer["vendor"]["name"]},
            here="casts",
            status=_CONFLICT if error else 200,
            error=error_values(error) if error else None,
            cast=found["cast"],
            offer=offer,
            terms=final_terms(offer),
            form=form,
            disclosed=DISCLOSED,
            hold_s=HOLD_S,
        )

    async def wait(self, request: web.Request) -> web.Response:
        """Show how long it can still be undone, and what became of it."""
        hold = hold_of(self._shell.citizen, handle_of(request))
        if hold["state"] == "done":
            return go(f"/deals/{hold['deal']}")
        return await self._shell.page(
            request, "hold.html", title=_("Accepting"), here="casts", hold=hold
        )

    async def undo(self, request: web.Request) -> web.Response:
        """Take the yes back."""
        await read_form(request)
        handle = handle_of(request)
        undone(self._shell.citizen, handle)
        return go(f"/holds/{handle}")


def _disclosed(form: Form) -> dict[str, str]:
    """Give what was filled in for this vendor."""
    found = {name: form.text(f"disclose_{name}") for name in DISCLOSED}
    return {name: value for name, value in found.items() if value}


def _offer_of(offers: list[dict[str, Any]], handle: str) -> dict[str, Any]:
    for each in offers:
        if handle in {each["handle"], each["id"]}:
            return each
    raise NotFoundError(
        "that offer is not among those for this request",
        code="E-OFFER-UNKNOWN",
        fix="Go back to the offers",
    )
