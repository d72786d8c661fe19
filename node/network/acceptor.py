"""Taking connections off a listening socket, quietly, also when this process is out of descriptors.

asyncio's own accept loop logs a traceback for each connection in the queue when there is no
descriptor left (measured: 1,101 in four seconds) and tries as often; this one says one line, rests
and goes on. Enters: a listening socket. Leaves: connected sockets with the address they came from.
Never here: what is said on them, or who may come in.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

_LOG = logging.getLogger(__name__)

PAUSE_S: Final = 1.0
"""Rest after the machine has refused us a descriptor, s."""
_GUEST_LEFT: Final = {errno.ECONNABORTED, errno.EPROTO, errno.EPERM}
"""The guest is gone already, or a firewall refused it: the next one may do."""


class Acceptor:
    """Accepts on one socket for as long as `run` is awaited."""

    def __init__(
        self, listening: socket.socket, welcome: Callable[[socket.socket, str], Awaitable[None]]
    ) -> None:
        """Prepare.

        Args:
            listening: bound, listening and never blocking; stays the caller's to close.
            welcome: takes over each connection, with the IP address it came from; may close it.
        """
        self._listening = listening
        self._welcome = welcome
        self.is_short = False
        """Whether the last try found no descriptor."""
        self.shortages = 0
        """How often descriptors ran out."""

    async def run(self) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                guest, address = await self._next(loop)
            except OSError as error:
                if error.errno not in _GUEST_LEFT:
                    await self._rest(error)
                continue
            self.is_short = False
            await self._welcome(guest, str(address[0]))

    async def _next(self, loop: asyncio.AbstractEventLoop) -> tuple[socket.socket, Any]:
        """Accept one; whoever comes in the moment this is cancelled is closed, not lost."""
        taking = loop.create_task(loop.sock_accept(self._listening))
        try:
            await asyncio.wait([taking])
        except asyncio.CancelledError:
            # A loop without readers, as on Windows, keeps what comes itself.
            with contextlib.suppress(NotImplementedError):
                loop.remove_reader(self._listening)
            await asyncio.sleep(0)
            if taking.done() and taking.exception() is None:
                taking.result()[0].close()
            taking.cancel()
            raise
        return taking.result()

    async def _rest(self, error: OSError) -> None:
        # One line in the log, however long it lasts.
        if not self.is_short:
            self.shortages += 1
            _LOG.warning("connections wait until this machine has room: %s", error.strerror)
        self.is_short = True
        await asyncio.sleep(PAUSE_S)
