"""News over real sockets and a real log: in order, once, to whoever may hear and does listen."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from node.api import stream
from node.api.server import ApiServer
from node.api.stream import Patience
from node.clock import SystemClock
from node.config import Settings
from node.daemon import Daemon
from node.home import TOKEN_FILE
from node.runtime.chronicle import Chronicle, Signal
from node.runtime.visitors import Scope
from node.storage import audit, bounds
from node.storage.database import Storage
from tests.integration.fair import Fair, cast, offers
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_doorkeeper import FakeDoorkeeper, token_for

TOKEN = "token-of-this-test"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
QUICK = Patience(first_s=0.2, ping_s=5.0, sign_s=0.2, send_s=0.3)


class Stand:
    """A log, and a server that tells from it."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.citizen = FakeCitizen()
        self.citizen.chronicle = Chronicle(storage, Signal())
        self.door = FakeDoorkeeper(TOKEN)
        self.server = ApiServer(self.citizen, Settings(api_port=0), self.door)
        self.port = 0
        self.client = aiohttp.ClientSession()
        self._writers: list[asyncio.StreamWriter] = []

    async def write(self, count: int, what: str = "offer", *, weight: int = 1) -> None:
        def txn(conn):
            for n in range(count):
                audit.append(conn, at=n, what=what, ids=[n.to_bytes(32, "big")] * weight)

        await self.storage.write(txn)

    def connect(self, **headers: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/v1/events/socket"
        return self.client.ws_connect(url, headers=headers or BEARER)

    async def lines(self, path: str = "", **headers: str) -> asyncio.StreamReader:
        """Ask for server-sent events as `curl -N` does."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        fields = {"Host": "127.0.0.1", **BEARER, **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"GET /v1/events/stream{path} HTTP/1.1\r\n{head}\r\n".encode())
        self._writers.append(writer)
        return reader

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        await self.client.close()
        await self.server.stop()
        await self.storage.close()


@pytest.fixture
async def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    monkeypatch.setattr(stream, "PATIENCE", QUICK)
    found = Stand(await Storage.open(tmp_path / "home.db", clock=SystemClock()))
    found.port = await found.server.start()
    yield found
    await found.close()


async def told(ws: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    return json.loads(await ws.receive_str(timeout=5))


async def ended(ws: aiohttp.ClientWebSocketResponse) -> tuple[int | None, str]:
    """Read to the end; give the close code and the sentence."""
    async with asyncio.timeout(5):
        while True:
            message = await ws.receive()
            if message.type is WSMsgType.CLOSE:
                return message.data, message.extra or ""
            if message.type in {WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR}:
                return ws.close_code, ""


async def until_live(ws: aiohttp.ClientWebSocketResponse) -> tuple[list[int], int]:
    seen: list[int] = []
    while True:
        found = await told(ws)
        if "live" in found:
            return seen, found["cursor"]
        seen.append(found["n"])


async def test_a_thousand_events_come_once_and_in_order_while_they_are_written(stand: Stand):
    async def write() -> None:
        for _ in range(100):
            await stand.write(10)
            await asyncio.sleep(0)

    writing = asyncio.ensure_future(write())
    seen: list[int] = []
    while len(seen) < 1_000:
        # Every 300 events the line breaks, and the reader goes on from what it has.
        async with stand.connect() as ws:
            await ws.send_str(json.dumps({"after": seen[-1] if seen else 0}))
            for _ in range(300):
                found = await told(ws)
                if "n" in found:
                    seen.append(found["n"])
                if len(seen) == 1_000:
                    break
    await writing
    assert seen == list(range(1, 1_001))


async def test_an_event_says_what_happened_to_what(stand: Stand):
    await stand.write(1, "cast.open")
    async with stand.connect() as ws:
        await ws.send_str('{"after": 0}')
        assert await told(ws) == {
            "n": 1,
            "at": "1970-01-01T00:00:00Z",
            "what": "cast.open",
            "ids": ["00" * 32],
        }
        assert await told(ws) == {"cursor": 1, "live": True}
        await stand.write(1, "offer")
        assert (await told(ws))["n"] == 2


async def test_without_a_cursor_only_the_future_is_told(stand: Stand):
    await stand.write(5)
    async with stand.connect() as ws:
        await ws.send_str('{"after": null}')
        assert await told(ws) == {"cursor": 5, "live": True}
        await stand.write(1)
        assert (await told(ws))["n"] == 6


async def test_what_is_swept_is_said_to_be_gone(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "audit_rows_max", 10)
    await stand.write(50)
    async with stand.connect() as ws:
        await ws.send_str('{"after": 7}')
        assert await told(ws) == {"gap": True, "cursor": 40}
        seen, cursor = await until_live(ws)
        assert (seen, cursor) == (list(range(41, 51)), 50)
    async with stand.connect() as ws:
        # As of a home that was restored from an older backup.
        await ws.send_str('{"after": 90}')
        assert await told(ws) == {"gap": True, "cursor": 50}
        assert await told(ws) == {"cursor": 50, "live": True}


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("{}x", 1008, "cursor"),
        ('{"after": -1}', 1008, "cursor"),
        ('{"after": "1"}', 1008, "cursor"),
        ('{"until": 1}', 1008, "cursor"),
        ("[]", 1008, "cursor"),
        (b"\x00", 1003, "JSON text"),
        ("x" * (stream.FRAME_BYTES_MAX + 1), 1009, ""),
        (None, 1008, "begin with"),
    ],
)
async def test_a_bad_beginning_is_told_as_such(
    stand: Stand, said: str | bytes | None, code: int, words: str
):
    async with stand.connect() as ws:
        if isinstance(said, bytes):
            await ws.send_bytes(said)
        elif said is not None:
            await ws.send_str(said)
        found, reason = await ended(ws)
    assert found == code
    assert words in reason


async def test_speaking_out_of_turn_ends_it(stand: Stand):
    async with stand.connect() as ws:
        await ws.send_str('{"after": 0}')
        await told(ws)
        await ws.send_str('{"after": 0}')
        assert (await ended(ws))[0] == 1008


async def test_a_reader_that_does_not_read_is_let_go(stand: Stand):
    """It is cut off; nothing of what it was sent stays, and others hear on."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    slow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(slow, ("127.0.0.1", stand.port))
    reader, writer = await asyncio.open_connection(sock=slow, limit=1_024)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    head = (
        f"GET /v1/events/socket HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n\r\n"
    )
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    text = b'{"after": 0}'
    writer.write(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    await stand.write(2_000, weight=8)
    streams = stand.server.streams
    async with stand.connect() as ws:
        await ws.send_str('{"after": 0}')
        seen, _ = await until_live(ws)
        assert len(seen) == 2_000
        async with asyncio.timeout(5):
            while streams.count > 1:
                await asyncio.sleep(0.02)
        await stand.write(1)
        assert (await told(ws))["n"] == 2_001
    writer.close()


async def test_a_page_of_another_site_opens_nothing(stand: Stand):
    own = f"http://127.0.0.1:{stand.port}"
    for headers in (
        {**BEARER, "Origin": "http://evil.example"},
        {**BEARER, "Origin": "null"},
        {**BEARER, "Origin": own.replace("http", "https")},
        {**BEARER, "Origin": "http://127.0.0.1:1"},
        {**BEARER, "Sec-Fetch-Site": "cross-site", "Origin": own},
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await stand.connect(**headers)
        assert refused.value.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await stand.connect(Origin=own)
    assert refused.value.status == 401
    async with stand.connect(**BEARER, Origin=own) as ws:
        await ws.send_str('{"after": 0}')
        assert (await told(ws))["live"]


async def test_a_revoked_token_hears_no_more(stand: Stand):
    async with stand.connect() as ws:
        await ws.send_str('{"after": 0}')
        assert (await told(ws))["live"]
        reader = await stand.lines("?after=0")
        await reader.readuntil(b'"live":true}\n\n')
        stand.door.owner_token = "another"
        await stand.write(1)
        code, reason = await ended(ws)
        assert (code, "no longer valid" in reason) == (4401, True)
        rest = await asyncio.wait_for(reader.read(), 5)
        assert b'"n":1' not in rest
        assert b"event: end" in rest


async def test_too_many_streams_are_refused(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "STREAMS_MAX", 2)
    async with stand.connect() as one, stand.connect() as two:
        for ws in (one, two):
            await ws.send_str('{"after": 0}')
            await told(ws)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await stand.connect()
        assert refused.value.status == 503
        reader = await stand.lines()
        assert b" 503 " in await reader.readuntil(b"\r\n")
    async with asyncio.timeout(5):
        while stand.server.streams.count:
            await asyncio.sleep(0.01)
    reader = await stand.lines()
    assert b" 200 " in await reader.readuntil(b"\r\n")


async def test_one_token_leaves_room_for_others(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "STREAMS_EACH_MAX", 1)
    reader = await stand.lines(Authorization=f"Bearer {token_for(Scope.READ)}")
    assert b" 200 " in await reader.readuntil(b"\r\n")
    again = await stand.lines(Authorization=f"Bearer {token_for(Scope.READ)}")
    assert b" 503 " in await again.readuntil(b"\r\n")
    owners = await stand.lines()
    assert b" 200 " in await owners.readuntil(b"\r\n")


def events_of(raw: bytes) -> list[dict[str, str]]:
    """Read server-sent events, without the sizes of the chunks they came in."""
    found = []
    for block in raw.decode().replace("\r\n", "\n").split("\n\n"):
        lines = [line.partition(": ") for line in block.split("\n")]
        fields = {name: value for name, _, value in lines if name in {"id", "event", "data"}}
        if fields:
            found.append(fields)
    return found


async def test_server_sent_events_for_curl(stand: Stand):
    await stand.write(3)
    reader = await stand.lines("?after=1")
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"Content-Type: text/event-stream" in head
    raw = await asyncio.wait_for(reader.readuntil(b'"live":true}\n\n'), 5)
    found = events_of(raw)
    assert [each["id"] for each in found] == ["2", "3", "3"]
    assert found[-1]["event"] == "live"
    assert json.loads(found[0]["data"])["n"] == 2
    assert await asyncio.wait_for(reader.readuntil(b": still here\n\n"), 5)
    await stand.write(1)
    assert b"id: 4" in await asyncio.wait_for(reader.readuntil(b"\n\n"), 5)
    # A browser that comes back names what it has; the address it asks stays the same.
    again = await stand.lines("?after=1", **{"Last-Event-ID": "3"})
    await again.readuntil(b"\r\n\r\n")
    raw = await asyncio.wait_for(again.readuntil(b'"live":true}\n\n'), 5)
    assert [each["id"] for each in events_of(raw)] == ["4", "4"]


async def test_a_node_that_stops_says_so(tmp_path: Path):
    daemon = Daemon(tmp_path, Settings(net="test", api_port=0))
    ready = await daemon.start()
    try:
        token = await asyncio.to_thread((tmp_path / TOKEN_FILE).read_text)
        headers = {"Authorization": f"Bearer {token.strip()}"}
        url = f"{ready.api_url}/v1/events/socket"
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.ws_connect(url) as ws,
        ):
            await ws.send_str('{"after": 0}')
            await until_live(ws)
            closing = asyncio.ensure_future(ended(ws))
            await daemon.stop()
            assert await closing == (1001, "the node stops")
    finally:
        await daemon.stop()


async def test_numbers_are_those_of_what_was_done(fair: Fair):
    relay = await fair.relay("relay_1")
    await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana")
    handle = await cast(buyer)
    await offers(buyer, handle)
    found = await buyer.handle.survey.census()
    assert found["offers_received_total"] == {("recorded", "none"): 1}
    assert found["offer_latency_seconds"].cumulated()[-1] == 1
    assert found["casts"]["open",] == 1
    assert found["peers"]["out",] == 1
    assert found["objects_received_total"]["accepted", "none"] >= 1
    assert found["object_copies_total"]["public",] >= 1
    assert found["events_total"] == {(): buyer.handle.chronicle.newest}
    served = await relay.handle.survey.census()
    assert served["peers"]["in",] == 2
    assert served["mailbox_held"]["boxes",] >= 1
    assert served["messages_received_total"]["Put",] >= 1
    assert (await relay.handle.survey.checks()) == {
        "database": True,
        "network": True,
        "running": True,
    }
