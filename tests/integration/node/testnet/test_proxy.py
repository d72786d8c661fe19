"""Doors: where they lead, whom they turn away, and that nothing of them is left."""

from __future__ import annotations

import asyncio

import pytest

from node.entropy import SeededEntropy
from node.testnet import proxy
from node.testnet.fault import Cut, Fault
from node.testnet.passage import Link
from node.testnet.proxy import Proxy, by_head, straight
from tests.integration.node.testnet.conftest import Crossroads, Echo, eventually

HOST = "127.0.0.1"


async def read_all(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b"reset"


async def test_a_cut_with_reset_turns_newcomers_away(roads: Crossroads):
    roads.link.set(Fault(cut=Cut.RESET))
    reader, _ = await roads.dial()
    assert await read_all(reader) == b"reset"
    assert roads.echo.heard == []
    assert roads.link.resets == 1


async def test_a_cut_while_a_door_dials_on_is_met_too(roads: Crossroads, monkeypatch):
    dial = asyncio.open_connection

    async def cut_meanwhile(host: str, port: int) -> object:
        found = await dial(host, port)
        if roads.echo.address.endswith(f":{port}"):
            roads.link.set(Fault(cut=Cut.RESET))
        return found

    monkeypatch.setattr(asyncio, "open_connection", cut_meanwhile)
    reader, writer = await roads.dial()
    writer.write(b"hello")
    assert await read_all(reader) == b"reset"
    assert b"".join(roads.echo.heard) == b""


async def test_certain_loss_turns_newcomers_away(roads: Crossroads):
    roads.link.set(Fault(loss=1.0))
    reader, _ = await roads.dial()
    assert await read_all(reader) == b"reset"


async def test_a_silent_cut_lets_newcomers_wait(roads: Crossroads):
    roads.link.set(Fault(cut=Cut.SILENT))
    reader, writer = await roads.dial()
    writer.write(b"hello")
    await asyncio.sleep(0.1)
    assert roads.echo.heard == []
    roads.link.set(Fault())
    assert await asyncio.wait_for(reader.readexactly(5), 5) == b"HELLO"


async def test_who_gives_up_while_it_is_cut_is_let_go(roads: Crossroads, monkeypatch):
    monkeypatch.setattr(proxy, "_LOOK_S", 0.01)
    roads.link.set(Fault(cut=Cut.SILENT))
    _, writer = await roads.dial()
    await eventually(lambda: roads.proxy._guests)
    writer.close()
    await eventually(lambda: not roads.proxy._guests)
    roads.link.set(Fault())
    assert roads.echo.heard == []


async def test_nobody_behind_the_door_is_a_reset():
    silent = await asyncio.start_server(lambda _r, _w: None, HOST, 0)
    port = silent.sockets[0].getsockname()[1]
    silent.close()
    link = Link("ana", "bo", SeededEntropy("luck", net="test"))
    door = Proxy("ana", straight(link, f"{HOST}:{port}"))
    host, _, own = (await door.open()).rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(own))
    assert await read_all(reader) == b"reset"
    writer.close()
    await door.close()


async def test_closing_ends_what_passes_and_frees_the_port(roads: Crossroads):
    reader, writer = await roads.dial()
    writer.write(b"a")
    assert await reader.readexactly(1) == b"A"
    await roads.proxy.close()
    assert await read_all(reader) in {b"", b"reset"}
    with pytest.raises(ConnectionRefusedError):
        await roads.dial()
    await roads.proxy.close()


async def by_head_to(echo: Echo, head: bytes) -> tuple[bytes, list[str]]:
    asked: list[str] = []
    link = Link("ana", "bo", SeededEntropy("luck", net="test"))

    def link_to(where: str) -> Link:
        asked.append(where)
        return link

    door = Proxy("ana", by_head(link_to))
    host, _, port = (await door.open()).rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.replace(b"ECHO", echo.address.encode()))
    writer.write_eof()
    found = await read_all(reader)
    writer.close()
    await door.close()
    return found, asked


@pytest.mark.parametrize("scheme", [b"http", b"ws"])
async def test_the_head_says_where_it_goes(echo: Echo, scheme: bytes):
    head = b"GET " + scheme + b"://ECHO/peer HTTP/1.1\r\nHost: x\r\n\r\nand more"
    found, asked = await by_head_to(echo, head)
    assert found == b"GET /PEER HTTP/1.1\r\nHOST: X\r\n\r\nAND MORE"
    assert asked == [echo.address]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /peer HTTP/1.1\r\n\r\n",
        b"CONNECT ECHO HTTP/1.1\r\n\r\n",
        b"GET ftp://ECHO/peer HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01",
        b"GET http://" + b"a" * 300 + b":1/peer HTTP/1.1\r\n\r\n",
        b"GET http://ECHO/" + b"a" * 100_000,
        b"",
    ],
    ids=["no proxy", "connect", "scheme", "tls", "long host", "endless", "empty"],
)
async def test_who_knows_no_proxy_is_turned_away(echo: Echo, head: bytes):
    found, asked = await by_head_to(echo, head)
    assert found in {b"", b"reset"}
    assert asked == []
    assert echo.heard == []


@pytest.mark.parametrize("where", ["127.0.0.1:99999", "a..b:80", f"{'a' * 70}:80"])
async def test_a_place_that_cannot_be_is_turned_away_quietly(where: str, caplog):
    link = Link("a", "b", SeededEntropy("x", net="test"))
    door = Proxy("a", by_head(lambda _where: link))
    host, _, port = (await door.open()).rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET http://{where}/peer HTTP/1.1\r\n\r\n".encode())
    assert await read_all(reader) == b"reset"
    writer.close()
    await door.close()
    assert not caplog.records
