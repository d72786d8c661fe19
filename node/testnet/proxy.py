"""Our own TCP proxy: a door on 127.0.0.1 behind which a link with a fault leads to a node.

Enters: connections, and who says where each one goes. Leaves: passages. `straight` always leads to
one place; `by_head` reads from the head of each connection where its node wants to go, as an HTTP
proxy does, so that with a door for each node both ends of every link are known, whoever told the
address. Never here: more of what is said than that head.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from node.testnet.fault import Cut
from node.testnet.passage import Link, Passage, reset
from protocol.errors import MessageError, Reason

HOST: Final = "127.0.0.1"
_HEAD_S: Final = 10.0
"""How long a connection may take to say where it goes."""
_LOOK_S: Final = 0.5
"""While a link is cut: how often one looks whether the one that dialled has given up."""
_NOWHERE: Final = (OverflowError, UnicodeError)
"""How Python says that no such port or host name can be."""
_HEAD: Final = re.compile(
    rb"GET (?:http|ws)://(?P<host>[A-Za-z0-9_.:\[\]-]{1,260}):(?P<port>[0-9]{1,5})"
    rb"(?P<path>/\S{0,300}) HTTP/1\.1\r\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a connection goes."""

    link: Link
    """The line between the two nodes."""
    host: str
    """Where the other one listens."""
    port: int
    """On this port."""
    head: bytes = b""
    """What was read to find out; passed on first."""


Router = Callable[[asyncio.StreamReader], Awaitable[Route]]


def straight(link: Link, address: str) -> Router:
    """Lead every connection to one host:port."""
    host, _, port = address.rpartition(":")
    route = Route(link=link, host=host.strip("[]"), port=int(port))

    async def ask(_reader: asyncio.StreamReader) -> Route:
        return route

    return ask


def by_head(link_to: Callable[[str], Link]) -> Router:
    """Lead each connection where its first line says: `GET http://host:port/path HTTP/1.1`.

    Args:
        link_to: gives the line to whoever listens at host:port.
    """

    async def ask(reader: asyncio.StreamReader) -> Route:
        async with asyncio.timeout(_HEAD_S):
            head = await reader.readuntil(b"\r\n\r\n")
        found = _HEAD.match(head)
        if found is None:
            raise MessageError(Reason.BAD_SHAPE, "this is no request for a proxy")
        host, port = found["host"].decode("ascii"), int(found["port"])
        return Route(
            link=link_to(f"{host}:{port}"),
            host=host.strip("[]"),
            port=port,
            # What a node would have sent had it dialled by itself.
            head=b"GET " + found["path"] + b" HTTP/1.1\r\n" + head[found.end() :],
        )

    return ask


class Proxy:
    """A door that one node dials through."""

    def __init__(self, dialler: str, router: Router) -> None:
        """Prepare; `open` begins to listen.

        Args:
            dialler: name of the node that will come in here.
            router: says where a connection goes.
        """
        self._dialler = dialler
        self._router = router
        self._server: asyncio.Server | None = None
        self._guests: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        """Listen on a free port of 127.0.0.1; gives host:port."""
        self._server = await asyncio.start_server(self._enter, HOST, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return f"{HOST}:{port}"

    async def close(self) -> None:
        """Stop listening, and end what passes; may be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for task in list(self._guests):
            task.cancel()
        await asyncio.gather(*self._guests, return_exceptions=True)
        if server is not None:
            await server.wait_closed()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this in a task of its own
        self._guests.add(task)
        try:
            await self._lead(await self._router(reader), reader, writer)
        except (OSError, MessageError, EOFError, asyncio.LimitOverrunError, *_NOWHERE):
            # Nobody listens there, or nobody who knows a proxy came in: as if we were not here.
            reset(writer)
        except asyncio.CancelledError:
            # The proxy closes. Raised further, the stream's own callback would log it.
            reset(writer)
        finally:
            self._guests.discard(task)
            writer.close()

    async def _lead(
        self, route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Take a connection over its link."""
        link = route.link
        if link.fault.cut is Cut.RESET or link.toss():
            link.resets += 1
            reset(writer)
            return
        while link.is_held(self._dialler):
            if reader.at_eof():
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await link.until_open(self._dialler)
        answered, far = await asyncio.open_connection(route.host, route.port)
        link = link.current()
        if link.fault.cut is Cut.RESET:
            # Cut while we dialled: what is not among its connections yet, no cut has reset.
            link.resets += 1
            reset(writer)
            reset(far)
            return
        await Passage(link, self._dialler, writer, far).carry(reader, answered, route.head)
