"""Asks the API without a socket: a request object goes in, a response object comes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from node.api.faces import Face
from node.api.server import ApiServer
from node.config import Settings
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_doorkeeper import FakeDoorkeeper

TOKEN = "token-of-this-test"


class Asker:
    """The application, and how to ask it."""

    def __init__(
        self, citizen: FakeCitizen, settings: Settings | None = None, faces: Sequence[Face] = ()
    ) -> None:
        self.door = citizen.access = FakeDoorkeeper(TOKEN)
        self.app = ApiServer(citizen, settings or Settings(), self.door, faces).app()
        self.app.freeze()
        self.last: web.Request | None = None
        """The request that was asked last."""

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: list[tuple[str, str]] | dict[str, str] | None = None,
        *,
        token: str | None = TOKEN,
        host: str = "127.0.0.1:8420",
    ) -> web.Response:
        found: CIMultiDict[str] = CIMultiDict(headers or {})
        if host:
            found.add("Host", host)
        if token is not None:
            found.add("Authorization", f"Bearer {token}")
        if body is not None and "Content-Type" not in found:
            found["Content-Type"] = "application/json"
        reader = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**22)
        reader.feed_data(body or b"")
        reader.feed_eof()
        request = make_mocked_request(method, path, headers=found, payload=reader, app=self.app)
        self.last = request
        response = await self.app._handle(request)
        assert isinstance(response, web.Response)
        return response


def told(response: web.Response) -> Any:
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


@pytest.fixture
def citizen() -> FakeCitizen:
    return FakeCitizen()


@pytest.fixture
def asker(citizen: FakeCitizen) -> Asker:
    return Asker(citizen)
