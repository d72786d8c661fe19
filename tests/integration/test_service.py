"""A node under a service manager: its word to it, and that its sandbox lets it do what it must.

No manager runs it here. The sandbox is held against what the node really does: the calls a trace
shows must be of the set the unit allows, and memory that is written may not be run.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from node.cli.units import user_unit
from node.notify import Notifier
from node.storage.database import Storage

ROOT = Path(__file__).resolve().parents[2]
PR_SET_MDWE = 65
CONFINED = f"""
import ctypes, os, sys
if ctypes.CDLL(None).prctl({PR_SET_MDWE}, 1, 0, 0, 0):
    print("this kernel does not know PR_SET_MDWE", file=sys.stderr)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Forbids memory that is written and run, as MemoryDenyWriteExecute does, and becomes the node."""


class Manager:
    """Listens to a service."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    async def hears(self, state: str, within_s: float = 20.0) -> None:
        async with asyncio.timeout(within_s):
            while True:
                said = await asyncio.get_running_loop().sock_recv(self.socket, 500)
                if state in said.decode().split("\n"):
                    return


def allowed_calls() -> set[str]:
    """Everything in the sets the unit names, sets within sets included."""
    named = re.findall(r"^SystemCallFilter=(.*)$", user_unit(Path("/x")), flags=re.MULTILINE)
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True
    ).stdout
    sets: dict[str, set[str]] = {}
    name = ""
    for line in shown.splitlines():
        if line.startswith("@"):
            name = line.strip()
            sets[name] = set()
        elif line.strip() and not line.strip().startswith("#"):
            sets[name].add(line.strip())

    def whole(word: str) -> set[str]:
        if not word.startswith("@"):
            return {word}
        return {call for each in sets[word] for call in whole(each)}

    return {call for word in " ".join(named).split() for call in whole(word)}


@pytest.mark.skipif(
    not (shutil.which("strace") and shutil.which("systemd-analyze")),
    reason="strace and systemd-analyze are not both here",
)
async def test_a_node_does_nothing_its_sandbox_forbids(tmp_path: Path):
    manager = Manager(tmp_path / "notify")
    trace, home = tmp_path / "trace", tmp_path / "home"
    node = [sys.executable, "-P", "-m", "node.cli.main", "--home", str(home), "up"]
    process = await asyncio.create_subprocess_exec(
        *("strace", "-f", "-qqq", "-o", str(trace), "-e", "signal=none", "-s", "0"),
        *(sys.executable, "-c", CONFINED, *node),
        *("--net", "test", "--api-port", "0", "--listen", "127.0.0.1:0"),
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "NOTIFY_SOCKET": str(manager.path),
            "WATCHDOG_USEC": "400000",
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await manager.hears("READY=1")
        await manager.hears("WATCHDOG=1")
        await ask_everything(home)
        # The tracer passes it on to the node.
        pid = json.loads(await asyncio.to_thread((home / "api.json").read_text))["pid"]
        await asyncio.to_thread(subprocess.run, ["kill", str(pid)], check=True)
        await manager.hears("STOPPING=1")
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        manager.socket.close()
    text = await asyncio.to_thread(trace.read_text, errors="replace")
    made = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)", text, flags=re.MULTILINE))
    assert {"fsync", "fdatasync"} & made, "the trace shows no work"
    assert sorted(made - await asyncio.to_thread(allowed_calls)) == []
    families = set(re.findall(r"\bsocket(?:pair)?\((AF_\w+)", text))
    assert families <= {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}


async def ask_everything(home: Path) -> None:
    """Have the node look at its disk, its ports and its own numbers, and make a backup."""
    found = json.loads(await asyncio.to_thread((home / "api.json").read_text))
    token = (await asyncio.to_thread((home / "api.token").read_text)).strip()
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(found["url"], headers=headers) as client:
        for path in ("/readyz", "/metrics", "/info", "/v1/doctor", "/v1/doctor?scrub=true"):
            async with client.get(path) as answer:
                assert answer.status == 200, path
        body = {"path": str(home.parent / "kept.icb")}
        async with client.post("/v1/backups", json=body) as answer:
            assert answer.status == 200


async def test_a_node_whose_writer_has_stopped_barks_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The manager then starts it anew: nothing else brings the writer back."""
    from node import daemon as daemon_module
    from node.config import Settings

    manager = Manager(tmp_path / "notify")
    home = tmp_path / "home"
    daemon = daemon_module.Daemon(home, Settings(net="test", api_port=0))
    await daemon.start()
    try:
        way = Notifier(str(manager.path), 0.1)
        barking = asyncio.ensure_future(daemon_module._bark(daemon, way, 0.02))
        await manager.hears("WATCHDOG=1")
        monkeypatch.setattr(Storage, "is_written", property(lambda _self: False))
        await asyncio.wait_for(barking, 5)
    finally:
        await daemon.stop()
        manager.socket.close()
