"""The first steps of a fresh home: keep your keys, find others, say what you want.

Three steps, each of which can be skipped, and all of them at once, for good. Each form does what
the same form of another page does, and says here what went wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from node.api.faces import PageRoute
from node.api.problems import status_of
from node.api.visitors import Scope
from node.web.forms import Form, read_form
from node.web.pages.network import added
from node.web.pages.people import decided, joined
from node.web.pages.settings import sealed
from node.web.shell import Shell, error_values, go, present
from node.web.texts import _, marked
from protocol.errors import IntentcastError

_STEPS: Final = (
    marked("Keep your keys"),
    marked("Find others"),
    marked("Say what you want"),
)


def welcome_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""
    pages = _Welcome(shell)
    acts = {
        "passphrase": pages.passphrase,
        "nearby": pages.nearby,
        "join": pages.join,
        "peers": pages.peers,
        "dismiss": pages.dismiss,
    }
    return [
        PageRoute(method="GET", path="/welcome", scope=Scope.READ, handler=pages.look),
        *(
            PageRoute(method="POST", path=f"/welcome/{name}", scope=Scope.ADMIN, handler=act)
            for name, act in acts.items()
        ),
    ]


class _Welcome:
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def look(self, request: web.Request) -> web.Response:
        """Show a step."""
        step = request.query.get("step", "1")
        return await self._show(request, Form({}), int(step) if step in {"1", "2", "3"} else 1)

    async def passphrase(self, request: web.Request) -> web.Response:
        """Put the keys under a passphrase."""
        form = await read_form(request)
        return await self._done(request, form, 1, lambda: sealed(self._shell, form))

    async def nearby(self, request: web.Request) -> web.Response:
        """Take a word on a node that is near."""
        form = await read_form(request)
        return await self._done(request, form, 2, lambda: decided(self._shell, form))

    async def join(self, request: web.Request) -> web.Response:
        """Follow an invite."""
        form = await read_form(request)
        return await self._done(request, form, 2, lambda: joined(self._shell, form))

    async def peers(self, request: web.Request) -> web.Response:
        """Link to an address."""
        form = await read_form(request)
        return await self._done(request, form, 2, lambda: added(self._shell, form))

    async def dismiss(self, request: web.Request) -> web.Response:
        """Offer the steps no more."""
        await read_form(request)
        await present(self._shell.citizen.welcome).dismiss()
        return go("/")

    async def _done(
        self, request: web.Request, form: Form, step: int, act: Callable[[], Awaitable[Any]]
    ) -> web.Response:
        try:
            await act()
        except IntentcastError as error:
            return await self._show(request, form, step, error=error)
        return go(f"/welcome?step={step}")

    async def _show(
        self, request: web.Request, form: Form, step: int, *, error: IntentcastError | None = None
    ) -> web.Response:
        citizen = self._shell.citizen
        hood = citizen.neighbours if step == 2 else None  # noqa: PLR2004 - the second of three
        return await self._shell.page(
            request,
            "welcome.html",
            title=_("First steps: %(step)s") % {"step": _(_STEPS[step - 1])},
            here="",
            status=status_of(error) if error else 200,
            error=error_values(error) if error else None,
            step=step,
            steps=[_(words) for words in _STEPS],
            keys=await present(citizen.custody).document(),
            near=await hood.nearby() if hood else None,
            form=form,
        )
