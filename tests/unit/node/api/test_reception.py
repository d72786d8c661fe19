"""Who has a place at the API. What happens on real lines is tried in the integration tests."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from node.api.reception import MANNERS, Guest, Manners, Reception


async def refuse(_request: web.BaseRequest) -> web.StreamResponse:
    raise AssertionError


def test_whoever_keeps_a_connection_they_do_not_use_lets_go_first():
    # aiohttp's own client, urllib3 and Go ask for at most 15 s on an old connection or look first.
    assert MANNERS.keep_s > 15
    assert MANNERS.head_s < MANNERS.keep_s


async def test_a_connection_that_ended_before_it_began_takes_no_place(
    monkeypatch: pytest.MonkeyPatch,
):
    async def fail(*_args):
        raise OSError(22, "not connected")

    loop = asyncio.get_running_loop()
    welcome = loop.connect_accepted_socket
    reception = Reception(Manners(connections_max=1, head_s=60))
    server = web.Server(refuse)
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(loop, "connect_accepted_socket", fail, raising=False)
    for _ in range(3):
        await reception.take(socket.socket(), server)
    monkeypatch.setattr(loop, "connect_accepted_socket", welcome, raising=False)
    await reception.take(ours, server)
    assert reception.refused == 0
    theirs.close()
    await server.shutdown(0)


async def test_what_fails_beyond_every_handler_is_a_bug_and_told_as_one():
    guest = Guest(Reception(), web.Server(refuse), MANNERS)
    guest.leave()
    request = make_mocked_request("GET", "/")
    request.writer.output_size = 0
    for failure in (ZeroDivisionError("secret"), None):
        told = guest.handle_error(request, 500, failure)
        assert isinstance(told, web.Response)
        assert told.status == 500
        assert isinstance(told.body, bytes)
        assert b"E-INTERNAL" in told.body
        assert b"secret" not in told.body
    request.writer.output_size = 9
    with pytest.raises(ConnectionError):
        guest.handle_error(request, 400)
