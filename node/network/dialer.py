"""Going out: dials peers, and keeps the links that must be kept.

Enters: addresses from settings, invites and signed node records, never from a cast. Leaves: proved
links, handed to `Links`. Never here: choosing whom to dial, listening; a request to any place but
the one that was to be dialled, whatever answers there.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import re
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

from aiohttp import (
    ClientError,
    ClientHandlerType,
    ClientMiddlewareType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    DummyCookieJar,
    TCPConnector,
    hdrs,
)
from yarl import URL

from node.address_text import is_number
from node.errors import TransportError
from node.network.connection import Connection
from node.network.endpoint import Endpoint
from node.network.errands import Errand
from node.network.links import Links
from node.network.pipe import CLOSE_S, PEER_PATH, SOCKET_BYTES_MAX, Pipe
from node.network.resolver import PublicResolver
from protocol import limits
from protocol.ids import NodeId
from protocol.network.addresses import is_public
from protocol.network.groups import group_of
from protocol.network.patience import Patience

TCP_S: Final = 2.0
"""How long a TCP connection may take, s."""
RESOLVERS: Final = 4
"""Names of strangers asked for at a time, on one errand; guess."""
BACKOFF_S: Final = 0.2
"""Ceiling of the first pause before a kept link is dialled again, s; it doubles each time ..."""
BACKOFF_S_MAX: Final = 60.0
"""... up to this, s."""
SETTLED_MS: Final = 10_000
"""A link that lasted this long counts as a success, and the pauses start anew."""
SLOTS: Final = {
    Errand.OWNER: limits.dials_open_max,
    Errand.LINK: limits.dials_open_max,
    Errand.POST: limits.dials_post_max,
    Errand.GUEST: limits.dials_guest_max,
}
"""Dials in flight: who says nothing keeps nobody waiting but those on the same errand."""
ON_DEMAND: Final = frozenset({Errand.POST, Errand.GUEST})
"""Errands with a patience of their own, so that guests cannot use up ours; the engine has its."""
_DOUBLINGS_MAX: Final = 16
_MS: Final = 1_000
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
    if is_number(host):
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
    next_ms: int | None = None
    """Monotonic ms of the next one; None while one is under way, or linked."""
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
        self._slots = {errand: asyncio.Semaphore(slots) for errand, slots in SLOTS.items()}
        self._turns: WeakValueDictionary[NodeId | Address, asyncio.Lock] = WeakValueDictionary()
        self._patience = {errand: Patience() for errand in Errand if errand in ON_DEMAND}
        self._threads: dict[Errand, ThreadPoolExecutor] = {}
        self._is_stopped = False

    # --- one dial -------------------------------------------------------------------------------

    async def dial(
        self,
        address: str | Address,
        expected: NodeId | None = None,
        *,
        errand: Errand = Errand.OWNER,
        within_ms: int | None = None,
    ) -> Connection:
        """Link to the node at an address, or give the link there is to it already.

        Args:
            address: `host:port`.
            expected: the key that must be there; None takes whoever answers.
            errand: what for; on `main` hearsay leads into the open Internet and nowhere else.
            within_ms: time from the first packet to the link; the bounds of a handshake hold too.

        Raises:
            TransportError: E-ADDRESS, E-PEER-TIMEOUT, E-PEER-LOST, E-PEER-KEY, E-PEER-SELF,
                E-PEER-REFUSED or E-PEER-HANDSHAKE.
        """
        place = parse_address(address) if isinstance(address, str) else address
        # What a stranger wants may end while it still waits: nobody shall stand long behind it.
        in_all_ms = limits.dial_ms_guest if errand is Errand.GUEST else None
        # One dial at a time to the same place: two links of the same direction would fight.
        turn = self._turns.setdefault(expected or place, asyncio.Lock())
        async with _within(in_all_ms, place), turn:
            if link := self._links.get(expected):
                return link
            async with self._slots[errand], _within(within_ms, place):
                if self._is_stopped:
                    raise _stopping()
                return await self._try(place, expected, errand)

    async def _try(self, place: Address, expected: NodeId | None, errand: Errand) -> Connection:
        """Dial, unless many have named that place of late, and nobody was there."""
        patience = self._patience.get(errand)
        if patience is None or expected is None:
            return await self._link(place, expected, errand)
        address, group = str(place), group_of(str(place), self._endpoint.net)
        mono_ms = self._endpoint.clock.now().mono_ms
        if patience.due_ms(expected, address, group) > mono_ms:
            raise TransportError(
                f"{address} was dialled in vain a moment ago",
                code="E-PEER-BUSY",
                fix="It is dialled again in a moment",
            )
        patience.tried(address, group, mono_ms)
        link = await self._link(place, expected, errand)
        patience.reached(expected, address, group)
        return link

    async def _link(self, address: Address, expected: NodeId | None, errand: Errand) -> Connection:
        pipe = await self._connect(address, errand)
        link = Connection(self._endpoint, pipe, expected=expected)
        link.errand = errand
        await link.open()
        if self._is_stopped:
            # Carried here: a task spawned now may be cancelled before it begins, and never tidy up.
            link.close()
            await self._links.carry(link)
            raise _stopping()
        kept = self._links.admit(link)
        _ = self._endpoint.spawn(self._links.carry(link), f"link to {address}")
        return kept

    def _resolver(self, address: Address, errand: Errand) -> PublicResolver | None:
        """Say who asks where a name leads; None for the machine's own resolver.

        Raises:
            TransportError: E-PEER-LOST, a stranger's address in a place that is not public.
        """
        if self._endpoint.net != "main" or not errand.is_hearsay:
            return None
        if _is_literal(address.host) and not is_public(str(address)):
            raise TransportError(f"{address} is no public address")
        # Behind a proxy it is the proxy that asks.
        return None if self._endpoint.proxy else PublicResolver(self._threads_of(errand))

    def _threads_of(self, errand: Errand) -> ThreadPoolExecutor:
        if errand not in self._threads:
            name = f"names-{errand}"
            self._threads[errand] = ThreadPoolExecutor(RESOLVERS, thread_name_prefix=name)
        return self._threads[errand]

    async def _connect(self, address: Address, errand: Errand) -> Pipe:
        """Open the WebSocket; a session of its own belongs to each."""
        resolver = self._resolver(address, errand)
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
            connector=TCPConnector(
                socket_factory=make_socket,
                force_close=True,
                resolver=resolver,
                use_dns_cache=False,
            ),
            middlewares=(_once(),),
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
            async with _within(self._endpoint.bounds.handshake_ms, address):
                return await session.ws_connect(
                    url,
                    compress=0,
                    autoping=False,
                    max_msg_size=SOCKET_BYTES_MAX,
                    timeout=ClientWSTimeout(ws_close=CLOSE_S),
                    proxy=f"http://{self._endpoint.proxy}" if self._endpoint.proxy else None,
                )
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
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

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
        pause_s = self._endpoint.entropy.jitter(0, ceiling_s)
        kept.next_ms = self._endpoint.clock.now().mono_ms + int(pause_s * 1000)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await kept.wake.wait()
        kept.next_ms = None


@asynccontextmanager
async def _within(bound_ms: int | None, address: Address) -> AsyncIterator[None]:
    """Bound what is done in here.

    Raises:
        TransportError: E-PEER-TIMEOUT.
    """
    try:
        async with asyncio.timeout(None if bound_ms is None else bound_ms / _MS):
            yield
    except TimeoutError as error:
        raise TransportError(
            f"no answer from {address}",
            code="E-PEER-TIMEOUT",
            fix="Check that the node runs, and that its port is open to you",
        ) from error


def _is_literal(host: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False


def _once() -> ClientMiddlewareType:
    """Ask one question, and take no answer but the one hoped for.

    A redirect leads to a place of the peer's choice, and whoever hangs up would be asked again.
    """
    questions = itertools.count()

    async def ask(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if next(questions):
            raise ClientError("it hung up")
        answer = await handler(request)
        if answer.status != HTTPStatus.SWITCHING_PROTOCOLS:
            answer.close()
            raise ClientError(f"status {answer.status}")
        return answer

    return ask


def _stopping() -> TransportError:
    return TransportError("this node is stopping", fix="Start it again: intentcast up")
