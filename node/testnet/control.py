"""The handle by which another terminal reaches a running testnet: what is wrong between its nodes.

Enters: requests on 127.0.0.1 with the token that lies in the testnet's folder, which only its owner
can read. Leaves: the list of links, changed as asked. It ends with the testnet, and its file with
the folder. Never here: anything about the nodes themselves, which have APIs of their own.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from node.api.guards import check_host
from node.api.problems import GateError, problem
from node.entropy import Entropy, SystemEntropy
from node.home import private_write
from node.runtime.tasks import Tasks
from node.testnet.crossing import Crossing, LinkView
from node.testnet.fault import CONTROL_FILE, FAULTS_PATH, Change
from protocol.errors import IntentcastError, LocalProtocolError

SCHEMA: Final = "intentcast.faults/1"
_HOST: Final = "127.0.0.1"
_BODY_BYTES_MAX: Final = 16 * 1024
_TOKEN_BYTES: Final = 32


@asynccontextmanager
async def within_reach(crossing: Crossing, net: str, folder: Path) -> AsyncIterator[None]:
    """Keep the lines of a testnet under way, and within reach of other terminals, for a block."""
    tasks = Tasks()
    control = Control(net, crossing, SystemEntropy())
    try:
        _ = tasks.spawn(crossing.weather(), "links lose connections")
        await control.start(folder)
        yield
    finally:
        await control.stop()
        await tasks.close()
        await crossing.close()


class Control:
    """The endpoint of one testnet."""

    def __init__(self, net: str, crossing: Crossing, entropy: Entropy) -> None:
        """Prepare; nothing listens before `start`.

        Args:
            net: name of the network.
            crossing: the lines it is about.
            entropy: draws the token; never a seeded one, which anybody could compute.
        """
        self._net = net
        self._crossing = crossing
        self._token = base64.urlsafe_b64encode(entropy.bytes(_TOKEN_BYTES)).decode().rstrip("=")
        self._runner: web.AppRunner | None = None

    async def start(self, folder: Path) -> None:
        """Listen, and leave word in the testnet's folder."""
        app = web.Application(middlewares=[self._guard], client_max_size=_BODY_BYTES_MAX)
        app.add_routes([web.get(FAULTS_PATH, self._list), web.post(FAULTS_PATH, self._change)])
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, _HOST, 0).start()
        port = runner.addresses[0][1]
        word = {"url": f"http://{_HOST}:{port}", "token": self._token, "pid": os.getpid()}
        data = json.dumps(word | {"net": self._net}).encode()
        await asyncio.to_thread(private_write, folder / CONTROL_FILE, data)

    async def stop(self) -> None:
        """Stop listening; may be called twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            check_host(request.headers)
            _, _, given = request.headers.get("Authorization", "").partition(" ")
            if not hmac.compare_digest(
                given.encode(errors="surrogateescape"), self._token.encode()
            ):
                raise GateError(
                    401, "this is not the testnet's token", code="E-TOKEN", fix="Name it with --at"
                )
            answer: web.StreamResponse = await handler(request)
        except IntentcastError as error:
            return problem(error)
        return answer

    async def _list(self, _request: web.Request) -> web.Response:
        return self._answer(self._crossing.views())

    async def _change(self, request: web.Request) -> web.Response:
        try:
            change = msgspec.json.decode(await request.read(), type=Change)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LocalProtocolError(
                f"this change is not understood: {error}", code="E-FAULT", fix="Use the command"
            ) from error
        return self._answer(self._crossing.change(change))

    def _answer(self, links: list[LinkView]) -> web.Response:
        found = {
            "schema": SCHEMA,
            "net": self._net,
            "nodes": self._crossing.names,
            "links": [link.document() for link in links],
        }
        return web.Response(body=msgspec.json.encode(found), content_type="application/json")
