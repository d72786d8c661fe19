"""Dialling over real sockets: one link to each peer, and kept links that come back."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web

from node.errors import TransportError
from node.network import dialer
from node.network.endpoint import Bounds
from protocol.errors import Reason


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
        return port


async def test_nobody_there(town):
    with pytest.raises(TransportError, match="no node answers at") as caught:
        await town("ana").dialer.dial(f"127.0.0.1:{free_port()}")
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


@pytest.mark.parametrize("attempt", range(3))
async def test_both_dial_at_once_and_one_link_stays(town, attempt: int):
    ana, bo = await town(f"ana {attempt}").listen(), await town(f"bo {attempt}").listen()
    await asyncio.gather(
        ana.dialer.dial(bo.address, bo.id),
        bo.dialer.dial(ana.address, ana.id),
        return_exceptions=True,
    )
    await asyncio.sleep(0.05)
    [at_ana], [at_bo] = list(ana.links), list(bo.links)
    assert at_ana.handshake_hash == at_bo.handshake_hash
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
    bo.port = free_port()
    ana.dialer.keep(bo.address)
    [kept] = ana.dialer.kept
    async with asyncio.timeout(5):
        while not kept.failures:
            await asyncio.sleep(0.005)
    await bo.listen()
    await asyncio.sleep(0.02)
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
