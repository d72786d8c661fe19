"""The local network: announces this node there, and looks for others, by multicast DNS.

Enters: what the owner chose, the port that was opened. Leaves: sightings, which are hints alone.
Sockets are opened in the background, on local networks only, and anew when the machine has moved to
other ones; what stands in the way is one notice, never a failure of the node. Never here: a dial,
trust, loopback, the names of this machine or its owner.
Source: docs/protocol/09-invites.md, "Announcements"; docs/guides/neighbours.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from zeroconf import Error, IPVersion
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from node.clock import Clock
from node.network.announcement import SERVICE_TYPE, instance_name, txt_fields
from node.network.interfaces import Interface, read_interfaces
from node.network.lookout import Lookout
from node.network.vicinity import Vicinity
from protocol.ids import NodeId

_LOG = logging.getLogger(__name__)
ROUND_S: Final = 15.0
"""How often the machine's networks are looked at, s."""
OPEN_S: Final = 10.0
"""How long opening and announcing may take, s."""
SHUT_S: Final = 2.0
"""How long the goodbye may take, s."""
_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
_NO_NETWORK: Final = "This machine is in no local network now, so no node near it can be found."
_NOT_OPEN: Final = (
    "The local network cannot be searched: this machine lets no program use multicast there"
)
_NOT_HEARD: Final = (
    "Nodes nearby cannot find this one: it does not listen in a local network."
    " Start it so:  intentcast up --lan --listen 0.0.0.0:9401"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LanChoice:
    """What the owner chose, and what the node is."""

    net: str
    """Network id."""
    key: NodeId
    """This node's key."""
    announce: bool
    """Whether to be seen as well as to see."""
    listen_host: str
    """Where the node listens."""
    port: int | None
    """On which port, if it does."""
    names: tuple[str, ...] = ()
    """Adapters to use; all local ones when empty."""


class Lan:
    """One node's part in multicast DNS."""

    def __init__(
        self,
        choice: LanChoice,
        vicinity: Vicinity,
        *,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, Any], str], asyncio.Task[Any]],
        on_seen: Callable[[NodeId], None],
    ) -> None:
        """Prepare; `start` begins.

        Args:
            choice: what is wanted.
            vicinity: where sightings go.
            clock: the time.
            spawn: runs background tasks.
            on_seen: hears of a node of which something new is known.
        """
        self._choice = choice
        self._spawn = spawn
        self._lookout = Lookout(
            vicinity, net=choice.net, own=choice.key, clock=clock, spawn=spawn, on_seen=on_seen
        )
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._open_on: tuple[Interface, ...] | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self.notice = ""
        """What stands in the way; empty when nothing does."""

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """The local networks in use."""
        return self._open_on or ()

    def start(self) -> None:
        """Begin in the background; nothing waits for it."""
        self._tasks = [
            self._spawn(self._lookout.run(), "lan lookout"),
            self._spawn(self._follow(), "lan"),
        ]

    async def stop(self) -> None:
        """Say goodbye and close the sockets."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []
        await self._shut()

    def look_again(self) -> None:
        """Look at every announcement once more."""
        self._lookout.look_again()

    # --- sockets --------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Be open on the local networks of the moment, until cancelled."""
        while True:
            try:
                found = await asyncio.to_thread(read_interfaces, self._choice.names)
            except OSError as error:
                # Asked again in a while; what is open stays so meanwhile.
                if self._open_on is None:
                    self._say(f"{_NOT_OPEN} ({error.strerror or type(error).__name__}).")
            else:
                if found != self._open_on:
                    await self._shut()
                    await self._open(found)
            self._lookout.round()
            await asyncio.sleep(ROUND_S)

    async def _open(self, interfaces: tuple[Interface, ...]) -> None:
        if not interfaces:
            self._open_on = interfaces
            self._say(_NO_NETWORK)
            return
        try:
            async with asyncio.timeout(OPEN_S):
                await self._open_sockets(interfaces)
        except (OSError, RuntimeError, Error, TimeoutError) as error:
            # Tried again in a while; said once.
            self._say(f"{_NOT_OPEN} ({type(error).__name__}).")
            await self._shut()
        else:
            self._open_on = interfaces

    async def _open_sockets(self, interfaces: tuple[Interface, ...]) -> None:
        opened = AsyncZeroconf(
            interfaces=[each.address for each in interfaces], ip_version=IPVersion.V4Only
        )
        self._zeroconf = opened
        await opened.zeroconf.async_wait_for_start()
        self._lookout.watch(opened.zeroconf, [each.network for each in interfaces])
        self._browser = AsyncServiceBrowser(
            opened.zeroconf, SERVICE_TYPE, handlers=[self._lookout.changed]
        )
        addresses = self._addresses(interfaces)
        if addresses:
            told = await opened.async_register_service(
                self._service(addresses), allow_name_change=True
            )
            await told
        wants_to_be_heard = self._choice.announce and self._choice.port is not None
        self._say(_NOT_HEARD if wants_to_be_heard and not addresses else "")

    def _addresses(self, interfaces: tuple[Interface, ...]) -> list[str]:
        """List where this node can be dialled in these networks; none when it is not to be seen."""
        choice = self._choice
        if not choice.announce or choice.port is None:
            return []
        own = [each.address for each in interfaces]
        return (
            own if choice.listen_host in _ANYWHERE else [a for a in own if a == choice.listen_host]
        )

    def _service(self, addresses: list[str]) -> AsyncServiceInfo:
        name = instance_name(self._choice.key)
        return AsyncServiceInfo(
            SERVICE_TYPE,
            f"{name}.{SERVICE_TYPE}",
            port=self._choice.port,
            properties=txt_fields(net=self._choice.net, key=self._choice.key),
            # A host name made of the key: the machine's own often holds its owner's.
            server=f"{name}.local.",
            parsed_addresses=addresses,
        )

    async def _shut(self) -> None:
        self._lookout.watch(None)
        opened, browser = self._zeroconf, self._browser
        self._zeroconf = self._browser = self._open_on = None
        with contextlib.suppress(OSError, RuntimeError, Error, TimeoutError):
            async with asyncio.timeout(SHUT_S):
                if browser is not None:
                    await browser.async_cancel()
                if opened is not None:
                    await opened.async_close()

    def _say(self, notice: str) -> None:
        if notice and notice != self.notice:
            _LOG.warning("%s", notice)
        self.notice = notice
