"""A new request in three steps: what, limits, who sees what. Nothing leaves before the third.

Each step carries the others along in its form, so that going back loses nothing and the node keeps
no half-written request.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

from aiohttp import web

from node.api.faces import PageRoute
from node.api.problems import status_of
from node.api.visitors import Scope
from node.web import drafting
from node.web.forms import Form, read_form
from node.web.publicity import publicity
from node.web.shell import Shell, error_values, go
from node.web.texts import _, marked
from protocol.errors import IntentcastError, LocalProtocolError
from protocol.market.roster import DEFAULT_TERMS, ROSTER

_WHAT: Final = frozenset({"title", "text", "function", "item", "qty", "exact", "category", "words"})
_LIMITS: Final = frozenset(
    {
        *("near", "radius_km", "precision", "start", "end", "flex_days", "decide_by"),
        *("budget_max", "budget_target", "visibility", "memberships", "terms"),
        *(drafting.TERMS_SHOWN, f"{drafting.WISH}*", "own:*"),
    }
)
_SEEN: Final = frozenset({f"disclose_{name}" for name in drafting.DISCLOSED})
_BUTTONS: Final = frozenset({"go", "key"})
_STEPS: Final = {
    "what": ("ask_what.html", marked("New request: what")),
    "limits": ("ask_limits.html", marked("New request: limits")),
    "seen": ("ask_seen.html", marked("New request: who sees what")),
}
_STEP_OF: Final = {"title": "what", "category": "what", "items": "what", "text": "what"}


_PLACES: Final = {
    "items": "item",
    "category": "words",
    "where": "near",
    "when": "start",
    "budget": "budget_max",
    "disclose": "disclose_name",
}
"""Field of a draft -> the place on the page where it is filled in, where the two differ."""
_SAME_PLACE: Final = frozenset(
    {"title", "text", "radius_km", "flex_days", "decide_by", "memberships", "qty"}
)


def _placed(error: IntentcastError) -> dict[str, str]:
    """Give what the page says of a refusal, and where it can be mended."""
    field = (error.field or "").replace("[", ".").partition(".")[0]
    place = field if field in _SAME_PLACE else _PLACES.get(field, "")
    return error_values(error) | {"place": place}


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
            return await self._show(request, form, "what", is_category_missing=True)
        return await self._show(request, form, wanted)

    async def _preview(self, request: web.Request, form: Form) -> web.Response:
        try:
            found = await self._shell.citizen.preview_cast(drafting.draft_of(form))
        except IntentcastError as error:
            return await self._refused(request, form, error)
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
            return await self._refused(request, form, error)
        cast = found["cast"]
        return go(f"/casts/{cast['handle'] or cast['draft']}")

    async def _refused(
        self, request: web.Request, form: Form, error: IntentcastError
    ) -> web.Response:
        """Show what is wrong at the step where it can be mended."""
        field = error.field.replace("[", ".").partition(".")[0]
        step = _STEP_OF.get(field, "limits")
        if not error.field and not isinstance(error, LocalProtocolError):
            # Nothing that was filled in is wrong: the keys are locked, the disk is full.
            with contextlib.suppress(IntentcastError):
                preview = await self._shell.citizen.preview_cast(drafting.draft_of(form))
                return await self._show(request, form, "seen", error=error, preview=preview)
        return await self._show(request, form, step, error=error)

    async def _show(
        self,
        request: web.Request,
        form: Form,
        step: str,
        *,
        error: IntentcastError | None = None,
        preview: dict[str, Any] | None = None,
        is_category_missing: bool = False,
    ) -> web.Response:
        template, title = _STEPS[step]
        shown = {"what": _WHAT, "limits": _LIMITS, "seen": _SEEN}[step]
        words = form.text("words") or form.text("category") or form.text("title")
        return await self._shell.page(
            request,
            template,
            title=_(title),
            here="ask",
            status=status_of(error) if error else 200,
            error=_placed(error) if error else None,
            form=form,
            is_category_missing=is_category_missing,
            carried=drafting.carried(form, shown | _BUTTONS),
            preview=preview,
            key=self._shell.fresh_key() if preview else "",
            categories=drafting.categories_for(words) if step == "what" and words else [],
            wishes=drafting.wish_rows(form.text("category")) if step == "limits" else [],
            chosen=bool(drafting.wishes_in(form)),
            lost=drafting.lost_wishes(form) if step == "limits" else [],
            told=publicity(preview["public"]) if preview else [],
            areas=[(size, _(words)) for size, words in drafting.AREAS],
            free_wishes=drafting.FREE_WISHES,
            roster=ROSTER,
            default_terms=DEFAULT_TERMS,
            ticked=form.texts("terms") if form.has(drafting.TERMS_SHOWN) else DEFAULT_TERMS,
            disclosed=drafting.DISCLOSED,
        )
