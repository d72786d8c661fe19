"""The API on a real loopback socket: what a parser refuses, what a stop leaves, raw bytes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator

import pytest

from node.api.server import ApiServer
from node.config import Settings
from node.errors import ConfigError
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_doorkeeper import FakeDoorkeeper

TOKEN = "token-of-this-test"
GOOD = "Host: 127.0.0.1\r\nAuthorization: Bearer token-of-this-test\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = ApiServer(FakeCitizen(), Settings(api_port=0), FakeDoorkeeper(TOKEN))
    yield await server.start()
    await server.stop()


async def tell(port: int, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes on a connection of their own; give status, headers and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        await writer.drain()
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if ": " in line)
        body = await reader.readexactly(int(headers.get("Content-Length", "0")))
        return int(first.split(" ")[1]), headers, body
    finally:
        writer.close()
        await writer.wait_closed()


def request(line: str, headers: str = GOOD, body: bytes = b"") -> bytes:
    return f"{line} HTTP/1.1\r\n{headers}\r\n".encode("latin-1") + body


async def test_an_answer_and_its_headers(port: int):
    status, headers, body = await tell(port, request("GET /v1/status"))
    assert status == 200
    assert json.loads(body)["schema"] == "intentcast.status/1"
    assert headers["Server"] == "intentcast"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Host: evil.example\r\nAuthorization: Bearer token-of-this-test\r\n", 421),
        ("Authorization: Bearer token-of-this-test\r\n", 400),
        ("Host: 127.0.0.1\r\n", 401),
        ("Host: 127.0.0.1\r\nAuthorization: Bearer \xff\xfe\r\n", 401),
        (GOOD + "Origin: null\r\n", 403),
        (GOOD + "Host: 127.0.0.1\r\n", 400),
    ],
)
async def test_guards_hold_on_the_wire(port: int, headers: str, status: int):
    assert (await tell(port, request("GET /v1/status", headers)))[0] == status


JSON = GOOD + "Content-Type: application/json\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        request("GET /v1/status", GOOD + "X" * 20_000 + ": y\r\n"),
        request("GET /" + "x" * 20_000),
        request("POST /v1/casts", JSON + "Content-Length: 5\r\nContent-Length: 6\r\n", b"{}   "),
        request(
            "POST /v1/casts",
            JSON + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            b"0\r\n\r\n",
        ),
        request("POST /v1/casts", JSON + "Transfer-Encoding: chunked\r\n", b"zz\r\n\r\n"),
        request("POST /v1/casts", JSON + "Content-Length: -1\r\n"),
        request("GET /v1/casts/%zz%"),
        request("GET /v1/casts/..%2f..%2fetc%2fpasswd"),
        request("GET http://evil.example/v1/status"),
        request("CONNECT 127.0.0.1:1"),
        request("POST /v1/casts", JSON + "Content-Length: 300000\r\n"),
        request("POST /v1/casts", JSON + "Content-Length: 7\r\n", b'{"a":\xff}'),
    ],
)
async def test_nothing_on_the_wire_is_worth_a_500(
    port: int, caplog: pytest.LogCaptureFixture, raw: bytes
):
    status, _, body = await tell(port, raw)
    assert 400 <= status < 500
    assert b"Traceback" not in body
    assert caplog.records == []
    assert (await tell(port, request("GET /v1/status")))[0] == 200


async def test_many_requests_on_one_line(port: int):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("GET /livez", "Host: 127.0.0.1\r\n") * 200)
    writer.write(request("GET /livez", "Host: 127.0.0.1\r\nConnection: close\r\n"))
    await writer.drain()
    found = await asyncio.wait_for(reader.read(), 10)
    assert found.count(b"HTTP/1.1 200 OK") == 201
    writer.close()
    await writer.wait_closed()


async def test_a_feed_comes_in_chunks(port: int):
    headers = GOOD + "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n"
    body = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    status, _, answer = await tell(port, request("POST /v1/vendor/import?source=x", headers, body))
    assert (status, json.loads(answer)["source"]) == (200, "x")


async def test_stop_does_not_wait_for_who_waits(monkeypatch: pytest.MonkeyPatch):
    citizen = FakeCitizen()
    asked = asyncio.Event()

    async def wait_for_ever(after: int, timeout_s: float) -> int:
        asked.set()
        await asyncio.sleep(60)
        return 0

    monkeypatch.setattr(citizen, "wait_changed", wait_for_ever)
    server = ApiServer(citizen, Settings(api_port=0), FakeDoorkeeper(TOKEN))
    port = await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("GET /v1/events?wait=60"))
    await asyncio.wait_for(asked.wait(), 5)
    async with asyncio.timeout(5):
        await server.stop()
    writer.close()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_taken_port_is_told(port: int):
    second = ApiServer(FakeCitizen(), Settings(api_port=port), FakeDoorkeeper(TOKEN))
    with pytest.raises(ConfigError) as caught:
        await second.start()
    assert caught.value.code == "E-PORT"
    assert str(port) in caught.value.sentence
    if sys.platform == "linux":
        assert f"pid {os.getpid()})" in caught.value.sentence


async def test_connections_are_capped_and_room_comes_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("node.api.server.CONNECTIONS_MAX", 2)
    server = ApiServer(FakeCitizen(), Settings(api_port=0), FakeDoorkeeper(TOKEN))
    port = await server.start()
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert server.refused == 1
    for _, one in [*held, (reader, writer)]:
        one.close()
    status = None
    async with asyncio.timeout(5):
        while True:
            try:
                status, _, _ = await tell(port, request("GET /v1/status"))
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.01)
            else:
                break
    assert status == 200
    await server.stop()


async def test_a_guest_that_left_before_it_was_served(port: int, monkeypatch: pytest.MonkeyPatch):
    loop = asyncio.get_running_loop()
    welcome = loop.connect_accepted_socket
    failed: list[object] = []

    async def fail_once(protocol, sock):
        if not failed:
            failed.append(sock)
            raise OSError(22, "not connected")
        return await welcome(protocol, sock)

    monkeypatch.setattr(loop, "connect_accepted_socket", fail_once, raising=False)
    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await tell(port, request("GET /v1/status"))
    assert (await tell(port, request("GET /v1/status")))[0] == 200
