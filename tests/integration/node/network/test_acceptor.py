"""Taking connections when there is room, and resting when there is none."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
from contextlib import suppress

import pytest

from node.network import acceptor
from node.network.acceptor import Acceptor

HOST = "127.0.0.1"


class Hall:
    """Whoever was welcomed."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.came = asyncio.Event()

    async def welcome(self, guest: socket.socket, host: str) -> None:
        self.hosts.append(host)
        self.came.set()
        guest.close()


@pytest.fixture
def listening():
    with socket.create_server((HOST, 0)) as found:
        found.settimeout(0)
        yield found


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_guests_are_handed_on_with_their_address(listening):
    hall = Hall()
    task = asyncio.ensure_future(Acceptor(listening, hall.welcome).run())
    _, writer = await asyncio.open_connection(HOST, listening.getsockname()[1])
    await asyncio.wait_for(hall.came.wait(), 5)
    assert hall.hosts == [HOST]
    writer.close()
    await ended(task)


async def test_shortage_is_said_once_and_passes(listening, monkeypatch, caplog):
    loop = asyncio.get_running_loop()
    accept = loop.sock_accept
    hall = Hall()
    door = Acceptor(listening, hall.welcome)
    seen: list[bool] = []
    troubles = [
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ECONNABORTED, "gone"),
        OSError(errno.ENFILE, "Too many open files"),
    ]

    async def troubled(sock):
        seen.append(door.is_short)
        if troubles:
            raise troubles.pop(0)
        return await accept(sock)

    monkeypatch.setattr(loop, "sock_accept", troubled, raising=False)
    monkeypatch.setattr(acceptor, "PAUSE_S", 0.001)
    task = asyncio.ensure_future(door.run())
    _, writer = await asyncio.open_connection(HOST, listening.getsockname()[1])
    await asyncio.wait_for(hall.came.wait(), 5)
    assert seen[:4] == [False, True, True, True]
    assert not door.is_short
    assert door.shortages == 1
    assert caplog.text.count("Too many open files") == 1
    writer.close()
    await ended(task)


@pytest.mark.parametrize("turns", range(6))
async def test_who_comes_in_the_moment_it_ends_is_closed(listening, turns: int):
    """Whoever was accepted but not handed on yet is not left open: a test counts open sockets."""
    hall = Hall()
    task = asyncio.ensure_future(Acceptor(listening, hall.welcome).run())
    await asyncio.sleep(0.01)
    with socket.create_connection(listening.getsockname()) as guest:
        guest.settimeout(5)
        for _ in range(turns):
            await asyncio.sleep(0)
        await ended(task)
        listening.close()
        with suppress(ConnectionResetError):
            assert await asyncio.to_thread(guest.recv, 1) == b""
    gc.collect()
