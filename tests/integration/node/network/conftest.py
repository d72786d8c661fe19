"""Nodes that have nothing but links: real sockets on 127.0.0.1, recorded events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from node.clock import ManualClock, SystemClock
from node.entropy import SeededEntropy
from node.network.connection import Connection
from node.network.dialer import Dialer
from node.network.endpoint import Bounds, Endpoint, Handlers
from node.network.gate import Gate
from node.network.links import Links
from node.network.server import Caps, Server
from node.runtime.tasks import Tasks
from protocol.channel.frames import pack_frames, unpack_frame
from protocol.channel.messages import Bye, Hello, Message, decode_message, encode_message
from protocol.channel.noise import HandshakeState, prologue_for
from protocol.errors import Reason
from protocol.ids import NodeId

HOST = "127.0.0.1"


def secret_of(name: str) -> bytes:
    return name.encode().ljust(32, b"\x07")


@dataclass
class Citizen:
    """A node without a market: its server, its dialler, and all that happened to its links."""

    name: str
    net: str = "test"
    bounds: Bounds = field(default_factory=Bounds)
    caps: Caps = field(default_factory=Caps)
    versions: list[int] = field(default_factory=lambda: [1])
    welcome: Callable[[Hello], None] = lambda _hello: None

    def __post_init__(self) -> None:
        self.tasks = Tasks()
        self.clock = ManualClock(SystemClock())
        self.opened: list[Connection] = []
        self.closed: list[tuple[Connection, Reason]] = []
        self.messages: list[Message] = []
        self.events: list[str] = []
        self.frames: list[tuple[NodeId, bool, bytes]] = []
        self.on_message: Callable[[Connection, Message], None] = lambda _link, _message: None
        self.changed = asyncio.Event()
        self.crowded: set[NodeId] = set()
        self.endpoint = Endpoint(
            net=self.net,
            static_secret=secret_of(self.name),
            hello=self.hello,
            check_hello=self.check_hello,
            handlers=Handlers(
                on_open=self.note_open, on_message=self.note_message, on_closed=self.note_closed
            ),
            clock=self.clock,
            entropy=SeededEntropy(self.name, net="test"),
            spawn=self.tasks.spawn,
            gate=Gate(lambda peer: peer in self.crowded),
            bounds=self.bounds,
            tap=lambda peer, inbound, frame: self.frames.append((peer, inbound, frame)),
        )
        self.id = self.endpoint.node_id
        self.links = Links(self.id)
        self.server = Server(self.endpoint, self.links, caps=self.caps)
        self.dialer = Dialer(self.endpoint, self.links)
        self.port = 0
        self.failures_expected = 0

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def hello(self) -> Hello:
        return Hello(
            versions=self.versions,
            record=b"record of " + self.name.encode(),
            clock_ms=self.clock.now().wall_ms,
            agent="test",
        )

    def check_hello(self, hello: Hello, peer_id: NodeId) -> None:
        assert len(peer_id) == 32
        self.welcome(hello)

    def note_open(self, link: Connection) -> None:
        self.opened.append(link)
        self._note("open", link)

    def note_closed(self, link: Connection, reason: Reason) -> None:
        self.closed.append((link, reason))
        self._note(f"closed {reason.value}", link)

    def note_message(self, link: Connection, message: Message) -> None:
        self.messages.append(message)
        self.on_message(link, message)
        self._note("message", link)

    def _note(self, what: str, link: Connection) -> None:
        self.events.append(f"{what} {'out' if link.outbound else 'in'}")
        self.changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something to become true, looking after each event."""
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def listen(self) -> Citizen:
        self.port = await self.server.start(HOST, self.port)
        return self

    async def leave(self) -> None:
        self.dialer.stop()
        await self.server.stop()
        for link in self.links:
            link.close()
            await link.wait_closed()
        await self.tasks.close()
        assert self.tasks.failures == self.failures_expected


@dataclass
class Stranger:
    """A peer that knows the cipher and keeps no rule: writes and reads raw frames."""

    session: ClientSession
    socket: ClientWebSocketResponse
    net: str = "test"

    async def prove(self) -> None:
        """Shake hands, and say nothing after it."""
        noise = HandshakeState(
            initiator=True,
            prologue=prologue_for(self.net),
            static_secret=secret_of("stranger"),
            ephemeral_secret=b"\x0e" * 32,
        )
        await self.socket.send_bytes(noise.write_message())
        noise.read_message(await self.socket.receive_bytes())
        await self.socket.send_bytes(noise.write_message())
        self.sending, self.receiving = noise.split()

    async def shake(self, hello: bytes | None = None) -> None:
        """Shake hands; then send a Hello, or these bytes as the first frame."""
        await self.prove()
        mine = Hello(versions=[1], record=b"r", clock_ms=0)
        await self.say(pack_frames([encode_message(mine)])[0] if hello is None else hello)

    async def say(self, plaintext: bytes) -> None:
        await self.socket.send_bytes(self.sending.encrypt(plaintext))

    async def hear(self) -> list[Message]:
        async with asyncio.timeout(5):
            frame = self.receiving.decrypt(await self.socket.receive_bytes())
        return [decode_message(raw) for raw in unpack_frame(frame)]

    async def farewell(self) -> Bye:
        """Read until the other end says goodbye."""
        while True:
            for message in await self.hear():
                if isinstance(message, Bye):
                    return message

    @property
    def transport(self) -> asyncio.Transport | None:
        connection = self.socket._response.connection
        return connection.transport if connection else None

    def stop_reading(self) -> None:
        """Take no more bytes: the buffers on the way fill up."""
        assert self.transport
        self.transport.pause_reading()

    def abort(self) -> None:
        """Vanish without a word."""
        if self.transport:
            self.transport.abort()

    async def is_cut(self) -> bool:
        """Whether the other end closes without another word."""
        async with asyncio.timeout(5):
            return (await self.socket.receive()).type in {
                WSMsgType.CLOSE,
                WSMsgType.CLOSING,
                WSMsgType.CLOSED,
            }


@pytest.fixture
async def stranger() -> AsyncIterator[Callable[..., Awaitable[Stranger]]]:
    """Dials a citizen without any manners."""
    made: list[Stranger] = []

    async def make(citizen: Citizen) -> Stranger:
        session = ClientSession()
        socket = await session.ws_connect(f"http://{citizen.address}/peer", max_msg_size=0)
        made.append(Stranger(session, socket))
        return made[-1]

    yield make
    for one in made:
        one.abort()
        await one.socket.close()
        await one.session.close()


@pytest.fixture
async def town() -> AsyncIterator[Callable[..., Citizen]]:
    """Makes citizens, and sees all of them off."""
    made: list[Citizen] = []

    def make(name: str, **settings: object) -> Citizen:
        citizen = Citizen(name, **settings)  # type: ignore[arg-type]
        made.append(citizen)
        return citizen

    yield make
    for citizen in made:
        await citizen.leave()
