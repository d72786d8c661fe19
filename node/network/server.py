"""The door: peers' WebSockets on one port, path `/peer`, and nothing else.

Enters: TCP connections from anywhere. Leaves: proved links, handed to `Links`. Whoever does not
finish a handshake in time is cut, whether it speaks HTTP or nothing; strangers never get so many
descriptors that the node has none left for its own work. Never here: any other page or route, TLS,
messages.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from node import descriptors
from node.errors import TransportError
from node.network.acceptor import Acceptor
from node.network.connection import Connection
from node.network.endpoint import Endpoint
from node.network.links import Links
from node.network.pipe import CLOSE_S, PEER_PATH, SOCKET_BYTES_MAX, Pipe
from protocol import limits
from protocol.errors import Reason
from protocol.network.groups import public_group_of

_LOG = logging.getLogger(__name__)
_HTTP_LOG = logging.getLogger(f"{__name__}.http")

KNOCKING_MAX: Final = 8
"""Links beyond those the engine keeps, while it decides who makes room; guess."""
GUESTS_MAX: Final = 64
"""TCP connections that have not finished a handshake; guess."""
GROUP_MAX: Final = 16
"""Connections from one group of public addresses; guess."""
READ_BYTES: Final = 16 * 1024
"""Bytes of one connection that are read in one turn of the loop: 2,700 of the smallest frames, some
3 ms of work, where the usual 256 KiB are 50."""
_BACKLOG: Final = 128
_PORT_MAX: Final = 65_535


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Keep our own bugs; drop the tracebacks of aiohttp for guests that are at fault.

    These speak no HTTP, or went away in the middle of a word.
    """
    guests = ConnectionError, HttpProcessingError
    return not (record.exc_info and isinstance(record.exc_info[1], guests))


_HTTP_LOG.addFilter(_is_worth_a_line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many may come in."""

    links_max: int = limits.inbound_links_max
    """Inbound links before the node calls itself full."""
    reserve: int = limits.inbound_reserve
    """Further links while full, for those who come for their letters."""
    knocking: int = KNOCKING_MAX
    """Further links while the engine decides who makes room."""
    guests_max: int = GUESTS_MAX
    """Connections that have not finished a handshake."""
    per_host_max: int | None = None
    """Connections from one IP address; None where many nodes share one, as in a testnet."""
    per_group_max: int = GROUP_MAX
    """Connections from one group of public addresses."""
    descriptors_max: int | None = field(default_factory=descriptors.limit)
    """What this process may hold; None for no limit."""

    @property
    def total_max(self) -> int:
        """Connections of all kinds at a time."""
        wanted = self.links_max + self.reserve + self.knocking + self.guests_max
        return descriptors.room_for_guests(wanted, found=self.descriptors_max)


@dataclass(slots=True)
class _Guest:
    """One open connection."""

    host: str
    """IP address it came from."""
    group: str | None
    """The group of that address."""
    timer: asyncio.TimerHandle | None
    """Cuts it, until it is a proved peer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How crowded it is, for `doctor`."""

    open: int
    """Connections that are open."""
    most: int
    """How many may be."""
    refused: int
    """Turned away since the start, for want of room."""
    is_short: bool
    """Whether the machine refused a descriptor when last asked."""
    shortages: int
    """How often it began to refuse them."""


class Server:
    """Listens, shakes hands, and hands links on."""

    def __init__(self, endpoint: Endpoint, links: Links, *, caps: Caps | None = None) -> None:
        """Prepare; `start` begins to listen."""
        self._endpoint = endpoint
        self._links = links
        self._caps = caps or Caps()
        self._web: web.Server | None = None
        self._socket: socket.socket | None = None
        self._acceptor: Acceptor | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._guests: dict[asyncio.Transport, _Guest] = {}
        self.refused = 0

    @property
    def is_full(self) -> bool:
        """Whether a newcomer needs room to be made."""
        return self._links.inbound_count >= self._caps.links_max

    @property
    def door(self) -> Door:
        """How crowded the door is."""
        self._forget_gone()
        acceptor = self._acceptor
        return Door(
            open=len(self._guests),
            most=self._caps.total_max,
            refused=self.refused,
            is_short=acceptor is not None and acceptor.is_short,
            shortages=acceptor.shortages if acceptor else 0,
        )

    # --- start and stop -------------------------------------------------------------------------

    async def start(self, host: str, port: int) -> int:
        """Listen on one address and give the port, which is chosen by the machine when 0.

        Raises:
            TransportError: E-PORT, the port is taken or the address is not this machine's.
        """
        try:
            self._socket = await _listening_socket(host, port)
        except OSError as error:
            raise _port_error(host, port, error) from error
        self._socket.settimeout(0)
        self._web = web.Server(self._answer, access_log=None, logger=_HTTP_LOG)
        self._acceptor = Acceptor(self._socket, self._take)
        self._accepting = self._endpoint.spawn(self._acceptor.run(), "server accepts")
        chosen: int = self._socket.getsockname()[1]
        return chosen

    async def stop(self) -> None:
        """Stop listening and say goodbye to every inbound link."""
        if self._accepting:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
        if self._socket:
            self._socket.close()
            self._socket = None
        inbound = [link for link in self._links if not link.outbound]
        for link in inbound:
            link.close(Reason.SHUTDOWN)
        for transport, guest in self._guests.items():
            if guest.timer:
                guest.timer.cancel()
                transport.abort()
        self._guests.clear()
        await asyncio.gather(*(link.wait_closed() for link in inbound))
        if self._web:
            await self._web.shutdown(timeout=CLOSE_S)
            self._web = None

    # --- TCP ------------------------------------------------------------------------------------

    async def _take(self, guest: socket.socket, host: str) -> None:
        """Let a connection in, or turn it away."""
        if self._web is None or not self._has_room(host):
            self.refused += 1
            guest.close()
            return
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.connect_accepted_socket(self._web, guest)
        except OSError:
            guest.close()
        else:
            # asyncio's own name: how much it reads in one turn of the loop.
            transport.max_size = READ_BYTES  # type: ignore[attr-defined]
            self._welcome(transport, host)

    def _forget_gone(self) -> None:
        self._guests = {
            transport: guest
            for transport, guest in self._guests.items()
            if not transport.is_closing()
        }

    def _has_room(self, host: str) -> bool:
        self._forget_gone()
        caps, guests = self._caps, self._guests.values()
        group = public_group_of(host)
        return (
            len(guests) < caps.total_max
            # Strangers may take half of a small place, never all of it: links come first.
            and _count(guest.timer for guest in guests)
            < min(caps.guests_max, max(1, caps.total_max // 2))
            and (
                caps.per_host_max is None
                or _count(guest.host == host for guest in guests) < caps.per_host_max
            )
            and (
                group is None
                or _count(guest.group == group for guest in guests) < caps.per_group_max
            )
        )

    def _welcome(self, transport: asyncio.Transport, host: str) -> None:
        """Set the deadline that holds even for a guest who never asks for anything."""
        deadline_s = self._endpoint.bounds.handshake_ms / 1_000
        timer = asyncio.get_running_loop().call_later(deadline_s, transport.abort)
        self._guests[transport] = _Guest(host, public_group_of(host), timer)

    def _settle(self, transport: asyncio.Transport) -> None:
        """Lift the deadline: the guest is a proved peer."""
        guest = self._guests.get(transport)
        if guest and guest.timer:
            guest.timer.cancel()
            guest.timer = None

    # --- HTTP -----------------------------------------------------------------------------------

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        socket_ = web.WebSocketResponse(
            compress=False, max_msg_size=SOCKET_BYTES_MAX, timeout=CLOSE_S, autoping=False
        )
        transport = request.transport
        # A browser names the page that dials; no page has business here.
        is_peer = request.path == PEER_PATH and hdrs.ORIGIN not in request.headers
        if transport is None or not is_peer or not socket_.can_prepare(request).ok:
            refusal = web.Response(status=404, headers={hdrs.SERVER: "intentcast"})
            refusal.force_close()
            return refusal
        socket_.headers[hdrs.SERVER] = "intentcast"
        await socket_.prepare(request)
        pipe = Pipe(
            socket_, abort=transport.abort, remote_host=request.remote or "", outbound=False
        )
        await self._link(Connection(self._endpoint, pipe), transport)
        return socket_

    async def _link(self, link: Connection, transport: asyncio.Transport) -> None:
        try:
            await link.open()
        except TransportError as error:
            _LOG.debug("no link from %s: %s", link.remote_host, error)
            return
        self._settle(transport)
        links_max = self._caps.links_max + self._caps.reserve + self._caps.knocking
        if self._links.inbound_count >= links_max and not self._links.get(link.peer_id):
            link.close(Reason.QUOTA, "this node has no room for another link")
        else:
            self._links.admit(link)
        await self._links.carry(link)


def _count(facts: Iterable[object]) -> int:
    return sum(1 for fact in facts if fact)


async def _listening_socket(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _PORT_MAX:
        # The resolver would cut it to 16 bits, and the node listen somewhere else.
        raise OSError(errno.EINVAL, "there is no such port")
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, _, _, _, address = found[0]
    is_any_v6 = family == socket.AF_INET6 and address[0] == "::"
    return socket.create_server(
        address[:2],
        family=family,
        backlog=_BACKLOG,
        dualstack_ipv6=is_any_v6 and socket.has_dualstack_ipv6(),
    )


def _port_error(host: str, port: int, error: OSError) -> TransportError:
    """Say in a person's words why the port cannot be had."""
    where = f"{host or '*'}:{port}"
    if error.errno == errno.EADDRINUSE:
        sentence = f"another program already listens on {where}"
        fix = "Choose another port, or stop that program; perhaps this node runs already"
    elif error.errno == errno.EACCES:
        sentence = f"this user may not listen on {where}"
        fix = "Choose a port of 1024 or above"
    else:
        sentence = f"cannot listen on {where}: {error.strerror or error}"
        fix = "Use an address of this machine, such as 127.0.0.1 or 0.0.0.0, and a port below 65536"
    return TransportError(sentence, code="E-PORT", fix=fix)
