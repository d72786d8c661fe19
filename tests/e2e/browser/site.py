"""A small site of a test's own: pages by path, every request kept, on a port of this machine.

Enters: what each path shows. Leaves: an address, and what was asked of it. Plays the page under
watch in tests of the watcher, and the site of somebody else in attacks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Sheet:
    """What a path shows."""

    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "text/html"
    status: int = 200


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Site:
    """One listening site; `start`, then `stop`."""

    def __init__(self, sheets: Mapping[str, Sheet] | None = None) -> None:
        self.sheets: dict[str, Sheet] = dict(sheets or {})
        self.answers: dict[str, Answer] = {}
        """Paths that are answered otherwise than by a sheet."""
        self.asked: list[Asked] = []
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a port the system chooses."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close it; may be called twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """Give the address of a path, under a name."""
        return f"http://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        """List the paths asked for, in order."""
        return [asked.path for asked in self.asked]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        path = request.path
        self.asked.append(Asked(request.method, request.path_qs, dict(request.headers), body))
        if path in self.answers:
            return await self.answers[path](request)
        sheet = self.sheets.get(path)
        if sheet is None:
            # A browser asks for an icon by itself; that is no fault of a page.
            return web.Response(status=204 if path == "/favicon.ico" else 404)
        return web.Response(
            text=sheet.text, status=sheet.status, content_type=sheet.kind, headers=sheet.headers
        )
