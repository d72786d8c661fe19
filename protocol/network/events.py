"""What happens to the network machines: past tense, and two commands from this node itself.

Leaves: frozen records, a union of them per machine. Never here: what is done about it (`actions`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from protocol.channel.messages import (
    Hello,
    Interest,
    Message,
    RangesAnswer,
    RangesQuery,
    RecordsAnswer,
    RecordsQuery,
    WhoIs,
)
from protocol.errors import Reason
from protocol.ids import NodeId, ObjectId, PeerId
from protocol.network.actions import Timer
from protocol.network.addresses import NodeRecord
from protocol.network.flow import Flow
from protocol.network.live import LiveEntry
from protocol.network.policy import Policy
from protocol.objects.envelope import Verified


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMemory:
    """What an earlier run learnt of a node, beside its record."""

    source: str = ""
    """Address group of whoever told of it."""
    is_proven: bool = False
    """Whether its record is by the signer its node proved."""
    reached_ms: int = 0
    """When a dial reached it last, Unix ms; 0 for never."""
    address: str = ""
    """Where."""
    group: str = ""
    """Address group it was found in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The node begins; the first event."""

    entries: tuple[LiveEntry, ...]
    """Objects the store holds."""
    records: tuple[bytes, ...]
    """Node records the store holds, signed."""
    memories: Mapping[NodeId, NodeMemory] = field(default_factory=dict)
    """What is remembered of some of those nodes."""
    anchors: tuple[NodeId, ...] = ()
    """Whom to dial first: links of the last run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerJoined:
    """A link is open and its peer's `Hello` was accepted."""

    peer: PeerId
    """Its proved transport key."""
    hello: Hello
    """What it said."""
    outbound: bool
    """Whether this node dialled."""
    address: str
    """Where it was dialled, or its IP address."""
    kept: bool = False
    """Whether this node's owner asked for it: then it takes no place of the links chosen here."""
    asked: bool = False
    """Whether it was dialled on demand, for letters or for a peer's tunnel: then it is none of the
    links this node relies on, unless it came of a dial of these machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLost:
    """A link has ended."""

    peer: PeerId
    """Whose."""
    broke: bool = False
    """Whether it broke without a goodbye from either end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerFaulted:
    """A peer provably broke a rule."""

    peer: PeerId
    """Who."""
    reason: Reason
    """Which rule."""
    points: int
    """What it weighs, `errors.Severity`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """A peer said something that answers no question of the runtime's own."""

    peer: PeerId
    """Who."""
    message: Message
    """What."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateReceived:
    """A peer sent the bytes of an object."""

    peer: PeerId
    """Who."""
    raw: bytes
    """An envelope, perhaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsReceived:
    """A peer sent the bytes of some objects in one message."""

    peer: PeerId
    """Who."""
    raws: tuple[bytes, ...]
    """Envelopes, perhaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StemReceived:
    """A peer sent the bytes of an object that is not public yet."""

    peer: PeerId
    """Who."""
    raw: bytes
    """An envelope, perhaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unverified:
    """A candidate that is no object."""

    id: ObjectId
    """Its name."""
    reason: Reason
    """What it breaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyFinished:
    """The candidates of a `VerifyBatch` were opened, or could not be."""

    outcomes: tuple[Verified[Any] | Unverified, ...]
    """One for each, in any order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStored:
    """An object is on disk."""

    id: ObjectId
    """Which."""
    is_new: bool
    """Whether it was not there before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsStored:
    """Objects that were not there before are on disk, by one commit."""

    ids: tuple[ObjectId, ...]
    """Which, in the order they were written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFailed:
    """An object could not be kept."""

    id: ObjectId
    """Which."""
    reason: Reason
    """DUPLICATE, a twin is kept; WITHDRAWN, its revoke is; QUOTA, the disk could not take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLost:
    """An object that should be on disk is not there any more."""

    id: ObjectId
    """Which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdsReceived:
    """A peer announced objects."""

    peer: PeerId
    """Who."""
    ids: tuple[bytes, ...]
    """16-byte names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangesAnswered:
    """A peer answered a round of comparing."""

    peer: PeerId
    """Who."""
    answer: RangesAnswer
    """Its side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangesRefused:
    """A peer will not answer a question, perhaps one about ranges."""

    peer: PeerId
    """Who."""
    request: int
    """The question's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangesAsked:
    """A peer compares what it holds with what this node holds."""

    peer: PeerId
    """Who."""
    query: RangesQuery
    """Its side of one round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantReceived:
    """A peer asks for objects."""

    peer: PeerId
    """Who."""
    ids: tuple[bytes, ...]
    """16-byte names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingReceived:
    """A peer has not got what it was asked for."""

    peer: PeerId
    """Who."""
    ids: tuple[bytes, ...]
    """16-byte names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterestReceived:
    """A peer wants something else than before."""

    peer: PeerId
    """Who."""
    interest: Interest | None
    """What; None for everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeInterest:
    """Command: want something else than before, and say so to every peer."""

    interest: Interest | None
    """What; None for everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePolicy:
    """Command: carry for others by these rules from now on."""

    policy: Policy
    """What is refused."""
    objects_max: int
    """How many objects of others have a place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetGo:
    """Command: carry these objects of others no more."""

    ids: tuple[ObjectId, ...]
    """Which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishObject:
    """Command: give an object of our own, already on disk, to everybody."""

    verified: Verified[Any]
    """Opened by the same gate as everybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeekObject:
    """Command: ask every peer for an object."""

    id: ObjectId
    """Which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired:
    """The time of a `SetTimer` has come."""

    timer: Timer
    """Its token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelAsked:
    """A peer chose how new objects are to come to it."""

    peer: PeerId
    """Who."""
    flow: Flow
    """What it wants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelReceived:
    """A peer gives another level than this node asked for."""

    peer: PeerId
    """Who."""
    flow: Flow
    """What it gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RttMeasured:
    """A round trip to a peer was measured."""

    peer: PeerId
    """Who."""
    rtt_ms: int
    """How long it took."""


GossipEvent: TypeAlias = (
    Started
    | PeerJoined
    | PeerLost
    | CandidateReceived
    | ObjectsReceived
    | StemReceived
    | VerifyFinished
    | ObjectStored
    | ObjectsStored
    | StoreFailed
    | ObjectLost
    | IdsReceived
    | RangesAsked
    | RangesAnswered
    | RangesRefused
    | WantReceived
    | MissingReceived
    | LevelAsked
    | LevelReceived
    | RttMeasured
    | InterestReceived
    | ChangeInterest
    | ChangePolicy
    | LetGo
    | PublishObject
    | SeekObject
    | TimerFired
)
"""What gossip hears."""


class DialOutcome(StrEnum):
    """Why a dial made no link."""

    UNREACHABLE = "unreachable"
    """Nobody answered, or the peer has no room."""
    OTHER_NODE = "other-node"
    """Another key answered: what was said of that address is false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialFailed:
    """A `DialPeer` made no link."""

    key: NodeId
    """Who was expected."""
    outcome: DialOutcome
    """What happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMissed:
    """A dial on demand, of no `DialPeer`, did not find a node where it was said to be."""

    key: NodeId
    """Who was expected."""
    address: str
    """Where."""
    outcome: DialOutcome
    """What happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyLinked:
    """A `DialPeer` made no link, since there is one that was made on demand."""

    key: NodeId
    """Who was to be dialled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSigned:
    """This node signed a new record of itself."""

    record: NodeRecord
    """What it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsAsked:
    """A peer asks for node records."""

    peer: PeerId
    """Who."""
    query: RecordsQuery
    """How many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsAnswered:
    """A peer handed on node records."""

    peer: PeerId
    """Who."""
    answer: RecordsAnswer
    """Signed records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAsked:
    """A peer asks for one node's record."""

    peer: PeerId
    """Who."""
    query: WhoIs
    """Whose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFound:
    """A peer answered a `WhoIs` of this node's."""

    peer: PeerId
    """Who."""
    raw: bytes
    """A signed record."""
    key: NodeId | None = None
    """Whom this node asked about: a record of anybody else is not taken; None for anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundTold:
    """A peer says how many outbound links it has now."""

    peer: PeerId
    """Who."""
    count: int
    """Open ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingServed:
    """Over no link came anything that was asked for, for a while."""

    for_ms: int
    """How long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeersKept:
    """Command: these nodes stay linked because their owner said so, beside all other links."""

    keys: frozenset[NodeId]
    """Every one of them."""


LinkEvent: TypeAlias = (
    Started
    | PeersKept
    | OutboundTold
    | NothingServed
    | PeerJoined
    | PeerLost
    | PeerFaulted
    | DialFailed
    | NodeMissed
    | AlreadyLinked
    | RecordSigned
    | RecordsAsked
    | RecordsAnswered
    | NodeAsked
    | RecordFound
    | TimerFired
)
"""What the machine of links hears."""

EngineEvent: TypeAlias = GossipEvent | LinkEvent | MessageReceived
"""What the engine hears."""
