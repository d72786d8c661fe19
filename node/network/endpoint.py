"""This node's end of every link: its key, its clocks, and who is told what happens.

Enters: what the daemon hands in, once. Leaves: the same, to each connection. Never here: the state
of any one link.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from node.clock import Clock
from node.entropy import Entropy
from node.network.gate import Gate
from protocol import limits
from protocol.channel.messages import Hello, Message, encode_message
from protocol.channel.noise import transport_key
from protocol.errors import Reason
from protocol.ids import NodeId

if TYPE_CHECKING:
    from node.network.connection import Connection

PING_IDLE_MS: Final = 30_000
"""Silence after which a peer is asked whether it is there."""
SILENCE_MS_MAX: Final = 90_000
"""Silence after which a peer is held for dead."""
_REMEMBERED: Final = 4
"""Messages remembered with their bytes: a run of objects for all peers makes one or two."""

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"]
"""Runs a named coroutine in the background and owns its task."""
Tap: TypeAlias = Callable[[NodeId, bool, bytes], None]
"""Sees (peer, inbound, plaintext of a frame)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Times and sizes of one link; the defaults are the protocol's."""

    handshake_ms: int = limits.handshake_ms_max
    """From the open WebSocket to the peer's `Hello`."""
    stall_ms: int = limits.peer_stall_ms
    """A peer that takes no byte of a frame for this long goes."""
    ping_idle_ms: int = PING_IDLE_MS
    """Silence before a `Ping`."""
    silence_ms: int = SILENCE_MS_MAX
    """Silence before the link is closed."""
    queue_bytes: int = limits.peer_queue_bytes_max
    """Bytes waiting for the peer."""
    is_paced: bool = True
    """Whether a peer that sends too much is read more slowly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """Who is told what happens; all are called in the loop and must not block.

    For each link: `on_open` once, then `on_message` any number of times, then `on_closed` once.
    When a link to the same peer replaces another, the old one's `on_closed` comes first.
    """

    on_open: Callable[[Connection], None]
    """The peer's key and `Hello` are proved."""
    on_message: Callable[[Connection, Message], None]
    """A message that answers no `request`; may raise RemoteProtocolError, which ends the link."""
    on_closed: Callable[[Connection, Reason], None]
    """The link has ended; the details stand in `connection.ending`."""
    on_rtt: Callable[[Connection], None] = lambda _link: None
    """A round trip was measured: `connection.rtt_ms`."""


class Pen:
    """Writes a message once, however many peers get the very same one."""

    __slots__ = ("_written",)

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._written: deque[tuple[Message, bytes]] = deque(maxlen=_REMEMBERED)

    def write(self, message: Message) -> bytes:
        """Encode a message.

        Raises:
            LocalProtocolError: it breaks its own rules.
        """
        for known, raw in self._written:
            if known is message:
                return raw
        raw = encode_message(message)
        self._written.append((message, raw))
        return raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What all links of a node share."""

    net: str
    """Network id."""
    static_secret: bytes = field(repr=False)
    """32 bytes, the X25519 transport secret."""
    hello: Callable[[], Hello]
    """Makes the `Hello` of a new link."""
    check_hello: Callable[[Hello, NodeId], None]
    """Judges the peer's (`Hello`, proved key); may raise RemoteProtocolError."""
    handlers: Handlers
    """Who is told."""
    clock: Clock
    """The time."""
    entropy: Entropy
    """The randomness."""
    spawn: Spawn
    """Runs background tasks."""
    bounds: Bounds = field(default_factory=Bounds)
    """Times and sizes."""
    proxy: str = ""
    """host:port of an HTTP proxy that every dial goes through; empty dials directly."""
    gate: Gate = field(default_factory=Gate)
    """Holds back who sends faster than it can be checked."""
    pen: Pen = field(default_factory=Pen, repr=False)
    """Writes what is sent."""
    tap: Tap | None = None
    """Sees every frame in the clear; for tests and traces."""

    @property
    def node_id(self) -> NodeId:
        """This node's public transport key."""
        return transport_key(self.static_secret)

    def show(self, peer_id: NodeId, frame: bytes, *, inbound: bool) -> None:
        """Let the tap see a frame, if there is one."""
        if self.tap:
            self.tap(peer_id, inbound, frame)
