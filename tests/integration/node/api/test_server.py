"""The API on a real loopback socket: what a parser refuses, what a stop leaves, raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from node.api.reception import Manners
from node.api.server import ApiServer
from node.config import Settings
from node.errors import ConfigError
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_doorkeeper import FakeDoorkeeper
from tests.unit.node.api.fake_face import FakeFace

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


@pytest.mark.parametrize(
    "raw",
    [
        b"SAY<script>SECRET\r\n\r\n",
        b"G\xffT /SECRET HTTP/1.1\r\n\r\n",
        b"GET /SECRET HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        request("GET /v1/status", GOOD + "SEC RET: SECRET\r\n"),
        request("GET /v1/status", GOOD + "SECRET\x00: y\r\n"),
        request("GET /v1/status", GOOD + "X: " + "SECRET" * 2_000 + "\r\n"),
        request("GET /" + "SECRET" * 2_000),
        request("POST /v1/casts", JSON + "Content-Length: SECRET\r\n"),
        request("GET /v1/status") + b"SECRET\r\n\r\n",
    ],
)
async def test_what_the_parser_refuses_is_told_in_our_words(port: int, raw: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    status, headers, body = await answered(reader)
    assert (status, json.loads(body)["code"]) == (400, "E-REQUEST")
    assert json.loads(body)["fix"]
    assert b"SECRET" not in body
    assert b"script" not in body
    assert headers["Content-Type"].startswith("application/problem+json")
    assert headers["Server"] == "intentcast"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert await is_ended(reader)
    writer.close()


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


HASTY = Manners(connections_max=4, head_s=0.2, keep_s=0.3, linger_s=0.05)
PATIENT = Manners(connections_max=4, head_s=60, keep_s=60)
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def serving(
    manners: Manners, citizen: FakeCitizen | None = None
) -> AsyncIterator[tuple[ApiServer, int]]:
    made = ApiServer(
        citizen or FakeCitizen(),
        Settings(api_port=0),
        FakeDoorkeeper(TOKEN),
        faces=[FakeFace()],
        manners=manners,
    )
    yield made, await made.start()
    await made.stop()


async def opened(port: int, raw: bytes = b"") -> Line:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    await writer.drain()
    return reader, writer


async def answered(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one answer, and leave the connection open."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    body = await reader.readexactly(int(headers.get("Content-Length", "0")))
    return int(first.split(" ")[1]), headers, body


async def is_ended(reader: asyncio.StreamReader) -> bool:
    """Tell whether the other side ends a connection, by and by."""
    try:
        return await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def close(lines: Sequence[Line]) -> None:
    for _, writer in lines:
        writer.close()


async def test_the_owners_connections_are_capped_and_room_comes_back():
    async with serving(PATIENT) as (server, port):
        held = [await opened(port, request("GET /v1/status")) for _ in range(4)]
        for reader, _ in held:
            assert (await answered(reader))[0] == 200
        turned_away = await opened(port, request("GET /v1/status"))
        assert await is_ended(turned_away[0])
        assert server.refused == 1
        held[0][1].close()
        await held[0][1].wait_closed()
        status = None
        async with asyncio.timeout(5):
            while status is None:
                reader, writer = await opened(port, request("GET /v1/status"))
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    status = (await answered(reader))[0]
                writer.close()
        assert status == 200
        close([*held, turned_away])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"GET /v1/status HTTP/1.1\r\nHost: 127.0",
        request("GET /livez", "Host: 127.0.0.1\r\n"),
        # Asks, and reads no answer.
        request("GET /livez", "Host: 127.0.0.1\r\n") * 200,
        request("GET /v1/status", "Host: 127.0.0.1\r\nAuthorization: Bearer guess\r\n"),
        request("POST /login", "Host: 127.0.0.1\r\nContent-Length: 9\r\n"),
    ],
)
async def test_strangers_who_hold_every_place_shut_nobody_out(raw: bytes):
    async with serving(PATIENT) as (_, port):
        owners = await opened(port, request("GET /v1/status"))
        assert (await answered(owners[0]))[0] == 200
        strangers = [await opened(port, raw) for _ in range(9)]
        for _ in range(5):
            reader, writer = await opened(port, request("GET /v1/status"))
            assert (await answered(reader))[0] == 200
            writer.close()
        # Who has shown a token keeps the place, also while nothing is asked.
        owners[1].write(request("GET /v1/status"))
        assert (await answered(owners[0]))[0] == 200
        close([owners, *strangers])


@pytest.mark.parametrize(
    "raw", [b"", b"GET /v1/status HTTP/1.1\r\nHost: 127.0", request("GET /livez")]
)
async def test_a_connection_on_which_nothing_is_asked_is_ended(raw: bytes):
    async with serving(HASTY) as (_, port):
        reader, writer = await opened(port, raw)
        if raw.endswith(b"\r\n\r\n"):
            assert (await answered(reader))[0] == 200
        assert await is_ended(reader)
        writer.close()


async def test_a_question_that_waits_outlasts_every_limit(monkeypatch: pytest.MonkeyPatch):
    citizen = FakeCitizen()

    async def wait_a_while(_after: int, _timeout_s: float) -> int:
        await asyncio.sleep(3 * HASTY.keep_s)
        return 0

    monkeypatch.setattr(citizen, "wait_changed", wait_a_while)
    async with serving(HASTY, citizen) as (_, port):
        reader, writer = await opened(port, request("GET /v1/events?wait=60"))
        assert (await answered(reader))[0] == 200
        writer.close()


@pytest.mark.parametrize("path", ["/v1/casts/preview", "/v1/vendor/import"])
async def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch, path: str):
    monkeypatch.setattr("node.api.bodies.BODY_S", 0.2)
    media = "application/json" if "casts" in path else "application/octet-stream"
    headers = GOOD + f"Content-Type: {media}\r\nContent-Length: 9\r\n"
    async with serving(HASTY) as (_, port):
        reader, writer = await opened(port, request(f"POST {path}", headers, b"{"))
        status, _, body = await answered(reader)
        assert (status, json.loads(body)["code"]) == (408, "E-TIMEOUT")
        assert await is_ended(reader)
        writer.close()


@pytest.mark.parametrize(
    "headers",
    [
        "Host: 127.0.0.1\r\n",
        "Host: evil.example\r\n",
        "Host: 127.0.0.1\r\nAccept: text/html\r\nOrigin: null\r\n",
    ],
)
async def test_a_strangers_connection_ends_with_its_refusal(headers: str):
    async with serving(PATIENT) as (_, port):
        reader, writer = await opened(port, request("GET /v1/status", headers))
        status, found, _ = await answered(reader)
        assert status in {401, 403, 421}
        assert found["Connection"] == "close"
        assert await is_ended(reader)
        # The owner's goes on.
        owners = await opened(port, request("GET /v1/nothing"))
        status, found, _ = await answered(owners[0])
        assert (status, found.get("Connection")) == (404, None)
        close([(reader, writer), owners])


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
