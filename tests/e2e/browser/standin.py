"""A page whose node is a stand-in: it knows what a test tells it, and answers over a real socket.

Enters: a neighbour of the page's unit tests. Leaves: an address; whoever shows its token is let
in. For what a page does with what it is told; where that comes from is tried with real nodes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from node.api.server import ApiServer
from node.config import Settings
from node.entropy import SeededEntropy
from node.web.site import Site
from tests.e2e.browser.tab import Address
from tests.unit.node.api.fake_doorkeeper import FakeDoorkeeper
from tests.unit.node.web.conftest import Neighbour
from tests.unit.node.web.papers import CLOCK

TOKEN = "token-of-this-test"


@asynccontextmanager
async def standing_in(citizen: Neighbour) -> AsyncIterator[Address]:
    """Serve a stand-in's page for the length of a block; its door is `citizen.access`."""
    door = citizen.access = FakeDoorkeeper(TOKEN)
    server = ApiServer(
        citizen,
        Settings(api_port=0),
        door,
        [Site(citizen, SeededEntropy("stand-in", net="test"), CLOCK)],
    )
    port = await server.start()
    try:
        yield Address(f"http://127.0.0.1:{port}", TOKEN)
    finally:
        await server.stop()
