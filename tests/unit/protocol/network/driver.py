"""A gossip machine, and hands that perform its actions at once: verify, store, note the rest."""

from __future__ import annotations

from typing import Any, TypeVar

from protocol import work
from protocol.channel.messages import Hello
from protocol.encoding import encode
from protocol.errors import RemoteProtocolError
from protocol.ids import NodeId, PeerId, blake2b_256
from protocol.network.actions import (
    BlamePeer,
    DropObject,
    GossipAction,
    Notify,
    SendMessage,
    ServeObjects,
    StoreObject,
    VerifyBatch,
)
from protocol.network.addresses import NodeRecord, Role, sign_record
from protocol.network.chance import Chance
from protocol.network.events import (
    CandidateReceived,
    GossipEvent,
    ObjectStored,
    PeerJoined,
    Started,
    Unverified,
    VerifyFinished,
)
from protocol.network.gossip import Gossip
from protocol.now import HOUR_MS, MINUTE_MS, Now
from protocol.objects.envelope import Candidate, Verified, open_envelope, open_stored
from protocol.objects.header import Header, Kind
from protocol.objects.revoke import Revoke
from tests.parties import NET, NOW_MS, Party, buyer_ana, signed

A = TypeVar("A")
NOW = Now(wall_ms=NOW_MS + HOUR_MS, mono_ms=1_000)


def later(ms: int, now: Now = NOW) -> Now:
    return Now(wall_ms=now.wall_ms + ms, mono_ms=now.mono_ms + ms)


def peer(name: str) -> PeerId:
    return PeerId(blake2b_256(b"peer", name.encode()))


def record_of(name: str, **facts: Any) -> NodeRecord:
    """A node record of a named node, signed an instant ago."""
    fields: dict[str, Any] = {
        "net": NET,
        "key": NodeId(peer(name)),
        "addresses": [f"{name}.example:7440"],
        "roles": [Role.RELAY],
        "seq": NOW.wall_ms,
        "at": NOW.wall_ms,
        "seed": blake2b_256(b"record", name.encode()),
    }
    return sign_record(**{**fields, **facts})


def joined(name: str, *, outbound: bool = True, clock_ms: int = NOW.wall_ms, **facts: Any):
    record = record_of(name, **facts)
    hello = Hello(versions=[1], record=record.raw, clock_ms=clock_ms, agent="a test")
    return PeerJoined(peer=peer(name), hello=hello, outbound=outbound, address="192.0.2.7")


def make_revoke(target: Verified[Any], *, by: Party = buyer_ana, minutes: int = 1, **fields: Any):
    header: dict[str, Any] = {
        "net": NET,
        "kind": Kind.REVOKE,
        "key": by.key,
        "at": NOW_MS + minutes * MINUTE_MS,
        "exp": target.header.exp,
        "to": None,
        "thread": target.id,
        "prev": None,
        "target": 0,
    }
    raw = signed(Header(**{**header, **fields}), Revoke(target=target.id), by.seed("sign"))
    return open_stored(raw, net=NET)


def with_signature(verified: Verified[Any], signature: bytes) -> bytes:
    """The same text under another signature, its work done anew."""
    name = blake2b_256(verified.signed, signature)
    nonce = work.solve(name, verified.header.target, tries=1 << 20)
    return encode([verified.signed, signature, nonce])


def badly_signed(verified: Verified[Any], salt: int = 1) -> bytes:
    first = bytes([verified.signature[0] ^ salt])
    return with_signature(verified, first + verified.signature[1:])


def opened(candidate: Candidate) -> Verified[Any] | Unverified:
    try:
        return open_envelope(candidate, net=NET)
    except RemoteProtocolError as error:
        return Unverified(id=candidate.id, reason=error.reason)


def of(kind: type[A], actions: list[Any]) -> list[A]:
    return [action for action in actions if isinstance(action, kind)]


class Street:
    """The links as a stem sees them."""

    def __init__(self, *relays: str, is_relay: bool = True, guests: tuple[str, ...] = ()) -> None:
        self.is_relay = is_relay
        self.relays = [peer(name) for name in relays]
        self.guests = {peer(name) for name in guests}

    def outbound_relays(self) -> list[PeerId]:
        return list(self.relays)

    def relies_on(self, peer: PeerId) -> bool:
        return peer not in self.guests


class Bench:
    """Feeds a gossip machine; `held` keeps its verify batches and stores back until `release`."""

    def __init__(self, *, held: bool = False, **caps: Any) -> None:
        self.gossip = Gossip(net=NET, chance=Chance(b"bench"), pushers=lambda: 3, **caps)
        self.now = NOW
        self.held = held
        self.waiting: list[GossipEvent] = []
        self.actions: list[GossipAction] = []
        self.feed(Started(entries=(), records=()))

    def feed(self, event: GossipEvent) -> list[GossipAction]:
        """Feed one event and what follows from it; gives every action on the way."""
        done: list[GossipAction] = []
        events = [event]
        while events:
            actions = self.gossip.handle(events.pop(0), self.now)
            done += actions
            for action in actions:
                follow = self._follow(action)
                if follow is not None and self.held:
                    self.waiting.append(follow)
                elif follow is not None:
                    events.append(follow)
        self.actions += done
        return done

    def _follow(self, action: GossipAction) -> GossipEvent | None:
        match action:
            case VerifyBatch(candidates=candidates):
                return VerifyFinished(outcomes=tuple(opened(each) for each in candidates))
            case StoreObject(verified=verified):
                return ObjectStored(id=verified.id, is_new=True)
            case _:
                return None

    def release(self) -> list[GossipAction]:
        """Let everything held back happen, and what follows from it."""
        self.held = False
        done: list[GossipAction] = []
        while self.waiting:
            done += self.feed(self.waiting.pop(0))
        return done

    def join(self, *names: str) -> None:
        for name in names:
            self.feed(joined(name))

    def receive(self, name: str, raw: bytes) -> list[GossipAction]:
        return self.feed(CandidateReceived(peer=peer(name), raw=raw))

    def sent(self, name: str, kind: type[A]) -> list[A]:
        """Messages of a kind sent to a peer so far."""
        messages = [a.message for a in of(SendMessage, self.actions) if a.peer == peer(name)]
        return [message for message in messages if isinstance(message, kind)]

    def stored(self) -> list[bytes]:
        return [action.verified.id for action in of(StoreObject, self.actions)]

    def notified(self) -> list[bytes]:
        return [action.verified.id for action in of(Notify, self.actions)]

    def dropped(self) -> list[bytes]:
        return [action.id for action in of(DropObject, self.actions)]

    def served(self, name: str) -> list[bytes]:
        found = of(ServeObjects, self.actions)
        return [each for action in found if action.peer == peer(name) for each in action.ids]

    def blamed(self, name: str) -> list[str]:
        found = of(BlamePeer, self.actions)
        return [action.reason.value for action in found if action.peer == peer(name)]
