"""The connections of the API: how many there may be, how long one may be silent, who leaves first.

Anybody on this machine can open a connection; only the owner's programs and browsers show a token
or a session. Enters: connected sockets, and who was recognised on them. Leaves: protocols that
speak HTTP. Never: strangers who hold every place, so that the owner stands outside; a connection
kept open for somebody who says nothing.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from node.api.guards import HEADERS
from node.api.problems import GateError, bug, problem
from node.api.visitors import Visitor

CONNECTIONS_MAX: Final = 64
"""Open at a time; the owner's programs, a page and some waiting for news are far fewer. Guess."""
_LINE_BYTES_MAX: Final = 8190
_SERVERS_FAULT: Final = 500
_WIRE_LOG: Final = logging.getLogger("node.api.wire")
# What a parser refuses is the sender's doing; the server's own words on it would be a traceback
# for each. What goes wrong in a handler is logged by `problems.bug`.
_WIRE_LOG.setLevel(logging.CRITICAL)


def _not_http() -> GateError:
    return GateError(
        400,
        "this is not a request of HTTP/1.1 that is understood here",
        code="E-REQUEST",
        fix="Send well-formed HTTP/1.1 with headers of at most 8 KiB each; any HTTP client does",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How many, and how long for what, s."""

    connections_max: int = CONNECTIONS_MAX
    """Open at a time."""
    head_s: float = 10.0
    """From a connection's first moment until the head of its first request is whole."""
    keep_s: float = 20.0
    """Between two requests. Longer than clients keep a connection they do not use (15 s is usual),
    or they would ask on one that is just being closed."""
    linger_s: float = 2.0
    """What was refused before it was read may go on arriving, so that the refusal is heard."""


MANNERS: Final = Manners()
"""Of every server."""


class Guest(RequestHandler):
    """One connection."""

    __slots__ = ("_head_timer", "_line", "_reception", "is_known")

    def __init__(self, reception: Reception, server: web.Server, manners: Manners) -> None:
        """Prepare to speak HTTP.

        Args:
            reception: counts it.
            server: takes its requests.
            manners: how long it may take.
        """
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=manners.keep_s,
            lingering_time=manners.linger_s,
            logger=_WIRE_LOG,
            access_log=None,  # type: ignore[arg-type]  # None writes nothing
            max_line_size=_LINE_BYTES_MAX,
            max_field_size=_LINE_BYTES_MAX,
        )
        self._reception = reception
        self._line: asyncio.BaseTransport | None = None
        self._head_timer = asyncio.get_running_loop().call_later(manners.head_s, self.show_out)
        self.is_known = False
        """Whether it ever showed a token or a session that holds."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen."""
        self._line = transport
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place back."""
        self.leave()
        super().connection_lost(exc)

    def leave(self) -> None:
        """Give the place back, where nothing was ever connected."""
        self._head_timer.cancel()
        self._reception.forget(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - the server's own words, which repeat the sender's
    ) -> web.StreamResponse:
        """Answer what the parser refuses as every refusal is answered, not with what was sent.

        Raises:
            ConnectionError: an answer has begun already; the connection ends.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun")
        if status < _SERVERS_FAULT:
            found = problem(_not_http())
        else:
            failure = exc if isinstance(exc, Exception) else RuntimeError(f"status {status}")
            found = problem(bug(failure, request.path))
        # No middleware sees what never became a request.
        found.headers.update(HEADERS)
        found.force_close()
        return found

    def is_heard(self, visitor: Visitor | None) -> None:
        """Note that a request is whole, and from whom; None for a stranger at an open door."""
        self._head_timer.cancel()
        self.is_known = self.is_known or visitor is not None

    def show_out(self) -> None:
        """End the connection now, whatever is still under way on it."""
        # Kept here: the server lets go of a line that is closing, which lasts as long as its other
        # end does not read.
        if isinstance(self._line, asyncio.Transport):
            self._line.abort()


class Reception:
    """All connections of one server."""

    def __init__(self, manners: Manners = MANNERS) -> None:
        """Begin with none."""
        self._manners = manners
        # In the order they came.
        self._guests: dict[Guest, None] = {}
        self.refused = 0
        """Connections ended, or never begun, for want of room."""

    async def take(self, guest: socket.socket, server: web.Server) -> None:
        """Let a connection speak to a server.

        Where all places are taken, the stranger who has had one longest gives it up; where all
        belong to the owner, the connection is turned away.
        """
        if len(self._guests) >= self._manners.connections_max and not self._make_room():
            guest.close()
            return
        loop = asyncio.get_running_loop()
        made = Guest(self, server, self._manners)
        self._guests[made] = None
        try:
            await loop.connect_accepted_socket(lambda: made, guest)
        except OSError:
            guest.close()
            made.leave()

    def _make_room(self) -> bool:
        self.refused += 1
        oldest = next((each for each in self._guests if not each.is_known), None)
        if oldest is None:
            return False
        oldest.show_out()
        # Its place is free at once: what is left of it ends before anything else is read.
        oldest.leave()
        return True

    def forget(self, guest: Guest) -> None:
        """Free a place."""
        self._guests.pop(guest, None)


def note_guest(request: web.Request, visitor: Visitor | None) -> None:
    """Tell a request's connection who was recognised on it."""
    if isinstance(request.protocol, Guest):
        request.protocol.is_heard(visitor)
