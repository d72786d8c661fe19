"""The frame every page stands in: who looks, in which language, how the node is.

Enters: a request that passed the gate, the name of a template, what is to be shown. Leaves: a
response. Never: a decision of the market.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, TypeAlias, TypeVar

from aiohttp import web

from node.api.citizen import Citizen, Document
from node.api.visitors import visitor_of
from node.clock import Clock
from node.entropy import Entropy
from node.errors import NotFoundError
from node.web.templates import render
from node.web.texts import chosen, speak
from protocol.errors import IntentcastError

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")
SEE_OTHER: Final = 303
_SEEN: Final = web.RequestKey("newest event when the page was asked for", int)
_KEY_BYTES: Final = 16
_COMPRESS_CHARS_MIN: Final = 32_768
"""Shorter pages are sooner sent than packed: nobody is further away than this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What every page needs."""

    citizen: Citizen
    entropy: Entropy
    clock: Clock

    def today(self) -> date:
        """Give the day it is, UTC."""
        return datetime.fromtimestamp(self.clock.now().wall_ms // 1000, tz=UTC).date()

    def noted(self, handler: Handler) -> Handler:
        """Note how far the news had come before a page is put together.

        What happens while it is being put together is then told to it again: once too often rather
        than never.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            request[_SEEN] = self.citizen.chronicle.newest
            return await handler(request)

        return answer

    def fresh_key(self) -> str:
        """Make the key under which a form is carried out once, however often it is sent."""
        return self.entropy.bytes(_KEY_BYTES).hex()

    async def page(
        self,
        request: web.Request,
        template: str,
        *,
        title: str,
        here: str = "",
        status: int = 200,
        **values: Any,
    ) -> web.Response:
        """Answer with a page inside the frame.

        Args:
            request: asked for it.
            template: file of its middle.
            title: of the page; may hold what strangers wrote.
            here: which entry of the navigation it belongs to.
            status: of the answer.
            values: what the template shows.
        """
        node = await self.citizen.status()
        return html(
            request,
            template,
            {
                "title": title,
                "here": here,
                "node": node,
                "cursor": request[_SEEN],
                # To load it anew would lose what stands on it: a form half filled in, a secret.
                "keeps": request.method == "POST" or here == "ask",
                "visitor": visitor_of(request),
                "error": None,
            }
            | values,
            status=status,
        )

    async def done_once(
        self, key: str, said: str, make: Callable[[], Awaitable[Document]]
    ) -> Document:
        """Carry a form out once for its key.

        Args:
            key: made by `fresh_key` when the form was shown; empty: not remembered.
            said: what the form says, so that a key used for another one is refused. Only its
                hash is kept: it holds names, addresses and budgets.
            make: does it.
        """
        if not key:
            return await make()
        said_hash = hashlib.blake2b(said.encode(), digest_size=32).digest()
        return await self.citizen.idempotent(f"form-{key[:80]}", said_hash, make)


def html(
    request: web.Request, template: str, values: dict[str, Any], *, status: int = 200
) -> web.Response:
    """Answer with a whole page, framed or not."""
    language = language_of(request)
    text = render(template, language, {"path": request.path} | values)
    page = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
    if len(text) > _COMPRESS_CHARS_MIN:
        page.enable_compression()
    return page


def language_of(request: web.Request) -> str:
    """Choose the language of an answer, and speak it from here on."""
    language = chosen(request.headers.get("Accept-Language", ""))
    speak(language)
    return language


def in_its_language(handler: Handler) -> Handler:
    """Let a page's handler find its own words in the reader's language."""

    async def answer(request: web.Request) -> web.StreamResponse:
        language_of(request)
        return await handler(request)

    return answer


def go(path: str) -> web.Response:
    """Send the browser on after a POST."""
    return web.Response(status=SEE_OTHER, headers={"Location": path})


def present(found: T | None) -> T:
    """Give a room of the node.

    Raises:
        NotFoundError: this node has none, as under test or with parts left out.
    """
    if found is None:
        raise NotFoundError("this node has nothing of that kind", fix="Go back to your requests")
    return found


def error_values(error: IntentcastError) -> dict[str, str]:
    """Give what a page says of a refusal."""
    return {
        "code": error.code,
        "sentence": error.sentence,
        "fix": error.fix or "",
        "field": error.field or "",
        # Where it is filled in on this page, if it is.
        "place": "",
    }
