"""A face of a few words, to see what the server does for faces."""

from __future__ import annotations

from aiohttp import web

from node.api.faces import PageRoute
from node.api.visitors import visitor_of
from node.runtime.visitors import Scope
from protocol.errors import IntentcastError

CSP = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'"


class FakeFace:
    """A page for visitors, one for everybody, and one that takes a form."""

    def __init__(self) -> None:
        self.headers = {"Content-Security-Policy": CSP, "Referrer-Policy": "same-origin"}
        self.forms: list[dict[str, str]] = []
        self.is_prepared = False

    def prepare(self) -> None:
        self.is_prepared = True

    def routes(self) -> list[PageRoute]:
        return [
            PageRoute(method="GET", path="/", scope=Scope.READ, handler=self._home),
            PageRoute(method="GET", path="/login", scope=None, handler=self._login),
            PageRoute(method="POST", path="/peers", scope=Scope.ADMIN, handler=self._peers),
            PageRoute(method="GET", path="/static/app.css", scope=None, handler=self._css),
            PageRoute(method="GET", path="/broken", scope=None, handler=self._broken),
        ]

    def refusal(self, request: web.Request, error: IntentcastError, status: int) -> web.Response:
        text = f"<h1>{error.code}</h1><p>{request.path}</p>"
        return web.Response(text=text, status=status, content_type="text/html")

    async def _home(self, request: web.Request) -> web.Response:
        visitor = visitor_of(request)
        return web.Response(text=f"hello {visitor and visitor.name}", content_type="text/html")

    async def _login(self, request: web.Request) -> web.Response:
        visitor = visitor_of(request)
        return web.Response(text=f"code? {visitor and visitor.name}", content_type="text/html")

    async def _peers(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.forms.append({name: str(value) for name, value in form.items()})
        return web.Response(status=303, headers={"Location": "/"})

    async def _css(self, _request: web.Request) -> web.Response:
        return web.Response(
            text="p {}", content_type="text/css", headers={"Cache-Control": "max-age=60"}
        )

    async def _broken(self, _request: web.Request) -> web.Response:
        raise ZeroDivisionError("inside")
