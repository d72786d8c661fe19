"""The API's description of itself, asked for like everything else.

Enters: the operations there are. Leaves: those, and one more that describes them all. The document
is made when it is first asked for, and once.
"""

from __future__ import annotations

import asyncio
from functools import cache

import msgspec
from aiohttp import web

from node.api.bodies import NoQuery, query
from node.api.citizen import Citizen
from node.api.documents.openapi import OpenApiDocument
from node.api.openapi import describe
from node.api.operations import JSON, Operation, Scope


def with_description(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """Give the operations and the one that describes them, itself included."""

    @cache
    def made() -> bytes:
        return msgspec.json.encode(describe(whole))

    async def respond(_citizen: Citizen, request: web.Request) -> web.Response:
        query(request, NoQuery)
        body = await asyncio.to_thread(made)
        return web.Response(body=body, content_type=JSON, charset="utf-8")

    own = Operation(
        name="describe_api",
        method="GET",
        path="/openapi.json",
        summary="Describe this API: OpenAPI 3.1, for programs that make clients of it.",
        scope=Scope.READ,
        answer=OpenApiDocument,
        respond=respond,
    )
    whole = (own, *operations)
    return whole
