"""What a small network asks of its nodes: a few questions, the same in process and over HTTP.

Enters: drafts and handles. Leaves: the documents of the local API, or the node's own words as an
error. A node in this process answers by its handle; one in another process by its local API, with
the token of its home.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar

from node.errors import TransportError

Document = dict[str, Any]
_ANSWER_S: Final = 30.0
"""Longest wait for an answer: signing a cast works for seconds."""
_WAIT_S_MAX: Final = 50.0
"""Longest wait for news in one request; the API allows 60 s."""
_PROBLEM: Final = "application/problem+json"


class Door(Protocol):
    """One node, asked by its owner; `node.runtime.handle.Handle` is one."""

    async def status(self) -> Document:
        """Tell how the node is."""
        ...

    async def peers(self) -> Document:
        """List links, and how many mailboxes are known."""
        ...

    async def preview_cast(self, draft: Document) -> Document:
        """Tell who would see what."""
        ...

    async def create_cast(self, draft: Document) -> Document:
        """Sign and send a request."""
        ...

    async def casts(self) -> Document:
        """List own requests."""
        ...

    async def offers(self, cast_handle: str) -> Document:
        """List a request's offers, ranked."""
        ...

    async def accept(
        self,
        offer_handle: str,
        *,
        options: Sequence[int],
        slot: int | None,
        disclose: Mapping[str, str] | None,
        anyway: bool,
    ) -> Document:
        """Accept an offer."""
        ...

    async def deals(self) -> Document:
        """List deals."""
        ...

    async def deal(self, handle: str) -> Document:
        """Show one deal."""
        ...

    async def agreement(self, handle: str) -> tuple[str, bytes]:
        """Give a name and the bytes of an agreement."""
        ...

    async def vendor_import(self, data: Path, options: Document) -> Document:
        """Read a feed into the catalogue."""
        ...

    def events(self, after: int) -> AsyncIterator[Document]:
        """Give what happened after a cursor, up to a page."""
        ...

    async def wait_changed(self, after: int, timeout_s: float) -> int:
        """Wait until something happens; give the new cursor."""
        ...


class HttpDoor:
    """The door of a node in another process."""

    def __init__(self, url: str, token: str) -> None:
        """Prepare; the first question opens a connection.

        Args:
            url: of the local API, as in `api.json`.
            token: of its home.
        """
        self._session = ClientSession(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            cookie_jar=DummyCookieJar(),
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._session.close()

    async def status(self) -> Document:
        """Tell how the node is."""
        return await self._get("/v1/status")

    async def peers(self) -> Document:
        """List links, and how many mailboxes are known."""
        return await self._get("/v1/peers")

    async def preview_cast(self, draft: Document) -> Document:
        """Tell who would see what."""
        return await self._post("/v1/casts/preview", draft)

    async def create_cast(self, draft: Document) -> Document:
        """Sign and send a request."""
        return await self._post("/v1/casts", draft)

    async def casts(self) -> Document:
        """List own requests."""
        return await self._get("/v1/casts")

    async def offers(self, cast_handle: str) -> Document:
        """List a request's offers, ranked."""
        return await self._get(f"/v1/casts/{quote(cast_handle, safe='')}/offers")

    async def accept(
        self,
        offer_handle: str,
        *,
        options: Sequence[int],
        slot: int | None,
        disclose: Mapping[str, str] | None,
        anyway: bool,
    ) -> Document:
        """Accept an offer."""
        body = {
            "options": list(options),
            "slot": slot,
            "disclose": None if disclose is None else dict(disclose),
            "anyway": anyway,
        }
        return await self._post(f"/v1/offers/{quote(offer_handle, safe='')}/accept", body)

    async def deals(self) -> Document:
        """List deals."""
        return await self._get("/v1/deals")

    async def deal(self, handle: str) -> Document:
        """Show one deal."""
        return await self._get(f"/v1/deals/{quote(handle, safe='')}")

    async def agreement(self, handle: str) -> tuple[str, bytes]:
        """Give a name and the bytes of an agreement."""
        path = f"/v1/deals/{quote(handle, safe='')}/agreement"
        return f"{handle}.agreement", await self._ask("GET", path)

    async def vendor_import(self, data: Path, options: Document) -> Document:
        """Read a feed into the catalogue."""
        query = {name: _text(value) for name, value in options.items() if value is not None}
        headers = {"Content-Type": "application/octet-stream"}
        feed = await asyncio.to_thread(data.read_bytes)
        raw = await self._ask("POST", "/v1/vendor/import", params=query, data=feed, headers=headers)
        return _document(raw)

    async def events(self, after: int) -> AsyncIterator[Document]:
        """Give what happened after a cursor, up to a page."""
        query = {"after": str(after), "wait": "0"}
        for event in _document(await self._ask("GET", "/v1/events", params=query))["events"]:
            yield event

    async def begin_login(self) -> Document:
        """Make a way in for one browser."""
        return await self._post("/v1/login", {})

    async def wait_changed(self, after: int, timeout_s: float) -> int:
        """Wait until something happens; give the new cursor."""
        wait = max(0.0, min(timeout_s, _WAIT_S_MAX))
        query = {"after": str(after), "wait": f"{wait:.3f}"}
        found = _document(await self._ask("GET", "/v1/events", wait_s=wait, params=query))
        return int(found["cursor"])

    async def _get(self, path: str) -> Document:
        return _document(await self._ask("GET", path))

    async def _post(self, path: str, body: Document) -> Document:
        return _document(await self._ask("POST", path, json=body))

    async def _ask(self, method: str, path: str, wait_s: float = 0, **parts: Any) -> bytes:
        timeout = ClientTimeout(total=_ANSWER_S + wait_s)
        try:
            async with self._session.request(method, path, timeout=timeout, **parts) as answer:
                return await _bytes_of(answer)
        except (ClientError, OSError, TimeoutError) as error:
            raise TransportError(
                f"a node of the testnet does not answer: {str(error) or type(error).__name__}",
                code="E-NODE-DOWN",
                fix="Run it again; with --keep DIR the node's log stays in its folder",
            ) from error


async def _bytes_of(answer: ClientResponse) -> bytes:
    raw = await answer.read()
    if answer.content_type == _PROBLEM:
        problem = _document(raw)
        raise TransportError(
            str(problem.get("title", "a node of the testnet refused")),
            code=str(problem.get("code", "E-FAILED")),
            fix=str(problem.get("fix", "")),
        )
    return raw


def _document(raw: bytes) -> Document:
    try:
        found = json.loads(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TransportError("a node of the testnet answered with something else than JSON")
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
