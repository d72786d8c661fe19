"""The door: one path, one kind of guest, and limits that hold."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import suppress

import pytest
from aiohttp import ClientError, ClientSession, WSServerHandshakeError

from node.errors import TransportError
from node.network import acceptor, server
from node.network.endpoint import Bounds
from node.network.server import Caps
from protocol.errors import Reason

HOST = "127.0.0.1"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


async def until(holds: Callable[[], object]) -> None:
    """Wait for what no event tells."""
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        return await reader.read()


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", UPGRADE),
        ("GET", "/peer", {}),
        ("GET", "/peer/", UPGRADE),
        ("POST", "/peer", {}),
        ("GET", "/peer", UPGRADE | {"Sec-WebSocket-Version": "99"}),
        ("GET", "/peer", UPGRADE | {"Origin": "https://page.example"}),
    ],
    ids=["root", "no upgrade", "slash", "post", "old", "browser"],
)
async def test_anything_else_is_not_found(town, method: str, path: str, headers: dict):
    bo = await town("bo").listen()
    async with (
        ClientSession() as session,
        session.request(method, f"http://{bo.address}{path}", headers=headers) as response,
    ):
        assert response.status == 404
        assert await response.read() == b""
        assert response.headers["Server"] == "intentcast"
        assert response.headers["Connection"] == "close"


async def test_compression_is_not_agreed_to(town):
    bo = await town("bo").listen()
    async with (
        ClientSession() as session,
        session.ws_connect(f"http://{bo.address}/peer", compress=15) as ws,
    ):
        assert not ws.compress
        assert "Sec-WebSocket-Extensions" not in ws._response.headers
        assert ws._response.headers["Server"] == "intentcast"


@pytest.mark.parametrize("first", [b"", b"GET /peer HTTP/1.1\r\nHost: x\r\n"])
async def test_guest_that_never_asks_is_cut(town, first: bytes):
    bo = await town("bo", bounds=Bounds(handshake_ms=100)).listen()
    reader, writer = await asyncio.open_connection(HOST, bo.port)
    writer.write(first)
    assert await read_to_end(reader) == b""
    writer.close()


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01 a TLS greeting\r\n\r\n",
        b"GET /peer HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"a" * 20_000,
    ],
    ids=["tls", "header", "long"],
)
async def test_junk_fills_no_log(town, caplog, junk: bytes):
    bo = await town("bo").listen()
    reader, writer = await asyncio.open_connection(HOST, bo.port)
    writer.write(junk)
    assert b"400 Bad Request" in await read_to_end(reader)
    writer.close()
    assert [record for record in caplog.records if record.name.startswith("node")] == []


async def test_our_own_bugs_are_logged(town, caplog, monkeypatch):
    bo = await town("bo").listen()

    async def stumble(_request):
        raise ZeroDivisionError

    monkeypatch.setattr(bo.server._web, "request_handler", stumble)
    async with ClientSession() as session, session.get(f"http://{bo.address}/") as response:
        assert response.status == 500
    assert "ZeroDivisionError" in caplog.text


async def test_a_peer_that_leaves_in_the_middle_of_a_word_is_not_worth_a_line(
    town, caplog, monkeypatch
):
    bo = await town("bo").listen()

    async def broken_off(_request):
        raise ConnectionResetError

    monkeypatch.setattr(bo.server._web, "request_handler", broken_off)
    async with ClientSession() as session:
        with suppress(ClientError):
            await session.get(f"http://{bo.address}/")
    assert "Traceback" not in caplog.text


async def test_proved_peer_outlives_the_deadline(town):
    ana, bo = town("ana"), await town("bo", bounds=Bounds(handshake_ms=100)).listen()
    link = await ana.dialer.dial(bo.address)
    await asyncio.sleep(0.2)
    assert link.is_open
    assert bo.opened[0].is_open


@pytest.mark.parametrize("caps", [Caps(guests_max=2), Caps(per_host_max=2)], ids=str)
async def test_guests_are_capped(town, caps: Caps):
    bo = await town("bo", caps=caps).listen()
    guests = [await asyncio.open_connection(HOST, bo.port) for _ in range(2)]
    reader, writer = await asyncio.open_connection(HOST, bo.port)
    assert await read_to_end(reader) == b""
    assert bo.server.refused == 1
    writer.close()
    guests.pop()[1].close()
    # The place is free again as soon as the server has seen it.
    async with asyncio.timeout(5):
        while True:
            reader, writer = await asyncio.open_connection(HOST, bo.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            if b"404" in await read_to_end(reader):
                break
            writer.close()
    writer.close()
    guests.pop()[1].close()


async def test_links_are_capped_and_the_reserve_is_extra(town):
    bo = await town("bo", caps=Caps(links_max=1, reserve=1, knocking=0)).listen()
    ana, cy, dora = town("ana"), town("cy"), town("dora")
    await ana.dialer.dial(bo.address)
    await bo.until(lambda: len(bo.opened) == 1)
    assert bo.server.is_full
    await cy.dialer.dial(bo.address)
    await bo.until(lambda: len(bo.opened) == 2)
    refused = await dora.dialer.dial(bo.address)
    await refused.wait_closed()
    assert refused.ending.reason is Reason.QUOTA
    assert "no room" in refused.ending.detail
    assert len(bo.opened) == 2
    assert bo.links.inbound_count == 2
    # A peer that is linked already may dial again: it takes the place of its own old link.
    again = await ana.dialer.dial(bo.address)
    await bo.until(lambda: len(bo.opened) == 3)
    assert again.is_open


async def test_stop_says_goodbye_and_frees_the_port(town):
    ana, bo = town("ana"), await town("bo").listen()
    link = await ana.dialer.dial(bo.address)
    await bo.until(lambda: bo.opened)
    _, idle = await asyncio.open_connection(HOST, bo.port)
    await bo.server.stop()
    await ana.until(lambda: ana.closed)
    assert ana.closed == [(link, Reason.SHUTDOWN)]
    assert link.ending.by_peer
    with pytest.raises(TransportError) as caught:
        await ana.dialer.dial(bo.address)
    assert caught.value.code == "E-PEER-LOST"
    await bo.listen()
    assert (await ana.dialer.dial(bo.address)).is_open
    idle.close()


async def test_a_server_stopped_before_it_started_can_still_start(town):
    ana, bo = town("ana"), town("bo")
    await bo.server.stop()
    await bo.listen()
    assert (await ana.dialer.dial(bo.address)).is_open


async def test_taken_port(town):
    bo, cy = await town("bo").listen(), town("cy")
    with pytest.raises(TransportError, match="another program already listens") as caught:
        await cy.server.start(HOST, bo.port)
    assert caught.value.code == "E-PORT"
    assert str(bo.port) in caught.value.sentence
    assert "Choose another port" in caught.value.fix


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("127.0.0.1", 70_000)])
async def test_address_that_is_not_ours(town, host: str, port: int):
    with pytest.raises(TransportError, match="cannot listen on") as caught:
        await town("bo").server.start(host, port)
    assert caught.value.code == "E-PORT"


async def test_port_that_needs_rights(town, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(TransportError, match="may not listen") as caught:
        await town("bo").server.start("", 80)
    assert "1024" in caught.value.fix


async def test_ipv6(town):
    bo, ana = town("bo"), town("ana")
    try:
        port = await bo.server.start("::1", 0)
    except TransportError:
        pytest.skip("this machine has no IPv6 loopback")
    link = await ana.dialer.dial(f"[::1]:{port}", bo.id)
    assert link.remote_host == "::1"


async def test_any_address_takes_both_families(town):
    bo, ana, cy = town("bo"), town("ana"), town("cy")
    try:
        port = await bo.server.start("::", 0)
    except TransportError:
        pytest.skip("this machine has no IPv6")
    link = await ana.dialer.dial(f"127.0.0.1:{port}", bo.id)
    await bo.until(lambda: bo.opened)
    assert (link.remote_host, bo.opened[0].remote_host) == (HOST, HOST)
    assert (await cy.dialer.dial(f"[::1]:{port}", bo.id)).is_open


async def test_out_of_descriptors_is_said_once(town, monkeypatch, caplog):
    bo, ana = town("bo"), town("ana")
    loop = asyncio.get_running_loop()
    accept = loop.sock_accept
    troubles = [OSError(errno.EMFILE, "Too many open files")] * 3
    troubles.insert(0, OSError(errno.ECONNABORTED, "gone"))

    async def troubled(listening):
        if troubles:
            raise troubles.pop(0)
        return await accept(listening)

    monkeypatch.setattr(loop, "sock_accept", troubled, raising=False)
    monkeypatch.setattr(acceptor, "PAUSE_S", 0.001)
    await bo.listen()
    assert (await ana.dialer.dial(bo.address)).is_open
    assert caplog.text.count("Too many open files") == 1


async def test_the_door_tells_how_crowded_it_is(town, monkeypatch):
    bo, ana = town("bo", caps=Caps(guests_max=1)), town("ana")
    assert bo.server.door.open == 0
    await bo.listen()
    await ana.dialer.dial(bo.address)
    await bo.until(lambda: bo.opened)
    door = bo.server.door
    assert (door.open, door.refused, door.is_short, door.shortages) == (1, 0, False, 0)
    assert door.most == bo.server._caps.total_max
    _, first = await asyncio.open_connection(HOST, bo.port)
    reader, second = await asyncio.open_connection(HOST, bo.port)
    assert await read_to_end(reader) == b""
    assert bo.server.door.refused == 1
    for writer in (first, second):
        writer.close()


def test_room_ends_before_the_descriptors_do():
    assert Caps(descriptors_max=None).total_max == 64 + 16 + 8 + 64
    assert Caps(descriptors_max=1_024).total_max == 64 + 16 + 8 + 64
    assert Caps(descriptors_max=128).total_max == 32
    assert Caps(descriptors_max=64).total_max == 8


async def test_strangers_take_no_more_than_half_of_a_small_place(town):
    bo = await town("bo", caps=Caps(descriptors_max=100)).listen()
    assert bo.server.door.most == 8
    crowd = [await asyncio.open_connection(HOST, bo.port) for _ in range(6)]
    outcomes = [asyncio.ensure_future(read_to_end(reader)) for reader, _ in crowd]
    await until(lambda: bo.server.refused == 2)
    ana = town("ana")
    crowd[0][1].close()
    await until(lambda: bo.server.door.open == 3)
    assert (await ana.dialer.dial(bo.address)).is_open
    for _, writer in crowd:
        writer.close()
    await asyncio.gather(*outcomes)


async def test_one_group_of_public_addresses_is_capped(town, monkeypatch):
    bo = await town("bo", caps=Caps(per_group_max=1)).listen()
    # Loopback says nothing about who is behind it; let it stand for a public block here.
    monkeypatch.setattr(server, "public_group_of", lambda _host: "198.51.0.0/16")
    _, first = await asyncio.open_connection(HOST, bo.port)
    await until(lambda: bo.server.door.open == 1)
    reader, second = await asyncio.open_connection(HOST, bo.port)
    assert await read_to_end(reader) == b""
    assert bo.server.refused == 1
    for writer in (first, second):
        writer.close()


async def test_guest_that_left_before_it_was_welcomed(town, monkeypatch):
    bo, ana = town("bo"), town("ana")
    loop = asyncio.get_running_loop()
    welcome = loop.connect_accepted_socket
    failed: list[socket.socket] = []

    async def fail_once(protocol, sock):
        if not failed:
            failed.append(sock)
            raise OSError(errno.EINVAL, "not connected")
        return await welcome(protocol, sock)

    monkeypatch.setattr(loop, "connect_accepted_socket", fail_once, raising=False)
    await bo.listen()
    with pytest.raises(TransportError):
        await ana.dialer.dial(bo.address)
    assert (await ana.dialer.dial(bo.address)).is_open
    assert [sock.fileno() for sock in failed] == [-1]


async def test_page_in_a_browser_cannot_link(town):
    bo = await town("bo").listen()
    async with ClientSession() as session:
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect(f"http://{bo.address}/peer", origin="https://page.example")
