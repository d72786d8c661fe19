"""A relay with few descriptors, and a crowd at its door: it works on, says little, recovers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.config import Settings
from node.daemon import Daemon
from node.home import LOG_FILE
from node.testnet.door import HttpDoor
from tests.integration.fair import HOST, NET, eventually

ROOT = Path(__file__).resolve().parents[2]
FILES = 128
CROWD = 500
LINES_PER_MINUTE = 100
RECOVERED_S = 5.0
FEW = (
    "import resource, runpy, sys\n"
    f"resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))\n"
    "sys.argv = ['resident', sys.argv[1]]\n"
    "runpy.run_module('node.testnet.resident', run_name='__main__')\n"
)
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="counts another process's descriptors in /proc"
)


@dataclass
class Relay:
    """A relay in a process of its own."""

    home: Path
    process: subprocess.Popen[bytes]
    door: HttpDoor
    listen: str

    def files(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def log(self) -> list[str]:
        return (self.home / LOG_FILE).read_text().splitlines()

    async def check(self, name: str) -> dict[str, Any]:
        report = json.loads(await self.door._ask("GET", "/v1/doctor"))
        found: dict[str, Any] = next(each for each in report["checks"] if each["name"] == name)
        return found


@asynccontextmanager
async def relay(home: Path) -> AsyncIterator[Relay]:
    process = await asyncio.to_thread(begun, home)
    try:
        address = home / "api.json"
        await eventually(lambda: asyncio.to_thread(address.exists), "the relay is up", 20)
        facts = json.loads(await asyncio.to_thread(address.read_text))
        door = HttpDoor(facts["url"], await asyncio.to_thread((home / "api.token").read_text))
        try:
            yield Relay(home, process, door, (await door.status())["listen"])
        finally:
            await door.close()
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 15)
        assert process.stdin is not None
        process.stdin.close()


def begun(home: Path) -> subprocess.Popen[bytes]:
    home.mkdir(mode=0o700)
    settings = f'net = "{NET}"\napi_port = 0\nlisten_port = 0\nmailbox = true\n'
    (home / "config.toml").write_text(settings)
    return subprocess.Popen(
        [sys.executable, "-c", FEW, str(home)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@asynccontextmanager
async def peer(home: Path, listen: str) -> AsyncIterator[Daemon]:
    daemon = Daemon(home, Settings(net=NET, api_port=0, peers=[listen]))
    await daemon.start()
    try:
        await eventually(daemon.network.peers, "linked", RECOVERED_S)
        yield daemon
    finally:
        await daemon.stop()


async def dial(listen: str) -> None:
    """Dial, stay, and dial again when turned away; until cancelled."""
    host, _, port = listen.rpartition(":")
    while True:
        writer = None
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
            await reader.read()
        except OSError:
            pass
        finally:
            if writer is not None:
                writer.close()
        await asyncio.sleep(0.05)


@pytest.mark.timeout(90)
async def test_a_crowd_at_the_door(tmp_path: Path):
    async with relay(tmp_path / "relay") as house, peer(tmp_path / "ana", house.listen) as ana:
        crowd = [asyncio.ensure_future(dial(house.listen)) for _ in range(CROWD)]
        most = 0
        slowest = 0.0
        loop = asyncio.get_running_loop()
        end = loop.time() + 4
        while loop.time() < end:
            begun_s = loop.time()
            status = await house.door.status()
            slowest = max(slowest, loop.time() - begun_s)
            most = max(most, await asyncio.to_thread(house.files))
            assert status["peers"] == 1
            assert len(ana.network.peers()) == 1
            await asyncio.sleep(0.1)
        found = await house.check("descriptors")
        assert found["state"] == "warn"
        assert int(re.search(r"(\d+) turned away", found["proof"])[1]) > CROWD  # type: ignore[index]
        assert most < FILES
        assert slowest < 3
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        async with peer(tmp_path / "bo", house.listen):
            assert len(ana.network.peers()) == 1
        lines = await asyncio.to_thread(house.log)
        print(f"figures: {most} descriptors, API {slowest:.3f} s at most, {len(lines)} lines")
        assert len(lines) <= LINES_PER_MINUTE


@pytest.mark.timeout(90)
async def test_no_descriptor_is_left_at_all(tmp_path: Path):
    async with relay(tmp_path / "relay") as house, peer(tmp_path / "ana", house.listen) as ana:
        # A question that waits keeps its connection: the next one needs no new descriptor.
        await house.door.status()
        held = await asyncio.to_thread(house.files)
        resource.prlimit(house.process.pid, resource.RLIMIT_NOFILE, (held, FILES))
        crowd = [asyncio.ensure_future(dial(house.listen)) for _ in range(50)]
        api = house.door._session._base_url
        assert api is not None
        crowd += [asyncio.ensure_future(dial(f"{HOST}:{api.port}")) for _ in range(50)]
        await asyncio.sleep(3)
        assert len(ana.network.peers()) == 1
        assert (await house.door.status())["peers"] == 1
        found = await house.check("descriptors")
        assert found["state"] == "bad", found
        assert "ran out" in found["cause"]
        resource.prlimit(house.process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        async with asyncio.timeout(RECOVERED_S):
            async with peer(tmp_path / "bo", house.listen):
                pass
            fresh = HttpDoor(str(api), house.door._session.headers["Authorization"].split()[1])
            with contextlib.suppress(KeyError):
                await fresh.status()
            await fresh.close()
        found = await house.check("descriptors")
        assert "ran out earlier" in found["cause"]
        log = await asyncio.to_thread(house.log)
        print("figures: log:", *log, sep="\n")
        assert 1 <= len(log) <= LINES_PER_MINUTE
        assert not any("Traceback" in line for line in log), log
