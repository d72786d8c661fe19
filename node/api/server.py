"""The API's server: binds loopback, serves the routes behind the gate, and lets go in time.

Enters: a handle, settings, whoever keeps the door, faces for people. Leaves: the port it listens
on. Never listens on an address others can reach; never writes a request into a log; never takes so
many connections that the node has no descriptor left for its own work (`reception`).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from node.api.citizen import Citizen
from node.api.contents import OPERATIONS
from node.api.cookies import PORT, Port
from node.api.faces import Face
from node.api.gate import Entrance, Gate, Handler, still_welcome
from node.api.guards import BODY_BYTES_MAX, put_headers
from node.api.holder import holder_of
from node.api.metrics import REQUESTS, Requests
from node.api.operations import Operation
from node.api.reception import MANNERS, Manners, Reception, note_guest
from node.api.stream import STREAMS, Streams
from node.api.visitors import DOORKEEPER, Doorkeeper, visitor_of
from node.config import Settings
from node.errors import ConfigError
from node.network.acceptor import Acceptor
from node.runtime.tasks import Tasks

_STOP_S: Final = 1.0
_BACKLOG: Final = 64
_PORTS: Final = 65_536


@web.middleware
async def _recognise(request: web.Request, handler: Handler) -> web.StreamResponse:
    note_guest(request, visitor_of(request))
    return await handler(request)


class ApiServer:
    """One running API."""

    def __init__(
        self,
        handle: Citizen,
        settings: Settings,
        doorkeeper: Doorkeeper,
        faces: Sequence[Face] = (),
        operations: Sequence[Operation] = OPERATIONS,
        *,
        manners: Manners = MANNERS,
    ) -> None:
        """Keep what is served; `start` binds.

        Args:
            handle: the node.
            settings: where to listen, and under which names.
            doorkeeper: knows who may come in.
            faces: pages for people, behind the same door.
            operations: what can be asked; all there is, unless said otherwise.
            manners: what is asked of a connection.
        """
        self._handle = handle
        self._operations = operations
        self._settings = settings
        self._doorkeeper = doorkeeper
        self._faces = faces
        self._runner: web.AppRunner | None = None
        self._socket: socket.socket | None = None
        self._tasks = Tasks()
        self._reception = Reception(manners)
        self._port = Port(settings.api_port)
        self.streams = Streams(still_welcome)

    @property
    def refused(self) -> int:
        """How many connections were turned away for want of room."""
        return self._reception.refused

    def app(self) -> web.Application:
        """Put the application together."""
        gate = Gate({name.lower() for name in self._settings.api_names}, self._faces)
        app = web.Application(
            middlewares=[gate.middleware(), _recognise], client_max_size=BODY_BYTES_MAX
        )
        app[DOORKEEPER] = self._doorkeeper
        app[PORT] = self._port
        app.on_response_prepare.append(put_headers)
        app[STREAMS] = self.streams
        app[REQUESTS] = requests = Requests()
        app.on_response_prepare.append(requests.note)
        app.on_shutdown.append(self._end_streams)
        for each in self._operations:
            (route,) = app.add_routes([each.route(self._handle)])
            gate.admit(route, Entrance(scope=each.scope, takes_forms=each.takes_forms))
        for face in self._faces:
            for page in face.routes():
                route = app.router.add_route(page.method, page.path, page.handler)
                gate.admit(route, Entrance(scope=page.scope, takes_forms=True, face=face))
        return app

    async def _end_streams(self, _app: web.Application) -> None:
        await self.streams.close()

    async def start(self) -> int:
        """Bind and serve.

        Returns:
            The port, which may have been chosen by the system.

        Raises:
            ConfigError: E-PORT when it is taken or forbidden.
        """
        for face in self._faces:
            await asyncio.to_thread(face.prepare)
        runner = web.AppRunner(self.app(), shutdown_timeout=_STOP_S, handle_signals=False)
        await runner.setup()
        host, port = self._settings.api_host, self._settings.api_port
        try:
            listening = await _listening_socket(host, port)
        except OSError as error:
            await runner.cleanup()
            holder = await asyncio.to_thread(holder_of, port)
            raise _cannot_bind(error, port, holder) from error
        self._runner, self._socket = runner, listening
        self._port.number = int(listening.getsockname()[1])
        _ = self._tasks.spawn(Acceptor(listening, self._take).run(), "API accepts")
        return self._port.number

    async def _take(self, guest: socket.socket, _host: str) -> None:
        """Hand a connection to the routes."""
        serving = self._runner.server if self._runner else None
        if serving is None:
            guest.close()
            return
        await self._reception.take(guest, serving)

    async def stop(self) -> None:
        """Stop listening; what is being answered has a second to end. May be called twice."""
        await self._tasks.close()
        listening, self._socket = self._socket, None
        if listening is not None:
            listening.close()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()


def check_port(host: str, port: int) -> None:
    """Try whether the API's port can be had, before anything is made.

    Raises:
        ConfigError: E-PORT when it is taken or forbidden.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        raise _cannot_bind(error, port, holder_of(port)) from error


async def _listening_socket(host: str, port: int) -> socket.socket:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, address = found[0]
    made = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    made.settimeout(0)
    return made


def _cannot_bind(error: OSError, port: int, holder: str) -> ConfigError:
    other = f"Use another: intentcast up --api-port {(port + 1) % _PORTS}"
    if error.errno == errno.EADDRINUSE:
        who = f" ({holder})" if holder else ""
        return ConfigError(
            f"Port {port} is taken by another program{who}",
            code="E-PORT",
            fix=f"{other}        or stop that program",
            field="api_port",
        )
    reason = error.strerror or str(error)
    return ConfigError(
        f"Port {port} cannot be used: {reason}", code="E-PORT", fix=other, field="api_port"
    )
