"""Sees what must never happen in a browser, whatever a page was made to show.

Enters: a context of the browser, the origins its pages may talk to. Leaves: sights, each of a kind:
a dialog, an error of a script, an error on the console, a breach of the page's policy, a request to
somebody else, a failure of the server. A test that brings one about says so first (`expects`) and
fails when it does not come.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import (
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Page,
    Request,
    Response,
    WebError,
    WebSocket,
)

TEXT_CHARS_MAX = 400
_SETTLE_S = 2.0
_QUIET_SCHEMES = {"about", "blob", "data"}
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_BINDING = "__policy_breach"
_LISTEN = """(() => {
  const tell = (how, what) => window.BINDING(
    `${how}: ${what.effectiveDirective} blocked ${what.blockedURI || what.blockedURL}` +
    ` ${what.sample || ''} at ${what.sourceFile || what.documentURI || what.documentURL}`);
  addEventListener('securitypolicyviolation', (event) => tell('event', event), true);
  new ReportingObserver((all) => all.forEach((one) => tell('report', one.body)),
    {types: ['csp-violation'], buffered: true}).observe();
})()""".replace("BINDING", _BINDING)


class Kind(StrEnum):
    """What can be seen."""

    DIALOG = "dialog"
    """alert, confirm, prompt, or a question before leaving."""
    SCRIPT = "script error"
    """An exception nobody caught."""
    CONSOLE = "console error"
    """What the browser or a page writes there as an error."""
    POLICY = "policy breach"
    """Something the Content Security Policy refused."""
    FOREIGN = "foreign request"
    """A request, or a WebSocket, to an origin that is not the node's."""
    FAILURE = "server failure"
    """An answer of 500 and above."""


@dataclass(frozen=True)
class Sight:
    """One thing seen."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text[:TEXT_CHARS_MAX]}"


@dataclass
class Expected:
    """Something a test brings about."""

    kind: Kind
    text: str
    """Must stand in the sight."""
    must_come: bool = True
    was_seen: bool = False

    def covers(self, sight: Sight) -> bool:
        return sight.kind is self.kind and self.text in sight.text


def origin_of(url: str) -> str:
    """Give scheme, host and port; WebSockets count with HTTP."""
    parts = urlsplit(url)
    scheme = (
        parts.scheme.replace("ws", "http", 1) if parts.scheme in {"ws", "wss"} else parts.scheme
    )
    return f"{scheme}://{parts.hostname}:{parts.port or _PORTS.get(scheme, 0)}"


@dataclass
class Watcher:
    """Everything seen in the contexts of one test."""

    sights: list[Sight] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    """Every address asked for, `METHOD URL`."""
    is_retired: bool = False
    _expected: list[Expected] = field(default_factory=list)

    def allow(self, url: str) -> None:
        """Let pages talk to the origin of an address."""
        self.origins.add(origin_of(url))

    def expects(self, kind: Kind, text: str = "") -> None:
        """Say that this will be seen, once or oftener; not seeing it fails the test."""
        self._expected.append(Expected(kind, text))

    def tolerates(self, kind: Kind, text: str) -> None:
        """Say that this may be seen, and need not be."""
        self._expected.append(Expected(kind, text, must_come=False))

    def note(self, kind: Kind, text: str) -> None:
        """Keep one sight."""
        if not self.is_retired:
            self.sights.append(Sight(kind, text))

    def retire(self) -> None:
        """Forget everything and look no more: the test has judged by itself."""
        self.is_retired = True
        self.sights.clear()
        self._expected.clear()

    def of(self, kind: Kind) -> list[str]:
        """List the texts of one kind."""
        return [sight.text for sight in self.sights if sight.kind is kind]

    def faults(self) -> list[str]:
        """List what was seen unasked, and what was expected and never came."""
        found = []
        for sight in self.sights:
            covering = [one for one in self._expected if one.covers(sight)]
            for one in covering:
                one.was_seen = True
            if not covering:
                found.append(str(sight))
        found += [
            f"expected and not seen: {one.kind}: {one.text}"
            for one in self._expected
            if one.must_come and not one.was_seen
        ]
        return found

    def check(self) -> None:
        """Fail with everything wrong, a line each."""
        faults = self.faults()
        assert not faults, "seen in the browser:\n" + "\n".join(faults)

    # --- eyes ------------------------------------------------------------------------------------

    async def watch(self, context: BrowserContext) -> None:
        """Look at everything in a context from now on."""
        await context.expose_binding(_BINDING, self._breach)
        await context.add_init_script(_LISTEN)
        context.on("dialog", self._dialog)
        context.on("weberror", self._error)
        context.on("console", self._console)
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("page", self._page)

    async def settle(self, context: BrowserContext) -> None:
        """Let every page say what it has to say before it is closed."""
        for page in context.pages:
            # Reports are queued to a later task than the event they tell of. A page that is just
            # going elsewhere, or gone, has nothing more to say.
            with suppress(TimeoutError, Error):
                await asyncio.wait_for(page.evaluate("() => 0"), _SETTLE_S)

    def _breach(self, _source: Any, text: str) -> None:
        self.note(Kind.POLICY, text)

    async def _dialog(self, dialog: Dialog) -> None:
        self.note(Kind.DIALOG, f"{dialog.type}: {dialog.message}")
        await dialog.dismiss()

    def _error(self, error: WebError) -> None:
        self.note(Kind.SCRIPT, str(error.error))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location
            self.note(Kind.CONSOLE, f"{message.text} ({place.get('url', '')})")
            # Where no script runs, this line is all there is of a breach.
            if "Content Security Policy" in message.text:
                self.note(Kind.POLICY, f"console: {message.text}")

    def _request(self, request: Request) -> None:
        self.requests.append(f"{request.method} {request.url}")
        self._look_at(request.url, request.resource_type)

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.note(Kind.FAILURE, f"{response.status} {response.url}")

    def _page(self, page: Page) -> None:
        page.on("websocket", self._socket)

    def _socket(self, socket: WebSocket) -> None:
        self.requests.append(f"WS {socket.url}")
        self._look_at(socket.url, "websocket")

    def _look_at(self, url: str, what: str) -> None:
        if urlsplit(url).scheme not in _QUIET_SCHEMES and origin_of(url) not in self.origins:
            self.note(Kind.FOREIGN, f"{what} {url}")
