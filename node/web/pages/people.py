"""People and shops: who is near, which shops were heard, who is blocked, invites.

Nobody near is linked to before the owner says so, and nothing is said of a shop but what it says of
itself and what was agreed here. A link that is made is shown once: its token stands on no disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from node import qr
from node.api.bodies import converted
from node.api.citizen import Document
from node.api.faces import PageRoute
from node.api.neighbours import InviteBody, JoinBody, NeighbourBody
from node.api.people import ShopBody
from node.api.problems import status_of
from node.api.visitors import Scope
from node.runtime.invitations import InviteWish
from node.web.forms import Form, read_form
from node.web.shell import Shell, error_values, go, present
from node.web.texts import _, marked
from protocol.errors import IntentcastError, LocalProtocolError

SPANS: Final[Mapping[int, str]] = {
    3_600: marked("an hour"),
    86_400: marked("a day"),
    604_800: marked("seven days"),
}
"""How long an invite may hold, s."""
_DONE: Final[Mapping[str, str]] = {
    "allow": marked("This node links to it from now on, wherever it is."),
    "refuse": marked("It is not shown any more."),
    "forget": marked("What you said about it is forgotten."),
    "block": marked("Blocked. The shop is told nothing."),
    "unblock": marked("Unblocked. What it sent meanwhile is there."),
    "join": marked("Joined. The link is kept over restarts."),
}


def people_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""
    pages = _People(shell)
    return [
        PageRoute(method="GET", path="/people", scope=Scope.READ, handler=pages.look),
        PageRoute(method="POST", path="/people/nearby", scope=Scope.ADMIN, handler=pages.nearby),
        PageRoute(method="POST", path="/people/shops", scope=Scope.ADMIN, handler=pages.shops),
        PageRoute(method="POST", path="/people/invite", scope=Scope.ADMIN, handler=pages.invite),
        PageRoute(method="POST", path="/people/join", scope=Scope.ADMIN, handler=pages.join),
    ]


class _People:
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def look(self, request: web.Request) -> web.Response:
        """Show everybody."""
        return await self._show(request, Form({}))

    async def nearby(self, request: web.Request) -> web.Response:
        """Take a word on a node that is near."""
        form = await read_form(request)
        return await self._done(request, form, lambda: decided(self._shell, form), _verb(form))

    async def shops(self, request: web.Request) -> web.Response:
        """Block a shop, or take that back."""
        form = await read_form(request)
        return await self._done(request, form, lambda: self._heed(form), _verb(form))

    async def _heed(self, form: Form) -> Document:
        people = present(self._shell.citizen.people)
        acts = {"block": people.block, "unblock": people.unblock}
        key = converted({"key": form.text("key")}, ShopBody).key
        return await _chosen(acts, form)(key)

    async def join(self, request: web.Request) -> web.Response:
        """Follow an invite."""
        form = await read_form(request)
        return await self._done(request, form, lambda: joined(self._shell, form), "join")

    async def invite(self, request: web.Request) -> web.Response:
        """Make a link and show it, this once."""
        form = await read_form(request)
        try:
            found = await self._invited(form)
        except IntentcastError as error:
            return await self._show(request, form, error=error)
        return await self._show(request, form, invite=found)

    async def _invited(self, form: Form) -> dict[str, Any]:
        wish: dict[str, Any] = {
            "single": form.has("single"),
            "for_s": form.number("for_s", max(SPANS)),
        }
        if address := form.text("address"):
            wish["address"] = address
        body = converted(wish, InviteBody)
        found = await present(self._shell.citizen.neighbours).invite(
            InviteWish(single=body.single, for_ms=body.for_s * 1_000, address=body.address)
        )
        return found | {"drawing": _drawing(found["link"])}

    async def _done(
        self, request: web.Request, form: Form, act: Callable[[], Awaitable[Any]], verb: str
    ) -> web.Response:
        try:
            await act()
        except IntentcastError as error:
            return await self._show(request, form, error=error)
        return go(f"/people?done={verb}")

    async def _show(
        self,
        request: web.Request,
        form: Form,
        *,
        error: IntentcastError | None = None,
        invite: dict[str, Any] | None = None,
    ) -> web.Response:
        citizen = self._shell.citizen
        people = await present(citizen.people).document()
        near = await citizen.neighbours.nearby() if citizen.neighbours else None
        return await self._shell.page(
            request,
            "people.html",
            title=_("People and shops"),
            here="people",
            status=status_of(error) if error else 200,
            error=error_values(error) if error else None,
            done=_(_DONE.get(request.query.get("done", ""), "")),
            near=near,
            people=people,
            invite=invite,
            spans=[(seconds, _(words)) for seconds, words in SPANS.items()],
            form=form,
        )


async def decided(shell: Shell, form: Form) -> Document:
    """Take the owner's word on a node that is near: `do` is allow, refuse or forget.

    Raises:
        LocalProtocolError: E-FIELD, E-ID, E-PEER-SELF.
        NotFoundError: E-NOT-FOUND, E-AMBIGUOUS.
        RefusedError: E-NEIGHBOURS-FULL.
    """
    hood = present(shell.citizen.neighbours)
    acts = {"allow": hood.allow, "refuse": hood.refuse, "forget": hood.forget}
    node = converted({"node": form.text("node")}, NeighbourBody).node
    return await _chosen(acts, form)(node)


async def joined(shell: Shell, form: Form) -> Document:
    """Follow the invite that was pasted.

    Raises:
        IntentcastError: as the handle's `join`.
    """
    body = converted({"link": form.text("link"), "private": form.has("private")}, JoinBody)
    return await present(shell.citizen.neighbours).join(body.link, private=body.private)


def _verb(form: Form) -> str:
    verb = form.text("do")
    return verb if verb in _DONE else ""


def _chosen(
    acts: Mapping[str, Callable[[str], Awaitable[Document]]], form: Form
) -> Callable[[str], Awaitable[Document]]:
    found = acts.get(form.text("do"))
    if found is None:
        raise LocalProtocolError(
            "the form does not say what to do",
            code="E-FIELD",
            fix="Press one of its buttons",
            field="do",
        )
    return found


def _drawing(link: str) -> qr.Drawing | None:
    try:
        return qr.drawing(link)
    except LocalProtocolError:
        # Too long for a camera; the text is there.
        return None
