"""A new request in three steps: what, limits, who sees what. Nothing leaves before the third.

Each step carries the others along in its form, so that going back loses nothing and the node keeps
no half-written request.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from node.api.faces import PageRoute
from node.api.visitors import Scope
from node.web import drafting
from node.web.forms import Form, read_form
from node.web.shell import Shell, error_values, go
from node.web.texts import _, marked
from protocol.errors import IntentcastError
from protocol.market.roster import DEFAULT_TERMS, ROSTER

_WHAT: Final = frozenset({"title", "text", "function", "item", "qty", "exact", "category", "words"})
_LIMITS: Final = frozenset(
    {
        *("near", "remote", "radius_km", "precision", "start", "end", "flex_days", "decide_by"),
        *("budget_max", "budget_target", "visibility", "memberships", "terms", "wish*"),
    }
)
_SEEN: Final = frozenset({f"disclose_{name}" for name in drafting.DISCLOSED})
_BUTTONS: Final = frozenset({"go", "key"})
_STEPS: Final = {
    "what": ("ask_what.html", marked("New request: what")),
    "limits": ("ask_limits.html", marked("New request: limits")),
    "seen": ("ask_seen.html", marked("New request: who sees what")),
}
_UNPROCESSABLE: Final = 422
_STEP_OF: Final = {"title": "what", "category": "what", "items": "what", "text": "what"}


def asking_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""
    return [
        PageRoute(method="GET", path="/ask", scope=Scope.DRAFT, handler=_Asking(shell).begin),
        PageRoute(method="POST", path="/ask", scope=Scope.DRAFT, handler=_Asking(shell).step),
        PageRoute(
            method="POST", path="/ask/send", scope=Scope.BROADCAST, handler=_Asking(shell).send
        ),
    ]


class _Asking:
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def begin(self, request: web.Request) -> web.Response:
        """Show the first step, empty."""
        return await self._show(request, Form({}), "what")

    async def step(self, request: web.Request) -> web.Response:
        """Show the step a button leads to."""
        form = await read_form(request)
        wanted = form.text("go", "what")
        if wanted not in _STEPS:
            wanted = "what"
        if wanted == "seen":
            return await self._preview(request, form)
        if wanted == "limits" and not form.text("category"):
            # The words are looked up; one of what is found has to be chosen.
            wanted = "what"
        return await self._show(request, form, wanted)

    async def _preview(self, request: web.Request, form: Form) -> web.Response:
        try:
            found = await self._shell.citizen.preview_cast(drafting.draft_of(form))
        except IntentcastError as error:
            where = _STEP_OF.get((error.field or "").partition(".")[0], "limits")
            return await self._show(request, form, where, error=error)
        return await self._show(request, form, "seen", preview=found)

    async def send(self, request: web.Request) -> web.Response:
        """Sign it and send it out, once."""
        form = await read_form(request)
        try:
            draft = drafting.draft_of(form)
            found = await self._shell.done_once(
                form.text("key"),
                drafting.said(draft),
                lambda: self._shell.citizen.create_cast(draft),
            )
        except IntentcastError as error:
            return await self._show(request, form, "limits", error=error)
        cast = found["cast"]
        return go(f"/casts/{cast['handle'] or cast['draft']}")

    async def _show(
        self,
        request: web.Request,
        form: Form,
        step: str,
        *,
        error: IntentcastError | None = None,
        preview: dict[str, Any] | None = None,
    ) -> web.Response:
        template, title = _STEPS[step]
        shown = {"what": _WHAT, "limits": _LIMITS, "seen": _SEEN}[step]
        words = form.text("words") or form.text("category") or form.text("title")
        return await self._shell.page(
            request,
            template,
            title=_(title),
            here="ask",
            status=_UNPROCESSABLE if error else 200,
            error=error_values(error) if error else None,
            form=form,
            carried=drafting.carried(form, shown | _BUTTONS),
            preview=preview,
            key=self._shell.fresh_key() if preview else "",
            categories=drafting.categories_for(words) if step == "what" and words else [],
            wishes=drafting.wish_rows(form.text("category")) if step == "limits" else [],
            chosen=any(form.text(f"wish{number}_level") for number in range(drafting.WISHES_MAX)),
            areas=[(size, _(words)) for size, words in drafting.AREAS],
            free_wishes=drafting.FREE_WISHES,
            roster=ROSTER,
            default_terms=DEFAULT_TERMS,
            disclosed=drafting.DISCLOSED,
        )
