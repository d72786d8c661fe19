"""What the API can be asked: one small handler per path over the handle.

Enters: requests that passed the guards. Leaves: the handle's documents, as JSON. Never: a rule of
the market, which is the handle's to know.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from node.api.bodies import (
    AcceptBody,
    DecideBody,
    EventsQuery,
    NoQuery,
    PeerBody,
    RevokeBody,
    converted,
    json_body,
    query,
)
from node.api.citizen import Citizen, Document
from node.api.custody import custody_routes
from node.api.doctor import doctor_routes
from node.api.guards import FEED_PATH
from node.api.imports import ImportQuery, take_feed
from node.api.neighbours import neighbour_routes
from node.api.problems import GateError
from node.api.recovery import recovery_routes
from node.crashpoint import crashpoint
from protocol.errors import LocalProtocolError

_EVENTS_MAX = 256
_EVENTS_READ_S = 2.0
_KEY_SHAPE = re.compile(r"[!-~]{1,128}")
_HANDLE_CHARS_MAX = 120


def answer(document: Document) -> web.Response:
    """Answer with a document."""
    return web.Response(
        body=msgspec.json.encode(document), content_type="application/json", charset="utf-8"
    )


def _handle_of(request: web.Request) -> str:
    handle = request.match_info["handle"]
    if len(handle) > _HANDLE_CHARS_MAX or not handle.isprintable():
        raise GateError(
            404, "nothing goes by that name", code="E-NOT-FOUND", fix="Copy it from the list"
        )
    return handle


class Routes:
    """The handlers of one handle."""

    def __init__(self, citizen: Citizen) -> None:
        """Keep the handle."""
        self._citizen = citizen

    def table(self) -> list[web.RouteDef]:
        """List every path."""
        citizen = self._citizen
        return [
            web.get("/livez", self._livez),
            web.get("/v1/status", self._read(citizen.status)),
            web.get("/v1/casts", self._read(citizen.casts)),
            web.post("/v1/casts", self._create_cast),
            web.post("/v1/casts/preview", self._preview_cast),
            web.get("/v1/casts/{handle}", self._read_one(citizen.cast)),
            web.get("/v1/casts/{handle}/offers", self._read_one(citizen.offers)),
            web.post("/v1/offers/{handle}/accept", self._accept),
            web.get("/v1/deals", self._read(citizen.deals)),
            web.get("/v1/deals/{handle}", self._read_one(citizen.deal)),
            web.post("/v1/deals/{handle}/decide", self._decide),
            web.get("/v1/deals/{handle}/agreement", self._agreement),
            web.post("/v1/revoke", self._revoke),
            web.get("/v1/peers", self._read(citizen.peers)),
            web.post("/v1/peers", self._add_peer),
            web.get("/v1/outbox", self._read(citizen.outbox)),
            web.get("/v1/vendor", self._read(citizen.vendor_status)),
            web.post(FEED_PATH, self._import),
            web.get("/v1/events", self._events),
            *custody_routes(citizen, answer),
            *recovery_routes(citizen, answer),
            *doctor_routes(citizen, answer),
            *neighbour_routes(citizen, answer),
        ]

    async def _livez(self, _request: web.Request) -> web.Response:
        return answer({"schema": "intentcast.live/1", "live": True})

    @staticmethod
    def _read(ask: Callable[[], Awaitable[Document]]) -> Callable[..., Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            query(request, NoQuery)
            return answer(await ask())

        return handler

    @staticmethod
    def _read_one(
        ask: Callable[[str], Awaitable[Document]],
    ) -> Callable[..., Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            query(request, NoQuery)
            return answer(await ask(_handle_of(request)))

        return handler

    async def _once(
        self, request: web.Request, raw: bytes, make: Callable[[], Awaitable[Document]]
    ) -> web.Response:
        """Do a thing; once only where the caller sent a key for it."""
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return answer(await make())
        if not _KEY_SHAPE.fullmatch(key):
            raise LocalProtocolError(
                "the Idempotency-Key is not 1-128 visible ASCII characters",
                code="E-FIELD",
                fix="Send a random text of letters and digits",
                field="Idempotency-Key",
            )
        asked = b"\0".join((request.method.encode(), request.path.encode(), raw))
        body_hash = hashlib.blake2b(asked, digest_size=32).digest()
        done = await self._citizen.idempotent(key, body_hash, make)
        crashpoint("api.before_answer")
        return answer(done)

    async def _create_cast(self, request: web.Request) -> web.Response:
        raw, draft = await json_body(request)
        return await self._once(request, raw, lambda: self._citizen.create_cast(_object(draft)))

    async def _preview_cast(self, request: web.Request) -> web.Response:
        _, draft = await json_body(request)
        return answer(await self._citizen.preview_cast(_object(draft)))

    async def _accept(self, request: web.Request) -> web.Response:
        handle = _handle_of(request)
        raw, value = await json_body(request)
        body = converted(value, AcceptBody)
        return await self._once(
            request,
            raw,
            lambda: self._citizen.accept(
                handle,
                options=body.options,
                slot=body.slot,
                disclose=body.disclose,
                anyway=body.anyway,
            ),
        )

    async def _decide(self, request: web.Request) -> web.Response:
        handle = _handle_of(request)
        raw, value = await json_body(request)
        body = converted(value, DecideBody)
        return await self._once(
            request,
            raw,
            lambda: self._citizen.decide_deal(handle, confirm=body.confirm, reason=body.reason),
        )

    async def _agreement(self, request: web.Request) -> web.Response:
        query(request, NoQuery)
        name, data = await self._citizen.agreement(_handle_of(request))
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:80]
        return web.Response(
            body=data,
            content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{safe}"'},
        )

    async def _revoke(self, request: web.Request) -> web.Response:
        raw, value = await json_body(request)
        body = converted(value, RevokeBody)
        return await self._once(request, raw, lambda: self._citizen.revoke(body.handle))

    async def _add_peer(self, request: web.Request) -> web.Response:
        raw, value = await json_body(request)
        body = converted(value, PeerBody)
        return await self._once(request, raw, lambda: self._citizen.add_peer(body.address))

    async def _import(self, request: web.Request) -> web.Response:
        options = query(request, ImportQuery).options()
        async with take_feed(request) as path:
            return answer(await self._citizen.vendor_import(path, options))

    async def _events(self, request: web.Request) -> web.Response:
        asked = query(request, EventsQuery)
        cursor = await self._citizen.wait_changed(asked.after, asked.wait)
        found: list[Document] = []
        if cursor > asked.after:
            # The list is read to the cursor; the bound in time holds should an event be missing.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVENTS_READ_S):
                    await self._collect(asked.after, cursor, found)
        if found:
            # A page may end before the newest event; the next question goes on from there.
            cursor = found[-1]["n"]
        return answer({"schema": "intentcast.events/1", "events": found, "cursor": cursor})

    async def _collect(self, after: int, cursor: int, found: list[Document]) -> None:
        async for event in self._citizen.events(after):
            found.append(event)
            if event["n"] >= cursor or len(found) >= _EVENTS_MAX:
                return


def _object(value: Any) -> Document:
    if not isinstance(value, dict):
        raise LocalProtocolError(
            "the body is not a JSON object", code="E-FIELD", fix='Start it with { "title": ...'
        )
    return value
