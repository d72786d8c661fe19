"""The engine: joins the network machines of one node. It forwards, and decides nothing.

Enters: what happened (`EngineEvent`), and when. Leaves: what to do about it (`EngineAction`), in
order; perform every one. A message becomes the event it means; blame that gossip finds goes to the
links, which know when a peer has to go. Never here: a rule of its own.
Source: docs/internals/architecture.md.
"""

from __future__ import annotations

from typing import assert_never

from protocol import limits
from protocol.channel.messages import (
    Ids,
    Level,
    LevelGiven,
    Message,
    Missing,
    Objects,
    Outbound,
    RangesAnswer,
    RangesQuery,
    RecordsAnswer,
    RecordsQuery,
    Refused,
    Stem,
    Want,
    Wants,
    WhoIs,
)
from protocol.errors import MessageError, Reason
from protocol.ids import NodeId, PeerId
from protocol.network.actions import BlamePeer, EngineAction, TellNothingServed
from protocol.network.chance import Chance
from protocol.network.events import (
    AlreadyLinked,
    DialFailed,
    EngineEvent,
    GossipEvent,
    IdsReceived,
    InterestReceived,
    LevelAsked,
    LevelReceived,
    LinkEvent,
    MessageReceived,
    MissingReceived,
    NodeAsked,
    NodeMissed,
    NothingServed,
    ObjectsReceived,
    OutboundTold,
    PeerFaulted,
    PeerJoined,
    PeerLost,
    PeersKept,
    RangesAnswered,
    RangesAsked,
    RangesRefused,
    RecordFound,
    RecordsAnswered,
    RecordsAsked,
    RecordSigned,
    Started,
    StemReceived,
    TimerFired,
    WantReceived,
)
from protocol.network.flow import Flow
from protocol.network.gossip import Gossip
from protocol.network.interest import check_interest
from protocol.network.links import Links
from protocol.network.stem import Private
from protocol.now import Now


class Engine:
    """Gossip and links of one node.

    Attributes:
        gossip: public objects; to be read only.
        links: peers and known nodes; to be read only, `check_hello` aside.
    """

    def __init__(
        self,
        *,
        net: str,
        own: NodeId,
        seed: bytes,
        outbound_max: int = limits.outbound_links,
        inbound_max: int = limits.inbound_links_max,
        objects_max: int = limits.objects_live_max,
        pushers: int | None = None,
        uplink_bps: int | None = None,
        private: Private = Private.NORMAL,
        is_open: bool = False,
        runs: int = 1,
    ) -> None:
        """Start empty; `Started` is the first event.

        Args:
            net: network id.
            own: our transport key.
            seed: 32 random bytes; the same seed and events give the same actions.
            outbound_max: outbound links to keep.
            inbound_max: inbound links before one makes room for another.
            objects_max: live objects of others.
            pushers: links that push to us, K; None for the usual number, more for a relay.
            uplink_bps: what this node may send, bit/s; None where nothing is known.
            private: how our own objects begin their way.
            is_open: set no link a budget, for measurements.
            runs: runs of verifications under way at a time.
        """
        chance = Chance(seed)
        self._given_pushers = pushers
        self.links = Links(
            net=net,
            own=own,
            chance=chance,
            outbound_max=outbound_max,
            inbound_max=inbound_max,
            firsts=self._firsts,
        )
        self.gossip = Gossip(
            net=net,
            chance=chance,
            objects_max=objects_max,
            pushers=self._pushers,
            uplink_bps=uplink_bps,
            is_trusted=self.links.may_push,
            around=self.links,
            private=private,
            is_open=is_open,
            runs=runs,
        )

    def handle(self, event: EngineEvent, now: Now) -> list[EngineAction]:
        """Take one event; perform every returned action, in order.

        Raises:
            MessageError: UNEXPECTED, a message that has no business on its own; its sender is at
                fault.
        """
        match event:
            case MessageReceived(peer=peer, message=message):
                actions: list[EngineAction] = []
                for meaning in meanings(peer, message):
                    if not self.links.is_leaving(peer):
                        actions += self.handle(meaning, now)
            case PeerJoined() | PeerLost():
                actions = self._changed(event, now)
            case Started() | TimerFired():
                actions = [*self._links(event, now), *self._gossip(event, now)]
            case (
                PeerFaulted()
                | DialFailed()
                | NodeMissed()
                | AlreadyLinked()
                | RecordSigned()
                | PeersKept()
                | RecordsAsked()
                | RecordsAnswered()
                | NodeAsked()
                | RecordFound()
                | OutboundTold()
                | NothingServed()
            ):
                actions = self._links(event, now)
            case _:
                actions = self._gossip(event, now)
        return actions

    def _changed(self, event: PeerJoined | PeerLost, now: Now) -> list[EngineAction]:
        """Let both hear of a link, unless it is one that ends as soon as it is open."""
        was_leaving = self.links.is_leaving(event.peer)
        actions = self._links(event, now)
        if not (was_leaving or self.links.is_leaving(event.peer)):
            actions += self._gossip(event, now)
        return actions

    def _firsts(self, peer: PeerId) -> int:
        return self.gossip.first_from(peer)

    def _pushers(self) -> int:
        if self._given_pushers is not None:
            return self._given_pushers
        return limits.push_links_relay if self.links.is_relay else limits.push_links

    def _links(self, event: LinkEvent, now: Now) -> list[EngineAction]:
        return list[EngineAction](self.links.handle(event, now))

    def _gossip(self, event: GossipEvent, now: Now) -> list[EngineAction]:
        actions: list[EngineAction] = []
        for action in self.gossip.handle(event, now):
            if isinstance(action, BlamePeer):
                fault = PeerFaulted(peer=action.peer, reason=action.reason, points=action.points)
                actions += self._links(fault, now)
            elif isinstance(action, TellNothingServed):
                actions += self._links(NothingServed(for_ms=action.for_ms), now)
            else:
                actions.append(action)
        return actions


def meanings(peer: PeerId, message: Message) -> list[EngineEvent]:
    """Say what a peer's message means to the network machines.

    Raises:
        MessageError: UNEXPECTED, a message of the link itself or of the post, which others handle;
            BAD_SHAPE or OUT_OF_RANGE, an interest that is none.
    """
    match message:
        case Objects(raws=raws):
            return [ObjectsReceived(peer=peer, raws=tuple(raws))]
        case Stem(raws=raws):
            return [StemReceived(peer=peer, raw=raw) for raw in raws]
        case Ids(ids=ids):
            return [IdsReceived(peer=peer, ids=tuple(ids))]
        case Want(ids=ids):
            return [WantReceived(peer=peer, ids=tuple(ids))]
        case Missing(ids=ids):
            return [MissingReceived(peer=peer, ids=tuple(ids))]
        case _:
            return [_single(peer, message)]


def _wish(peer: PeerId, message: Level | LevelGiven | Wants) -> EngineEvent:
    match message:
        case Level(level=level):
            return LevelAsked(peer=peer, flow=Flow(level))
        case LevelGiven(level=level):
            return LevelReceived(peer=peer, flow=Flow(level))
        case Wants(interest=interest):
            if interest is not None:
                check_interest(interest)
            return InterestReceived(peer=peer, interest=interest)
        case _:
            assert_never(message)


def _single(peer: PeerId, message: Message) -> EngineEvent:
    event: EngineEvent
    match message:
        case Level() | LevelGiven() | Wants():
            event = _wish(peer, message)
        case RangesQuery():
            event = RangesAsked(peer=peer, query=message)
        case RangesAnswer():
            event = RangesAnswered(peer=peer, answer=message)
        case Refused(request=request):
            event = RangesRefused(peer=peer, request=request)
        case RecordsQuery():
            event = RecordsAsked(peer=peer, query=message)
        case RecordsAnswer():
            event = RecordsAnswered(peer=peer, answer=message)
        case WhoIs():
            event = NodeAsked(peer=peer, query=message)
        case Outbound(count=count):
            event = OutboundTold(peer=peer, count=count)
        case _:
            name = type(message).__name__
            raise MessageError(Reason.UNEXPECTED, f"{name} answers nothing that was asked")
    return event
