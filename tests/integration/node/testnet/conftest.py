"""A node that answers in capitals, doors that lead to it, and a testnet within reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from node.entropy import SeededEntropy
from node.testnet.control import within_reach
from node.testnet.crossing import Crossing
from node.testnet.fault import FOLDER_PREFIX
from node.testnet.passage import Link
from node.testnet.proxy import Proxy, straight

HOST = "127.0.0.1"


NET = "testnet-3"


class Echo:
    """Answers every byte with its capital; remembers what came, by connection."""

    def __init__(self) -> None:
        self.heard: list[bytearray] = []
        self.ended: list[str] = []
        self.address = ""

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._answer, HOST, 0)
        self.address = f"{HOST}:{self._server.sockets[0].getsockname()[1]}"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = bytearray()
        self.heard.append(heard)
        try:
            while chunk := await reader.read(4_096):
                heard += chunk
                writer.write(chunk.upper())
                await writer.drain()
            self.ended.append("end")
        except ConnectionError:
            self.ended.append("reset")
        finally:
            writer.close()

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()


Dialled = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Crossroads:
    """A link from `ana` to the echo `bo`, through a proxy."""

    def __init__(self, echo: Echo) -> None:
        self.echo = echo
        self.link = Link("ana", "bo", SeededEntropy("luck", net="test"))
        self.proxy = Proxy("ana", straight(self.link, echo.address))
        self.address = ""
        self._writers: list[asyncio.StreamWriter] = []

    async def dial(self) -> Dialled:
        host, _, port = self.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        self._writers.append(writer)
        return reader, writer

    async def close(self) -> None:
        await self.proxy.close()
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    found = Echo()
    await found.open()
    yield found
    await found.close()


@pytest.fixture
async def roads(echo: Echo) -> AsyncIterator[Crossroads]:
    found = Crossroads(echo)
    found.address = await found.proxy.open()
    yield found
    await found.close()


async def eventually(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while True:
            found = holds()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.005)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = tmp_path / f"{FOLDER_PREFIX}abc"
    found.mkdir(mode=0o700)
    return found


@pytest.fixture
async def crossing(folder: Path) -> AsyncIterator[Crossing]:
    found = Crossing(["relay-1", "shop"], lambda link: SeededEntropy(link, net="test"))
    async with within_reach(found, NET, folder):
        yield found
