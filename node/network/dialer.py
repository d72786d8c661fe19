"""Going out: dials peers, and keeps the links that must be kept.

Enters: addresses from settings, invites and signed node records, never from a cast. Leaves: proved
links, handed to `Links`. Never here: choosing whom to dial, listening.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    DummyCookieJar,
    TCPConnector,
    hdrs,
)
from yarl import URL

from node.errors import TransportError
from node.network.connection import Connection
from node.network.endpoint import Endpoint
from node.network.links import Links
from node.network.pipe import CLOSE_S, PEER_PATH, SOCKET_BYTES_MAX, Pipe
from protocol.ids import NodeId

TCP_S: Final = 2.0
"""How long a TCP connection may take, s."""
DIALS_MAX: Final = 16
"""Dials in flight."""
BACKOFF_S: Final = 0.2
"""Ceiling of the first pause before a kept link is dialled again, s; it doubles each time ..."""
BACKOFF_S_MAX: Final = 60.0
"""... up to this, s."""
SETTLED_MS: Final = 10_000
"""A link that lasted this long counts as a success, and the pauses start anew."""
_DOUBLINGS_MAX: Final = 16
_ADDRESS_CHARS_MAX: Final = 260
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


class Address(NamedTuple):
    """Where a node listens."""

    host: str
    """IP address without brackets, or a name."""
    port: int
    """1..65535."""

    def __str__(self) -> str:
        """Write as `host:port`, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read `host:port` or `[IPv6]:port`.

    Raises:
        TransportError: E-ADDRESS.
    """
    host, _, port = text.strip().rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if is_bracketed else host
    is_port = port.isascii() and port.isdigit() and 0 < int(port[:6]) < 1 << 16
    if len(text) <= _ADDRESS_CHARS_MAX and is_port and _is_host(host, is_bracketed=is_bracketed):
        return Address(host.lower(), int(port))
    raise TransportError(
        f"'{text[:80]}' is not an address",
        code="E-ADDRESS",
        fix="Write host:port, for instance 192.0.2.7:7440 or [2001:db8::7]:7440",
    )


def _is_host(host: str, *, is_bracketed: bool) -> bool:
    if is_bracketed:
        with suppress(ValueError):
            return ipaddress.IPv6Address(host).scope_id is None
        return False
    if host.replace(".", "").isdigit():
        # Not left to the machine's resolver, to which 127.1 or 2130706433 are addresses too.
        with suppress(ValueError):
            return bool(ipaddress.IPv4Address(host))
        return False
    return _NAME.fullmatch(host) is not None


@dataclass(slots=True)
class Kept:
    """A peer to stay linked to."""

    address: Address
    """Where it listens."""
    expected: NodeId | None
    """Its key, when known beforehand."""
    peer_id: NodeId | None = None
    """The key it last proved."""
    failures: int = 0
    """Dials in a row that came to nothing."""
    error: TransportError | None = None
    """What the last one failed with."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends a pause."""
    task: asyncio.Task[None] | None = None
    """Keeps it."""


class Dialer:
    """Dials once when asked, and again and again for the peers it is told to keep."""

    def __init__(self, endpoint: Endpoint, links: Links) -> None:
        """Prepare; nothing is dialled until asked."""
        self._endpoint = endpoint
        self._links = links
        self._kept: dict[Address, Kept] = {}
        self._in_flight = asyncio.Semaphore(DIALS_MAX)
        self._turns: WeakValueDictionary[NodeId | Address, asyncio.Lock] = WeakValueDictionary()
        self._is_stopped = False

    # --- one dial -------------------------------------------------------------------------------

    async def dial(self, address: str | Address, expected: NodeId | None = None) -> Connection:
        """Link to the node at an address, or give the link there is to it already.

        Args:
            address: `host:port`.
            expected: the key that must be there; None takes whoever answers.

        Raises:
            TransportError: E-ADDRESS, E-PEER-TIMEOUT, E-PEER-LOST, E-PEER-KEY, E-PEER-SELF,
                E-PEER-REFUSED or E-PEER-HANDSHAKE.
        """
        place = parse_address(address) if isinstance(address, str) else address
        # One dial at a time to the same place: two links of the same direction would fight.
        turn = self._turns.setdefault(expected or place, asyncio.Lock())
        async with turn:
            if link := self._links.get(expected):
                return link
            async with self._in_flight:
                if self._is_stopped:
                    raise _stopping()
                return await self._link(place, expected)

    async def _link(self, address: Address, expected: NodeId | None) -> Connection:
        link = Connection(self._endpoint, await self._connect(address), expected=expected)
        await link.open()
        if self._is_stopped:
            # Carried here: a task spawned now may be cancelled before it begins, and never tidy up.
            link.close()
            await self._links.carry(link)
            raise _stopping()
        kept = self._links.admit(link)
        _ = self._endpoint.spawn(self._links.carry(link), f"link to {address}")
        return kept

    async def _connect(self, address: Address) -> Pipe:
        """Open the WebSocket; a session of its own belongs to each."""
        sockets: list[socket.socket] = []

        def make_socket(info: Any) -> socket.socket:
            made = socket.socket(*info[:3])
            sockets.append(made)
            return made

        def abort() -> None:
            for made in sockets:
                with suppress(OSError):
                    made.shutdown(socket.SHUT_RDWR)

        session = ClientSession(
            connector=TCPConnector(socket_factory=make_socket, force_close=True),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None, sock_connect=TCP_S),
            skip_auto_headers=[hdrs.USER_AGENT],
        )
        try:
            opened = await self._upgrade(session, address)
        except BaseException:
            abort()
            await session.close()
            raise
        peer = opened.get_extra_info("peername", ("",))
        return Pipe(opened, abort=abort, remote_host=peer[0], outbound=True, release=session.close)

    async def _upgrade(self, session: ClientSession, address: Address) -> ClientWebSocketResponse:
        url = URL.build(scheme="ws", host=address.host, port=address.port, path=PEER_PATH)
        try:
            async with asyncio.timeout(self._endpoint.bounds.handshake_ms / 1_000):
                return await session.ws_connect(
                    url,
                    compress=0,
                    max_msg_size=SOCKET_BYTES_MAX,
                    timeout=ClientWSTimeout(ws_close=CLOSE_S),
                    proxy=f"http://{self._endpoint.proxy}" if self._endpoint.proxy else None,
                )
        except TimeoutError as error:
            raise TransportError(
                f"no answer from {address}",
                code="E-PEER-TIMEOUT",
                fix="Check that the node runs, and that its port is open to you",
            ) from error
        except (ClientError, OSError, ValueError) as error:
            raise TransportError(
                f"no node answers at {address}",
                fix="Check the address, and that the node runs",
            ) from error

    # --- kept links -----------------------------------------------------------------------------

    @property
    def kept(self) -> list[Kept]:
        """The peers to stay linked to, and how that goes."""
        return list(self._kept.values())

    def keep(self, address: str | Address, expected: NodeId | None = None) -> None:
        """Stay linked to the node at an address until `forget`.

        Raises:
            TransportError: E-ADDRESS.
        """
        place = parse_address(address) if isinstance(address, str) else address
        if place in self._kept:
            return
        kept = Kept(place, expected)
        self._kept[place] = kept
        kept.task = self._endpoint.spawn(self._keep(kept), f"keeps {place}")

    def forget(self, address: str | Address) -> None:
        """Dial this one no more; a link that is open stays."""
        place = parse_address(address) if isinstance(address, str) else address
        kept = self._kept.pop(place, None)
        if kept and kept.task:
            kept.task.cancel()

    def reconnect(self) -> None:
        """Dial every kept peer that is not linked: after waking, or when the network is back."""
        for kept in self._kept.values():
            kept.failures = 0
            kept.wake.set()

    def stop(self) -> None:
        """Dial nobody any more, whoever asks."""
        self._is_stopped = True
        for place in list(self._kept):
            self.forget(place)

    async def _keep(self, kept: Kept) -> None:
        while True:
            started_ms = self._endpoint.clock.now().mono_ms
            try:
                # The peer may have dialled us, or be linked under another of its addresses.
                link = self._links.get(kept.peer_id) or await self.dial(kept.address, kept.expected)
            except TransportError as error:
                kept.error = error
            else:
                kept.error = None
                kept.peer_id = link.peer_id
                await link.wait_closed()
                if self._endpoint.clock.now().mono_ms - started_ms >= SETTLED_MS:
                    kept.failures = 0
            await self._pause(kept)

    async def _pause(self, kept: Kept) -> None:
        """Wait a random part of a ceiling that doubles: a crowd must not come back as one."""
        ceiling_s = min(BACKOFF_S_MAX, BACKOFF_S * 2 ** min(kept.failures, _DOUBLINGS_MAX))
        kept.failures += 1
        kept.wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._endpoint.entropy.jitter(0, ceiling_s)):
                await kept.wake.wait()


def _stopping() -> TransportError:
    return TransportError("this node is stopping", fix="Start it again: intentcast up")
