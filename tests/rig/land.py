"""Network namespaces, and the wires between them: machines of their own on this machine.

Needs root and `ip`; `why_not` says why where it cannot be had. Enters: names, addresses, wires to
lay, to cut and to mend. Leaves: namespaces to start programs in, and sockets that belong to them.
All names begin with one word of this process, and all that bears it is taken away at the end, on
failure too; the host's own network is never touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.integration.machines import why_not

__all__ = ["Land", "laid", "socket_in", "why_not"]
_NEWNET: Final = 0x40000000
"""CLONE_NEWNET. Source: linux/sched.h."""
_BRIDGE: Final = "bridge"
_SPACES: Final = Path("/var/run/netns")


class Land:
    """All namespaces of one rig."""

    def __init__(self) -> None:
        """Begin with none."""
        self._word = f"icr{os.getpid()}"
        self._spaces: list[str] = []
        self._wires = 0

    def name(self, space: str) -> str:
        """Give the name the system knows a namespace by."""
        return f"{self._word}{space}"

    async def space(self, space: str, *addresses: str) -> str:
        """Make a machine, its loopback up; gives the name the system knows it by.

        Args:
            space: unique here.
            addresses: further ones of its loopback, whole hosts.
        """
        name = self.name(space)
        await _ip("netns", "add", name)
        self._spaces.append(name)
        await _ip("-n", name, "link", "set", "lo", "up")
        for address in addresses:
            await _ip("-n", name, "addr", "add", f"{address}/32", "dev", "lo")
        return name

    async def switch(self, space: str) -> str:
        """Make a machine that is nothing but a switch."""
        name = await self.space(space)
        await _ip("-n", name, "link", "add", _BRIDGE, "type", _BRIDGE)
        await _ip("-n", name, "link", "set", _BRIDGE, "up")
        return name

    async def plug(self, space: str, switch: str, address: str = "") -> str:
        """Lay a wire from a machine or a switch to a switch; gives its name, the same at both ends.

        Args:
            space: where it begins.
            switch: where it ends.
            address: of the machine on it, with the length of its net; empty between two switches.
        """
        self._wires += 1
        wire = f"wire{self._wires}"
        one, other = self.name(space), self.name(switch)
        await _ip(
            *("-n", one, "link", "add", wire, "type", "veth"),
            *("peer", "name", wire, "netns", other),
        )
        if address:
            await _ip("-n", one, "addr", "add", address, "dev", wire)
        else:
            await _ip("-n", one, "link", "set", wire, "master", _BRIDGE)
        await _ip("-n", other, "link", "set", wire, "master", _BRIDGE)
        for end in (one, other):
            await _ip("-n", end, "link", "set", wire, "up")
        return wire

    async def route(self, space: str, to: str, via: str) -> None:
        """Tell a machine the way to a host."""
        await _ip("-n", self.name(space), "route", "add", f"{to}/32", "via", via)

    async def cut(self, space: str, wire: str) -> None:
        """Let nothing through a wire: what is sent is lost, and nobody is told."""
        await _ip("-n", self.name(space), "link", "set", wire, "down")

    async def mend(self, space: str, wire: str) -> None:
        """Let everything through again."""
        await _ip("-n", self.name(space), "link", "set", wire, "up")

    async def listens(self, space: str) -> list[str]:
        """List the addresses at which anybody listens in a machine."""
        shown = await _said("ip", "netns", "exec", self.name(space), "ss", "-ltnH")
        return [line.split()[3] for line in shown.splitlines()]

    def reaches(self, space: str, address: str, seconds: float = 1.0) -> bool:
        """Tell whether a connection can be opened from a machine to `host:port`."""
        host, _, port = address.rpartition(":")
        made = socket_in(self.name(space), (socket.AF_INET, socket.SOCK_STREAM, 0))
        with contextlib.closing(made):
            made.settimeout(seconds)
            return made.connect_ex((host, int(port))) == 0

    def clear(self) -> None:
        """Take every namespace away, and with them their wires; nothing may run in them."""
        for name in reversed(self._spaces):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        self._spaces.clear()


@asynccontextmanager
async def laid() -> AsyncIterator[Land]:
    """Have a land for the length of a block."""
    land = Land()
    try:
        yield land
    finally:
        # Not awaited: an end that is cancelled has to clear up as well.
        land.clear()


def socket_in(space: str, info: Any) -> socket.socket:
    """Make a socket that belongs to a namespace.

    A thread of its own enters it and ends: no other thread of this process ever leaves home.

    Args:
        space: name the system knows it by.
        info: family, type and protocol, and whatever else `getaddrinfo` gives.
    """
    found: list[socket.socket | OSError] = []

    def enter() -> None:
        handle = os.open(_SPACES / space, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(handle, _NEWNET) != 0:
                number = ctypes.get_errno()
                found.append(OSError(number, os.strerror(number)))
                return
            found.append(socket.socket(*info[:3]))
        finally:
            os.close(handle)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    (made,) = found
    if isinstance(made, OSError):
        raise made
    return made


async def _ip(*argv: str) -> None:
    await _said("ip", *argv)


async def _said(*argv: str) -> str:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *argv, stdout=pipe, stderr=pipe, stdin=asyncio.subprocess.DEVNULL
    )
    out, err = await child.communicate()
    assert child.returncode == 0, f"{' '.join(argv)}: {err.decode()}"
    return out.decode()
