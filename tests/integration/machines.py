"""Two machines on one wire, made of network namespaces; each runs nodes and tools of its own.

Needs root and `ip`; says why where it cannot be had. Everything that is made here is cleared away
here: processes by their own ids, then the namespaces, and with them their wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
UP_S = 40.0
ASK_S = 30.0
GRACE_S = 10.0
NET = "wire"
Document = dict[str, Any]


def why_not() -> str:
    """Say why this machine can make no others; empty where it can."""
    if sys.platform != "linux":
        return "network namespaces are a thing of Linux"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "the tool `ip` is not installed"
    name = f"ict{os.getpid()}x"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"no network namespace can be made: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


def environment() -> dict[str, str]:
    """Give a child what it needs, and none of our own settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "COV_", "INTENTCAST_"))
    }
    return kept | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


@dataclass
class Machine:
    """One namespace with one address on the wire."""

    name: str
    address: str
    folder: Path
    children: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / self.name

    def _inside(self, *argv: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name, *argv)

    async def begin(self, *argv: str, **streams: Any) -> asyncio.subprocess.Process:
        """Start a program in this machine; it ends with it."""
        child = await asyncio.create_subprocess_exec(
            *self._inside(*argv), env=environment(), start_new_session=True, cwd=ROOT, **streams
        )
        self.children.append(child)
        return child

    async def run(self, *argv: str, seconds: float = ASK_S) -> tuple[int, str, str]:
        """Run a program to its end; give exit code, stdout and stderr."""
        pipe = asyncio.subprocess.PIPE
        child = await self.begin(*argv, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe)
        async with asyncio.timeout(seconds):
            out, err = await child.communicate()
        self.children.remove(child)
        return child.returncode or 0, out.decode(), err.decode()

    async def python(self, text: str, *argv: str) -> asyncio.subprocess.Process:
        """Start a piece of Python."""
        return await self.begin(sys.executable, "-c", text, *argv, stdout=asyncio.subprocess.PIPE)

    # --- its node ----------------------------------------------------------------------------

    async def up(self, *argv: str) -> Document:
        """Start the node of this machine; give what it says when it is ready."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "stderr.txt").open("ab") as stderr:
            child = await self.begin(
                *(sys.executable, "-P", "-m", "node.cli.main", "--home", str(self.home)),
                *("--json", "up", "--net", NET, "--api-port", "0", *argv),
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
            )
        assert child.stdout is not None
        async with asyncio.timeout(UP_S):
            line = await child.stdout.readline()
        assert line, (self.home / "stderr.txt").read_text()
        ready: Document = json.loads(line)
        return ready

    async def down(self) -> None:
        """End whatever runs in this machine, in the order it began."""
        for child in self.children:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                async with asyncio.timeout(GRACE_S):
                    await child.wait()
            except TimeoutError:
                child.kill()
                await child.wait()
        self.children.clear()

    async def ask(self, *argv: str) -> Document:
        """Say a command to the node; give its document.

        Raises:
            AssertionError: it failed.
        """
        code, out, err = await self.say(*argv, "--json")
        assert code == 0, f"{argv}: {err}"
        found: Document = json.loads(out)
        return found

    async def say(self, *argv: str) -> tuple[int, str, str]:
        """Say a command to the node; give exit code, stdout and stderr."""
        command = (sys.executable, "-P", "-m", "node.cli.main", "--home", str(self.home))
        return await self.run(*command, *argv)


@dataclass
class Wire:
    """Two machines and what joins them."""

    folder: Path
    machines: list[Machine] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number, letter in enumerate("ab", 1):
            name = f"ict{os.getpid()}{letter}"
            self.machines.append(Machine(name, f"10.77.0.{number}", self.folder))

    async def lay(self) -> None:
        """Make the machines and join them; multicast goes over the wire."""
        one, two = self.machines
        for machine in self.machines:
            await _ip("netns", "add", machine.name)
        ends = ("wire0", "wire1")
        await _ip(
            *("-n", one.name, "link", "add", ends[0], "type", "veth"),
            *("peer", "name", ends[1], "netns", two.name),
        )
        for machine, end in zip(self.machines, ends, strict=True):
            await _ip("-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", end)
            for device in ("lo", end):
                await _ip("-n", machine.name, "link", "set", device, "up")
            await _ip("-n", machine.name, "route", "add", "224.0.0.0/4", "dev", end)

    async def clear(self) -> None:
        """End all that runs there, and take the machines away."""
        await asyncio.gather(*(machine.down() for machine in self.machines))
        for machine in self.machines:
            with contextlib.suppress(AssertionError):
                await _ip("netns", "del", machine.name)


async def _ip(*argv: str) -> None:
    child = await asyncio.create_subprocess_exec(
        "ip", *argv, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    _, err = await child.communicate()
    assert child.returncode == 0, f"ip {' '.join(argv)}: {err.decode()}"


async def until(ask: Callable[[], Any], seconds: float, what: str) -> Any:
    """Ask until the answer is true; give it.

    Raises:
        AssertionError: it did not become so in time.
    """
    try:
        async with asyncio.timeout(seconds):
            while not (found := await ask()):
                await asyncio.sleep(0.2)
            return found
    except TimeoutError:
        raise AssertionError(f"not within {seconds:.0f} s: {what}") from None
