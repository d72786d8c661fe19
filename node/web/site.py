"""The page as the server takes it in: its paths, its headers, its refusals.

Enters: the handle. Leaves: a `Face`. Never: script or style from elsewhere; a frame around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from node.api.citizen import Citizen
from node.api.faces import PageRoute
from node.api.problems import GateError
from node.api.visitors import visitor_of
from node.clock import Clock
from node.entropy import Entropy
from node.web.assets import PREFIX, Asset, assets
from node.web.pages.accepting import accepting_pages
from node.web.pages.asking import asking_pages
from node.web.pages.casts import cast_pages
from node.web.pages.compare import compare_pages
from node.web.pages.deals import deal_pages
from node.web.pages.entrance import entrance_pages
from node.web.pages.manual import manual_pages
from node.web.pages.network import network_pages
from node.web.pages.people import people_pages
from node.web.pages.settings import settings_pages
from node.web.pages.shop import shop_pages
from node.web.pages.welcome import welcome_pages
from node.web.shell import Shell, error_values, go, html, in_its_language
from node.web.templates import prepare
from protocol.errors import IntentcastError

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Under `no-referrer` a browser sends `Origin: null` with a form, which the gate refuses.
    "Referrer-Policy": "same-origin",
    "Server": "intentcast",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_FOR_EVER: Final = "private, max-age=31536000, immutable"


class Site:
    """All pages of one node."""

    def __init__(self, citizen: Citizen, entropy: Entropy, clock: Clock) -> None:
        """Keep the handle."""
        self._shell = Shell(citizen=citizen, entropy=entropy, clock=clock)

    @property
    def headers(self) -> Mapping[str, str]:
        """Give what stands on every answer."""
        return HEADERS

    def prepare(self) -> None:
        """Read templates, words and assets."""
        prepare()

    def routes(self) -> Sequence[PageRoute]:
        """List every path."""
        shell = self._shell
        found = [
            *entrance_pages(),
            *cast_pages(shell),
            *asking_pages(shell),
            *compare_pages(shell),
            *accepting_pages(shell),
            *deal_pages(shell),
            *shop_pages(shell),
            *people_pages(shell),
            *network_pages(shell),
            *settings_pages(shell),
            *manual_pages(shell),
            *welcome_pages(shell),
        ]
        found += _ways_back(found)
        pages = (
            replace(each, handler=in_its_language(shell.noted(each.handler))) for each in found
        )
        return [*pages, ASSETS]

    def refusal(self, request: web.Request, error: IntentcastError, status: int) -> web.Response:
        """Say no to a person: the sentence, the code, the next step."""
        values: dict[str, Any] = {
            "title": error.sentence,
            "here": "",
            "visitor": visitor_of(request),
            "error": error_values(error),
            "status": status,
        }
        return html(request, "refusal.html", values, status=status)


def _ways_back(pages: Sequence[PageRoute]) -> list[PageRoute]:
    """Lead who loads a page anew that a form was answered with to where the form stands."""
    looks = {page.path: page for page in pages if page.method == "GET"}

    async def back(request: web.Request) -> web.Response:
        return go(request.path.rpartition("/")[0])

    return [
        PageRoute(method="GET", path=page.path, scope=looks[parent].scope, handler=back)
        for page in pages
        if page.method == "POST" and page.path not in looks
        if (parent := page.path.rpartition("/")[0]) in looks
    ]


async def _asset(request: web.Request) -> web.Response:
    found = assets().get(request.match_info["name"])
    if found is None or found.version != request.match_info["version"]:
        raise GateError(404, "there is no such file", code="E-NOT-FOUND", fix="Load the page anew")
    return _served(request, found)


ASSETS: Final = PageRoute(
    method="GET", path=PREFIX + "{version}/{name:.+}", scope=None, handler=_asset
)
"""Style, scripts and pictures, for whoever asks."""


def _served(request: web.Request, asset: Asset) -> web.Response:
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    body = asset.raw
    if "gzip" in request.headers.get("Accept-Encoding", "").lower():
        headers["Content-Encoding"] = "gzip"
        body = asset.packed
    return web.Response(body=body, headers=headers, content_type=asset.media, charset="utf-8")
