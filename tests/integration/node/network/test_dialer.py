"""Dialling over real sockets: one link to each peer, and kept links that come back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

import pytest
from aiohttp import web

from node.errors import TransportError
from node.network import dialer
from node.network.endpoint import Bounds
from node.network.errands import Errand
from protocol import limits
from protocol.errors import Reason
from protocol.ids import NodeId

HEARSAY = [errand for errand in Errand if errand.is_hearsay]


@contextmanager
def deaf_port() -> Iterator[int]:
    """Hold a port at which nobody listens, so that nobody else can come to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


async def test_nobody_there(town):
    with deaf_port() as port, pytest.raises(TransportError, match="no node answers at") as caught:
        await town("ana").dialer.dial(f"127.0.0.1:{port}")
    assert caught.value.code == "E-PEER-LOST"
    assert caught.value.fix


async def test_bad_address(town):
    with pytest.raises(TransportError) as caught:
        await town("ana").dialer.dial("nowhere")
    assert caught.value.code == "E-ADDRESS"


async def test_somebody_who_speaks_only_http(town):
    async def answer(_request):
        return web.Response(text="a shop")

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with pytest.raises(TransportError, match="no node answers"):
        await town("ana").dialer.dial(f"127.0.0.1:{runner.addresses[0][1]}")
    await runner.cleanup()


async def test_somebody_who_says_nothing(town):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ana = town("ana", bounds=Bounds(handshake_ms=100))
        with pytest.raises(TransportError, match="no answer from") as caught:
            await ana.dialer.dial(f"127.0.0.1:{silent.getsockname()[1]}")
    assert caught.value.code == "E-PEER-TIMEOUT"


async def test_cancelled_dial_leaves_nothing(town):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ana = town("ana")
        dial = ana.tasks.spawn(ana.dialer.dial(f"127.0.0.1:{silent.getsockname()[1]}"), "a dial")
        await asyncio.sleep(0.05)
        dial.cancel()
        await asyncio.wait([dial])
    assert dial.cancelled()
    assert not list(ana.links)


# --- no other place than the one to be dialled ---------------------------------------------------


class Line:
    """A TCP server that notes the first lines it hears, and says one thing."""

    def __init__(self, reply: bytes = b"") -> None:
        self.reply = reply
        self.heard: list[bytes] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.heard.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
            writer.write(self.reply)
            await writer.drain()
            if not self.reply:
                await reader.read()
        writer.close()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_why: object) -> None:
        self._server.close()
        await self._server.wait_closed()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Same", "308 Same"])
async def test_nobody_sends_a_dialler_somewhere_else(town, status: str):
    async with Line(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as third:
        reply = f"HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:{third.port}/admin?now=1\r\n"
        async with Line(f"{reply}Content-Length: 0\r\n\r\n".encode()) as rude:
            with pytest.raises(TransportError, match="no node answers"):
                await town("ana").dialer.dial(f"127.0.0.1:{rude.port}")
        assert len(rude.heard) == 1
    assert third.heard == []


async def test_who_hangs_up_is_not_asked_again(town):
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with pytest.raises(TransportError, match="no node answers"):
        await town("ana").dialer.dial(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    server.close()
    await server.wait_closed()
    assert len(heard) == 1


@pytest.mark.parametrize("errand", HEARSAY)
@pytest.mark.parametrize("host", ["0x7f.1", "relay.example", "127.0.0.1", "[::ffff:127.0.0.1]"])
async def test_no_hearsay_leads_to_this_machine(town, monkeypatch, host: str, errand: Errand):
    asked = socket.getaddrinfo
    names = {"relay.example": "127.0.0.1"}
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda name, *rest: asked(names.get(name, name), *rest)
    )
    async with Line() as near:
        with pytest.raises(TransportError):
            await town("ana", net="main").dialer.dial(f"{host}:{near.port}", errand=errand)
    assert near.heard == []


@pytest.mark.parametrize(("net", "errand"), [("main", Errand.OWNER), ("test", Errand.LINK)])
async def test_the_owner_and_a_testnet_dial_what_is_near(town, net: str, errand: Errand):
    ana, bo = town("ana", net=net), await town("bo", net=net).listen()
    link = await ana.dialer.dial(f"localhost:{bo.port}", bo.id, errand=errand)
    assert link.is_open


# --- nobody stands behind who says nothing --------------------------------------------------------


@pytest.mark.parametrize("errand", Errand)
async def test_who_says_nothing_holds_up_nobody_on_another_errand(town, errand: Errand):
    ana, bo = town("ana"), await town("bo").listen()
    with socket.create_server(("", 0)) as silent:
        port = silent.getsockname()[1]
        dials = [
            asyncio.create_task(
                ana.dialer.dial(f"127.0.1.{n}:{port}", NodeId(bytes([n]) * 32), errand=errand)
            )
            for n in range(2 * dialer.SLOTS[errand])
        ]
        await asyncio.sleep(0)
        for other in set(Errand) - {errand}:
            async with asyncio.timeout(1):
                link = await ana.dialer.dial(bo.address, bo.id, errand=other)
            link.close()
            await link.wait_closed()
        for dial in dials:
            dial.cancel()
        await asyncio.wait(dials)


async def test_the_time_of_a_dial_begins_when_it_is_its_turn(town, monkeypatch):
    monkeypatch.setitem(dialer.SLOTS, Errand.LINK, 1)
    ana, bo = town("ana"), await town("bo").listen()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = ana.dialer.dial(
            f"127.0.0.1:{silent.getsockname()[1]}",
            NodeId(b"\x01" * 32),
            errand=Errand.LINK,
            within_ms=2_000,
        )
        first = asyncio.create_task(slow)
        await asyncio.sleep(0)
        link = await ana.dialer.dial(bo.address, bo.id, errand=Errand.LINK, within_ms=1_900)
    assert link.is_open
    with pytest.raises(TransportError) as caught:
        await first
    assert caught.value.code == "E-PEER-TIMEOUT"


async def test_what_a_stranger_wants_waits_its_time_in_all(town, monkeypatch):
    monkeypatch.setattr(limits, "dial_ms_guest", 100)
    ana = town("ana")
    with socket.create_server(("", 0)) as silent:
        port = silent.getsockname()[1]
        dials = [
            ana.dialer.dial(f"127.0.1.{n}:{port}", NodeId(bytes([n]) * 32), errand=Errand.GUEST)
            for n in range(4 * limits.dials_guest_max)
        ]
        async with asyncio.timeout(1):
            ends = await asyncio.gather(*dials, return_exceptions=True)
    assert {getattr(end, "code", None) for end in ends} == {"E-PEER-TIMEOUT"}


@pytest.mark.parametrize("errand", sorted(dialer.ON_DEMAND))
async def test_a_place_that_many_keys_name_is_dialled_as_if_it_were_one(town, errand: Errand):
    ana, bo = town("ana"), await town("bo").listen()
    async with Line(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as third:
        keys = [NodeId(bytes([n]) * 32) for n in range(20)]
        for key in keys:
            with pytest.raises(TransportError):
                await ana.dialer.dial(f"127.0.0.1:{third.port}", key, errand=errand)
        assert len(third.heard) == 1
        ana.clock.advance(limits.dial_backoff_ms_min)
        for key in keys:
            with pytest.raises(TransportError):
                await ana.dialer.dial(f"127.0.0.1:{third.port}", key, errand=errand)
        assert len(third.heard) == 2
    # Who was reached at a place is dialled there whatever is said of it since.
    for each in range(3):
        link = await ana.dialer.dial(bo.address, bo.id, errand=errand)
        link.close()
        await link.wait_closed()
        with pytest.raises(TransportError):
            await ana.dialer.dial(bo.address, keys[each], errand=errand)


async def test_second_dial_gives_the_link_there_is(town):
    ana, bo = town("ana"), await town("bo").listen()
    first, second = await asyncio.gather(
        ana.dialer.dial(bo.address, bo.id), ana.dialer.dial(bo.address, bo.id)
    )
    assert first is second
    assert await ana.dialer.dial(bo.address, bo.id) is first
    await bo.until(lambda: bo.opened)
    assert (len(ana.opened), len(bo.opened)) == (1, 1)


async def test_peer_that_dialled_us_is_not_dialled(town):
    ana, bo = await town("ana").listen(), await town("bo").listen()
    await ana.dialer.dial(bo.address, bo.id)
    await bo.until(lambda: bo.opened)
    assert await bo.dialer.dial(ana.address, ana.id) is bo.opened[0]


def hashes_of(citizen) -> list[bytes]:
    """Name its open links: both ends of one give the same name."""
    return [link.handshake_hash for link in citizen.links]


@pytest.mark.parametrize("attempt", range(3))
async def test_both_dial_at_once_and_one_link_stays(town, attempt: int):
    ana, bo = await town(f"ana {attempt}").listen(), await town(f"bo {attempt}").listen()
    await asyncio.gather(
        ana.dialer.dial(bo.address, bo.id),
        bo.dialer.dial(ana.address, ana.id),
        return_exceptions=True,
    )
    async with asyncio.timeout(5):
        while not (hashes := hashes_of(ana)) or hashes != hashes_of(bo):
            await asyncio.sleep(0.005)
    [at_ana] = ana.links
    assert at_ana.outbound == (ana.id < bo.id)
    for citizen in (ana, bo):
        # Whoever was told of two links was told of the end of one, before the other.
        assert len(citizen.opened) == len(citizen.closed) + 1
        if citizen.closed:
            assert citizen.closed[0][1] is Reason.DUPLICATE
            assert [event.split()[0] for event in citizen.events if "message" not in event] == [
                "open",
                "closed",
                "open",
            ]


async def test_newer_link_replaces_the_one_the_peer_lost(town):
    ana, bo = town("ana"), await town("bo").listen()
    old = await ana.dialer.dial(bo.address)
    await bo.until(lambda: bo.opened)
    new = await ana.dialer.dial(bo.address)
    await old.wait_closed()
    await bo.until(lambda: len(bo.opened) == 2)
    assert new.is_open
    assert old.ending.reason is Reason.DUPLICATE
    assert [link.outbound for link in bo.links] == [False]
    assert bo.links.get(ana.id).handshake_hash == new.handshake_hash
    opened_and_closed = [event for event in bo.events if "message" not in event]
    assert opened_and_closed == ["open in", "closed duplicate in", "open in"]


# --- kept links ----------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    """Pauses short enough for a test."""
    monkeypatch.setattr(dialer, "BACKOFF_S", 0.005)
    monkeypatch.setattr(dialer, "BACKOFF_S_MAX", 0.02)


@pytest.mark.usefixtures("quick")
async def test_kept_link_comes_back(town):
    ana, bo = town("ana"), await town("bo").listen()
    ana.dialer.keep(bo.address, bo.id)
    ana.dialer.keep(bo.address, bo.id)
    await ana.until(lambda: ana.opened)
    [kept] = ana.dialer.kept
    await bo.server.stop()
    await ana.until(lambda: ana.closed)
    async with asyncio.timeout(5):
        while kept.error is None or kept.failures < 3:
            await asyncio.sleep(0.005)
    assert kept.error.code == "E-PEER-LOST"
    await bo.listen()
    await ana.until(lambda: len(ana.opened) == 2)
    assert kept.error is None
    assert kept.peer_id == bo.id
    assert len(bo.opened) == 2


async def test_reconnect_does_not_wait(town, monkeypatch):
    monkeypatch.setattr(dialer, "BACKOFF_S", 1_000_000.0)
    monkeypatch.setattr(dialer, "BACKOFF_S_MAX", 1_000_000.0)
    ana, bo = town("ana"), town("bo")
    with deaf_port() as bo.port:
        ana.dialer.keep(bo.address)
        [kept] = ana.dialer.kept
        async with asyncio.timeout(5):
            while not kept.failures:
                await asyncio.sleep(0.005)
    await bo.listen()
    assert ana.opened == []
    ana.dialer.reconnect()
    await ana.until(lambda: ana.opened)


@pytest.mark.usefixtures("quick")
async def test_link_that_lasted_forgives_earlier_failures(town):
    ana, bo = town("ana"), await town("bo").listen()
    ana.dialer.keep(bo.address)
    await ana.until(lambda: ana.opened)
    [kept] = ana.dialer.kept
    kept.failures = 9
    ana.clock.advance(dialer.SETTLED_MS)
    ana.opened[0].close()
    await ana.until(lambda: len(ana.opened) == 2)
    assert kept.failures == 1


@pytest.mark.usefixtures("quick")
async def test_forgotten_peer_is_not_dialled_again(town):
    ana, bo = town("ana"), await town("bo").listen()
    ana.dialer.keep(bo.address)
    await ana.until(lambda: ana.opened)
    ana.dialer.forget(bo.address)
    ana.dialer.forget(bo.address)
    assert ana.dialer.kept == []
    assert ana.opened[0].is_open
    ana.opened[0].close()
    await asyncio.sleep(0.05)
    assert len(ana.opened) == 1


@pytest.mark.usefixtures("quick")
async def test_two_addresses_of_one_peer_do_not_fight(town):
    ana, bo = town("ana"), await town("bo").listen()
    ana.dialer.keep(bo.address)
    ana.dialer.keep(f"localhost:{bo.port}")
    await ana.until(lambda: ana.opened)
    async with asyncio.timeout(5):
        while any(kept.peer_id is None for kept in ana.dialer.kept):
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.1)
    count = len(ana.opened)
    assert count <= 2
    await asyncio.sleep(0.1)
    assert len(ana.opened) == count
    assert len(list(ana.links)) == 1
