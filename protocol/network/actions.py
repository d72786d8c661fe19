"""What the network machines want done, in the imperative; the runtime performs them in order.

Leaves: frozen records, a union of them per machine. Nothing an action names has happened when it is
returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from protocol import limits
from protocol.channel.messages import Message
from protocol.channel.priority import Priority
from protocol.errors import Reason
from protocol.ids import NodeId, ObjectId, PeerId
from protocol.network.addresses import NodeRecord
from protocol.objects.envelope import Candidate, Verified


class Timer(StrEnum):
    """Tokens handed back when their time has come."""

    HEARTBEAT = "heartbeat"
    """Announce, ask, look after promises."""
    SWEEP = "sweep"
    """Forget what has expired."""
    CATCH_UP = "catch-up"
    """Compare all ids with one peer."""
    BATCH = "batch"
    """Send the names that wait for company."""
    PULL = "pull"
    """Ask for what was not pushed, and others for what does not come."""
    EMBARGO = "embargo"
    """Publish what travelled by stem and was not seen since."""
    DIAL = "dial"
    """Look after the number of links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyBatch:
    """Open these candidates and hand back `VerifyFinished`; as many batches are out as runs."""

    candidates: tuple[Candidate, ...]
    """At most 16, or 64 for a process of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreObject:
    """Write an object to disk, then hand back `ObjectStored` or `StoreFailed`."""

    verified: Verified[Any]
    """What."""
    replaced: ObjectId | None
    """The object whose place this revoke takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropObject:
    """Delete an object of others from disk: it has lost its place."""

    id: ObjectId
    """Which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropExpired:
    """Delete what expired at or before a moment."""

    wall_ms: int
    """Unix ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """Send a message; one that finds no room is dropped, and payload becomes an announcement."""

    peer: PeerId
    """To whom."""
    message: Message
    """What."""
    priority: Priority
    """Its place in the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeObjects:
    """Read these objects from disk and send them; `Missing` for what is not there."""

    peer: PeerId
    """To whom."""
    ids: tuple[ObjectId, ...]
    """Which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlamePeer:
    """Charge a peer with a provable fault."""

    peer: PeerId
    """Whom."""
    reason: Reason
    """With what."""
    points: int
    """How heavily."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TellNothingServed:
    """Tell the links that none of them serves anything."""

    for_ms: int
    """Since when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Tell the parties of this node that a new object is on disk."""

    verified: Verified[Any]
    """Which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimer:
    """Hand a token back after a while; a timer of the same token is replaced."""

    timer: Timer
    """The token."""
    delay_ms: int
    """How long."""


GossipAction: TypeAlias = (
    VerifyBatch
    | StoreObject
    | DropObject
    | DropExpired
    | SendMessage
    | ServeObjects
    | BlamePeer
    | TellNothingServed
    | Notify
    | SetTimer
)
"""What gossip wants done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePeer:
    """End a link."""

    peer: PeerId
    """Whose."""
    reason: Reason
    """What the peer is told."""
    detail: str = ""
    """A sentence for the log of the other end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialPeer:
    """Try to open a link, then hand back `PeerJoined` or `DialFailed`."""

    address: str
    """`host:port`."""
    key: NodeId
    """Who has to be there."""
    within_ms: int = limits.handshake_ms_max
    """Time for it; after that it has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveRecord:
    """Keep a node record over restarts."""

    record: NodeRecord
    """Which."""
    is_proven: bool
    """Whether it is by the signer whose record its node itself handed over."""
    source: str = ""
    """Address group of whoever told it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveReached:
    """Keep over restarts that a node was reached."""

    key: NodeId
    """Which."""
    address: str
    """Where."""
    group: str
    """Address group it was found in."""
    wall_ms: int
    """When, Unix ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveAnchors:
    """Keep over restarts which links to make first, in place of those kept before."""

    keys: tuple[NodeId, ...]
    """At most two."""


LinkAction: TypeAlias = (
    SendMessage | ClosePeer | DialPeer | SaveRecord | SaveReached | SaveAnchors | SetTimer
)
"""What the machine of links wants done."""

EngineAction: TypeAlias = (
    VerifyBatch
    | StoreObject
    | DropObject
    | DropExpired
    | SendMessage
    | ServeObjects
    | Notify
    | SetTimer
    | ClosePeer
    | DialPeer
    | SaveRecord
    | SaveReached
    | SaveAnchors
)
"""What the engine wants done: everything but blame, which it passes to the links itself."""
