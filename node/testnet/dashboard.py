"""Where a testnet's page is served: one port of this machine, behind the same door as every node.

Enters: a scene, a folder. Leaves: a running server, its address and its way in. The guards, the
codes, the cookies are those of a node's own API; the sessions stand in a database of its own in the
testnet's folder, and go with it.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from node.api.access import ACCESS
from node.api.reception import CONNECTIONS_MAX
from node.api.server import ApiServer
from node.clock import Clock
from node.config import Settings
from node.entropy import Entropy
from node.errors import ConfigError
from node.home import api_token, prepare_home, private_write
from node.runtime.access import Access
from node.runtime.tasks import Tasks
from node.storage.database import Storage
from node.testnet.board import Board
from node.testnet.fault import DASHBOARD_FILE
from node.testnet.scene import Scene

if TYPE_CHECKING:
    from node.api.citizen import Citizen

PORT: Final = 8_500
"""Where it listens, unless told otherwise ..."""
_NEXT_PORTS: Final = 9
"""... and so many ports further, before the system chooses."""
FILES: Final = CONNECTIONS_MAX + 10
"""Descriptors it may need."""
_HOME: Final = "dashboard"
_HOST: Final = "127.0.0.1"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One that is served."""

    url: str
    """Where."""
    access: Access
    """Lets people in."""
    passed_over: str = ""
    """Why it is not at the first port; empty when it is."""

    def login(self) -> Document:
        """Make a way in: `link` and `code`, good once, for five minutes."""
        return self.access.login_document(self.url)


@dataclass(frozen=True, slots=True)
class _Porch:
    """What the operations on access ask of a node: who keeps its door."""

    access: Access


@asynccontextmanager
async def served(
    scene: Scene, folder: Path, *, clock: Clock, entropy: Entropy, port: int | None
) -> AsyncIterator[Dashboard]:
    """Serve a testnet's page for the length of a block, within reach of `testnet open`.

    Args:
        scene: what it shows.
        folder: of the testnet.
        clock: for codes and sessions.
        entropy: draws them; never a seeded one, which anybody could compute.
        port: where, and nowhere else; None takes the first free one.

    Raises:
        ConfigError: E-PORT.
    """
    async with AsyncExitStack() as stack:
        home = await asyncio.to_thread(prepare_home, folder / _HOME)
        storage = await Storage.open(home / "home.db", clock=clock)
        stack.push_async_callback(storage.close)
        tasks = Tasks()
        stack.push_async_callback(tasks.close)
        token = await asyncio.to_thread(api_token, home, entropy)
        access = Access(
            owner_token=token,
            storage=storage,
            clock=clock,
            entropy=entropy,
            tasks=tasks,
            changed=lambda: None,
        )
        await access.load()
        server, number, passed_over = await _listening(scene, access, port)
        stack.push_async_callback(server.stop)
        url = f"http://{_HOST}:{number}"
        word = {"url": url, "token": token, "pid": os.getpid(), "net": scene.net}
        data = json.dumps(word).encode()
        await asyncio.to_thread(private_write, folder / DASHBOARD_FILE, data)
        yield Dashboard(url=url, access=access, passed_over=passed_over)


async def _listening(scene: Scene, access: Access, port: int | None) -> tuple[ApiServer, int, str]:
    """Bind the port that is wanted, or the first of several that is free."""
    wanted = [port] if port is not None else [*range(PORT, PORT + _NEXT_PORTS + 1), 0]
    passed_over = ""
    for number in wanted:
        server = ApiServer(
            # The operations on access ask a node for nothing else.
            cast("Citizen", _Porch(access)),
            Settings(api_host=_HOST, api_port=number),
            access,
            faces=[Board(scene)],
            operations=ACCESS,
        )
        try:
            return server, await server.start(), passed_over
        except ConfigError as error:
            passed_over = passed_over or error.sentence
    raise ConfigError(
        passed_over,
        code="E-PORT",
        fix="Leave --port out: then the first free one is taken",
        field="--port",
    )
