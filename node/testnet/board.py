"""The testnet's page: a picture of the network, what happened in it, and what is wrong with it.

Enters: forms and followed links of whoever was let in. Leaves: pages, a document of numbers for
the script that keeps them fresh, changes of faults as `testnet fault` makes them, and ways in to
the pages of single nodes. Complete without script: then a reload shows what is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from aiohttp import web

from node.api.faces import PageRoute
from node.api.operations import handle_of
from node.api.visitors import Scope, visitor_of
from node.errors import NotFoundError
from node.testnet.drawing import HEIGHT, WIDTH, lines, spots
from node.testnet.fault import Wish
from node.testnet.plan import Part
from node.testnet.scene import Scene
from node.web.forms import Form, read_form
from node.web.pages.entrance import entrance_pages
from node.web.shell import error_values, go, html, in_its_language
from node.web.site import ASSETS, HEADERS
from node.web.templates import prepare
from node.web.texts import _, marked
from protocol.errors import IntentcastError

OPEN_COMMAND: Final = "intentcast testnet open"
CUTS: Final = (
    ("", marked("no")),
    ("cut", marked("silently, as when a cable is pulled")),
    ("one_way", marked("only what the first one sends")),
    ("reset", marked("with a reset, as when a machine is switched off")),
)
_UNPROCESSABLE: Final = 422


class Board:
    """All pages of one testnet: a `Face`."""

    def __init__(self, scene: Scene) -> None:
        """Keep what is shown."""
        self._scene = scene

    @property
    def headers(self) -> Mapping[str, str]:
        """Give what stands on every answer."""
        return HEADERS

    def prepare(self) -> None:
        """Read templates, words and assets."""
        prepare()

    def routes(self) -> Sequence[PageRoute]:
        """List every path."""
        found = [
            *entrance_pages(OPEN_COMMAND),
            PageRoute(method="GET", path="/", scope=Scope.READ, handler=self._show),
            PageRoute(method="GET", path="/state", scope=Scope.READ, handler=self._state),
            PageRoute(method="POST", path="/faults", scope=Scope.ADMIN, handler=self._change),
            PageRoute(
                method="POST", path="/nodes/{handle}", scope=Scope.ADMIN, handler=self._enter
            ),
        ]
        return [*(replace(each, handler=in_its_language(each.handler)) for each in found), ASSETS]

    def refusal(self, request: web.Request, error: IntentcastError, status: int) -> web.Response:
        """Say no to a person."""
        values = self._values(request, error.sentence) | {"error": error_values(error)}
        return html(request, "refusal.html", values, status=status)

    def _values(self, request: web.Request, title: str) -> dict[str, Any]:
        return {"title": title, "here": "", "visitor": visitor_of(request), "error": None}

    # --- what is shown --------------------------------------------------------------------------

    async def _show(self, request: web.Request) -> web.Response:
        return await self._page(request, Form({}))

    async def _page(
        self, request: web.Request, form: Form, error: IntentcastError | None = None
    ) -> web.Response:
        found = await self._scene.look()
        relays = [node["name"] for node in found["nodes"] if node["part"] == Part.RELAY]
        others = [name for name in self._scene.names if name not in relays]
        places = spots(relays, others)
        drawn = lines(places, [(link["first"], link["second"]) for link in found["links"]])
        faults = {link["link"]: link for link in found["links"]}
        values = self._values(request, _("Testnet %(net)s") % {"net": self._scene.net}) | {
            "found": found,
            "places": [(spot, _node_of(found, spot.name)) for spot in places],
            "faulty": [link for link in found["links"] if link["faulty"]],
            "sound": [link for link in found["links"] if not link["faulty"]],
            "lines": [(line, faults[line.name]) for line in drawn],
            "width": WIDTH,
            "height": HEIGHT,
            "events": self._scene.history.newest,
            "names": self._scene.names,
            "cuts": CUTS,
            "form": form,
            "error": error_values(error) if error else None,
        }
        status = _UNPROCESSABLE if error else 200
        return html(request, "testnet.html", values, status=status)

    async def _state(self, _request: web.Request) -> web.Response:
        found = await self._scene.look()
        return web.Response(body=msgspec.json.encode(found), content_type="application/json")

    # --- what is changed ------------------------------------------------------------------------

    async def _change(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        try:
            self._perform(form)
        except IntentcastError as error:
            return await self._page(request, form, error)
        self._scene.spoil()
        return go("/#faults")

    def _perform(self, form: Form) -> None:
        if self._scene.crossing is None:
            raise NotFoundError(
                "the links of this testnet cannot be made faulty",
                code="E-LINK",
                fix="Start it anew:  intentcast testnet up --faulty",
            )
        if form.has("heal"):
            wish = Wish(link=form.text("heal"), heal=True)
        else:
            cut = form.text("cut")
            wish = Wish(
                link=f"{form.text('first', '*')}~{form.text('second', '*')}",
                delay=form.text("delay"),
                jitter=form.text("jitter"),
                loss=form.text("loss"),
                bandwidth=form.text("bandwidth"),
                cut=cut in {"cut", "one_way"},
                one_way=cut == "one_way",
                reset=cut == "reset",
            )
        self._scene.crossing.change(wish.change())

    async def _enter(self, request: web.Request) -> web.Response:
        """Make a way in to a node's own page, good once."""
        name = handle_of(request)
        await read_form(request)
        node = self._scene.node(name)
        if node is None:
            raise NotFoundError(
                f"'{name[:40]}' is not up", fix="Reload the page: it lists the nodes that are"
            )
        values = self._values(request, _("The page of %(name)s") % {"name": name})
        values |= {"name": name, "login": await node.login()}
        return html(request, "testnet_node.html", values)


def _node_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(node for node in found["nodes"] if node["name"] == name)
