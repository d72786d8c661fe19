"""The page of a testnet over a real socket: found, entered, gone at the end; taken ports."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar

from node.clock import SystemClock
from node.entropy import SystemEntropy
from node.errors import ConfigError, TransportError
from node.testnet import dashboard as module
from node.testnet import remote
from node.testnet.dashboard import Dashboard, served
from node.testnet.fault import DASHBOARD_FILE
from tests.unit.node.testnet.village import NET, Village


def serving(folder: Path, port: int | None = None):
    return served(Village().scene, folder, clock=SystemClock(), entropy=SystemEntropy(), port=port)


@contextlib.contextmanager
def taken(port: int = 0) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", port)) as held:
        yield held.getsockname()[1]


@pytest.fixture
async def page(folder: Path) -> AsyncIterator[Dashboard]:
    async with serving(folder) as found:
        yield found


@pytest.fixture
async def browser() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as found:
        yield found


async def test_a_code_lets_one_browser_in_once(page: Dashboard, browser: ClientSession):
    form, own = {"code": page.login()["code"], "next": "/"}, {"Origin": page.url}
    async with browser.get(page.url + "/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/login?next=/")
    async with browser.post(page.url + "/login", data=form, headers=own) as answer:
        assert answer.status == 200
        assert "Testnet testnet-7" in await answer.text()
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
    async with browser.get(page.url + "/state") as answer:
        assert (await answer.json())["net"] == NET
    async with browser.post(page.url + "/login", data=form, headers=own) as answer:
        assert answer.status == 401
    async with browser.post(page.url + "/logout", data={}, headers=own) as answer:
        assert answer.url.path == "/login"
    async with browser.get(page.url + "/state", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_nothing_of_a_nodes_api_is_there(page: Dashboard, browser: ClientSession):
    for path in ("/v1/status", "/v1/casts", "/v1/keys"):
        async with browser.get(page.url + path) as answer:
            assert answer.status == 401


async def test_another_terminal_finds_the_way_in(page: Dashboard, folder: Path):
    where, found = await asyncio.to_thread(remote.login, None)
    assert where == folder
    assert found["link"].startswith(f"{page.url}/login#")
    assert [word.folder for word in await asyncio.to_thread(remote.running)] == [folder]
    assert (folder / DASHBOARD_FILE).stat().st_mode & 0o077 == 0


async def test_who_was_let_in_stays_in_when_it_comes_up_again(folder: Path):
    async with serving(folder) as found:
        secret = await found.access.enter(found.login()["code"])
    assert secret is not None
    async with serving(folder) as found:
        assert found.access.visitor(None, secret) is not None


async def test_at_its_end_nobody_answers(folder: Path):
    async with serving(folder) as found:
        port = int(found.url.rpartition(":")[2])
    with taken(port):
        pass
    with pytest.raises(TransportError) as refused:
        await asyncio.to_thread(remote.login, str(folder))
    assert refused.value.code == "E-NO-TESTNET"


async def test_a_port_that_is_taken_is_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch):
    with taken() as first:
        monkeypatch.setattr(module, "PORT", first)
        monkeypatch.setattr(module, "_NEXT_PORTS", 0)
        async with serving(folder) as found:
            assert f"Port {first} is taken" in found.passed_over
            assert found.url != f"http://127.0.0.1:{first}"


async def test_a_port_that_is_named_is_the_only_one(folder: Path):
    with taken() as port:
        with pytest.raises(ConfigError) as refused:
            async with serving(folder, port):
                pass
        assert refused.value.code == "E-PORT"
        assert str(port) in refused.value.sentence
        assert "--port" in (refused.value.fix or "")
