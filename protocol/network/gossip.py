"""Gossip: how a public object gets in, stays, and goes on.

One direction, three stages: `CandidateReceived -> admit -> VerifyBatch -> verify -> Verified ->
settle -> StoreObject, SendMessage` (`intake`); beside it the exchange of names (`exchange`). Dedupe
before verify, remember after verify. Verdicts: accept (store, forward), reject (a provable fault,
remembered), ignore (clock, quota, policy: nobody's fault). To whom an object goes whole, by name or
not at all is said by who gets it (`spread`); what is missed all the same is found by comparing when
a link opens, and from time to time (`comparison`).

Enters: events and the moment. Leaves: actions, in order; perform every one. Never: an object kept
or passed on unverified, anything forwarded that is not stored.
Source: docs/protocol/06-gossip.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from protocol import limits
from protocol.errors import Reason
from protocol.ids import PeerId
from protocol.network.actions import GossipAction, Timer
from protocol.network.admission import PUBLIC_KINDS
from protocol.network.budgets import BudgetView
from protocol.network.carried import Carried
from protocol.network.chance import Chance
from protocol.network.choice import SupplyView
from protocol.network.comparison import Comparison
from protocol.network.events import (
    CandidateReceived,
    ChangeInterest,
    ChangePolicy,
    GossipEvent,
    IdsReceived,
    InterestReceived,
    LetGo,
    LevelAsked,
    LevelReceived,
    MissingReceived,
    ObjectLost,
    ObjectsReceived,
    ObjectsStored,
    ObjectStored,
    PeerJoined,
    PeerLost,
    PublishObject,
    RangesAnswered,
    RangesAsked,
    RangesRefused,
    RttMeasured,
    SeekObject,
    Started,
    StemReceived,
    StoreFailed,
    TimerFired,
    VerifyFinished,
    WantReceived,
)
from protocol.network.exchange import Exchange
from protocol.network.flow import Flow
from protocol.network.intake import Intake
from protocol.network.live import LiveTable, prefix_of
from protocol.network.policy import Rule
from protocol.network.spread import Spread
from protocol.network.stem import Alone, Around, Private, Stem
from protocol.network.verdicts import Verdict
from protocol.now import Now
from protocol.objects.header import Kind


class Gossip:
    """The machine of one node; its whole state is memory."""

    def __init__(
        self,
        *,
        net: str,
        chance: Chance,
        kinds: frozenset[Kind] = PUBLIC_KINDS,
        objects_max: int = limits.objects_live_max,
        pending_max: int = limits.pending_objects_max,
        rejected_max: int = limits.rejected_ids_max,
        pushers: Callable[[], int] = lambda: limits.push_links,
        uplink_bps: int | None = None,
        is_trusted: Callable[[PeerId, int], bool] = lambda _peer, _ms: True,
        around: Around | None = None,
        private: Private = Private.OFF,
        is_open: bool = False,
        runs: int = 1,
    ) -> None:
        """Start empty; `Started` is the first event.

        Args:
            net: network id.
            chance: every choice at random.
            kinds: what this node carries.
            objects_max: live objects of others.
            pending_max: candidates between admission and verdict.
            rejected_max: ids remembered as provably bad.
            pushers: counts the links that shall push to us.
            uplink_bps: what this node may send, bit/s; None where nothing is known.
            is_trusted: whether a peer may hold a push place at a moment.
            around: the links, for what travels by stem and whom to ask first; nobody when None.
            private: how our own objects begin their way.
            is_open: set no link a budget, for measurements.
            runs: runs of verifications under way at a time.
        """
        self._carried = Carried(
            net=net,
            objects_max=objects_max,
            pending_max=pending_max,
            rejected_max=rejected_max,
            chance=chance,
            is_open=is_open,
        )
        around = around or Alone()
        self._spread = Spread(
            self._carried,
            chance=chance,
            pushers=pushers,
            uplink_bps=uplink_bps,
            is_trusted=is_trusted,
            is_chosen=around.relies_on,
        )
        self.stem = Stem(net=net, chance=chance, around=around, private=private)
        self._intake = Intake(self._carried, self._spread, kinds=kinds, stem=self.stem, runs=runs)
        self._exchange = Exchange(self._carried, self._spread)
        self._comparison = Comparison(self._carried, chance=chance)

    # --- what others may ask ------------------------------------------------------------------

    @property
    def live(self) -> LiveTable:
        """The live table; to be read only."""
        return self._carried.live

    @property
    def pending_count(self) -> int:
        """Candidates between admission and verdict."""
        return len(self._carried.queue)

    def is_crowded_by(self, peer: PeerId) -> bool:
        """Tell whether a peer has sent so much ahead that no more of it should be read now."""
        return self._carried.queue.is_crowded_by(peer)

    @property
    def rejected_count(self) -> int:
        """Ids remembered as provably bad."""
        return len(self._carried.rejected)

    @property
    def wanted_count(self) -> int:
        """Ids announced that are not here."""
        return len(self._carried.wanted)

    @property
    def verdicts(self) -> Mapping[tuple[Verdict, Reason | None], int]:
        """How many of the objects that came met which end, and why."""
        return self._carried.verdicts.counts

    def is_rejected(self, object_id: bytes) -> bool:
        """Tell whether an id is remembered as provably bad."""
        return prefix_of(object_id) in self._carried.rejected

    def seen_at(self, object_id: bytes) -> tuple[int, int]:
        """Count the linked peers known to hold an object, and the linked peers."""
        holders = self._carried.holders.of(prefix_of(object_id))
        peers = self._carried.peers
        return sum(1 for peer in peers if peer in holders), len(peers)

    def supply_view(self, peer: PeerId, now: Now) -> SupplyView | None:
        """Tell what is thought of a link as a source; None for one that is not there."""
        return self._spread.choice.view(peer, now.mono_ms)

    def flow_to(self, peer: PeerId) -> Flow:
        """Tell how new objects go to a peer."""
        return self._spread.slots.of(peer)

    @property
    def refused(self) -> Mapping[Rule, int]:
        """How often each kind of rule refused an object."""
        return self._carried.refusals.counts

    def merit(self, peer: PeerId) -> int:
        """Give the merit of a linked peer, 0..1000."""
        return self._carried.merits.of(peer)

    def narrows(self, peer: PeerId) -> bool:
        """Tell whether a peer wants only some casts."""
        return self._carried.interests.of(peer).interest is not None

    def budget(self, peer: PeerId, now: Now) -> BudgetView | None:
        """Tell what a link may bring now; None where there is no bound or no link."""
        return self._carried.budgets.view(peer, now.mono_ms)

    def first_from(self, peer: PeerId) -> int:
        """Count the objects a linked peer was the first to supply."""
        return self._carried.firsts.get(peer, 0)

    # --- the one way in -----------------------------------------------------------------------

    def handle(self, event: GossipEvent, now: Now) -> list[GossipAction]:
        """Take one event; perform every returned action, in order."""
        actions = self._dispatch(event, now)
        actions += self._intake.next_runs()
        actions += self._exchange.asks(now)
        actions += self._spread.batch()
        actions += self._exchange.wake()
        return actions

    def _dispatch(self, event: GossipEvent, now: Now) -> list[GossipAction]:
        match event:
            case ObjectsReceived() | CandidateReceived() | StemReceived():
                actions = self._received(event, now)
            case VerifyFinished():
                actions = self._intake.verified(event, now)
            case ObjectsStored(ids=ids):
                actions = self._intake.on_record(ids)
            case ObjectStored() | StoreFailed() | ObjectLost():
                actions = self._intake.on_disk(event)
            case PublishObject(verified=verified):
                actions = self._intake.publish(verified, now)
            case IdsReceived() | MissingReceived() | WantReceived():
                actions = self._exchange.named(event, now)
            case LevelAsked() | LevelReceived():
                actions = self._spread.handle(event, now)
            case RttMeasured(peer=peer, rtt_ms=rtt_ms):
                self._exchange.measured(peer, rtt_ms)
                self.stem.timed(peer, rtt_ms)
                actions = []
            case RangesAsked() | RangesAnswered() | RangesRefused():
                actions = self._comparison.handle(event, now)
            case _:
                actions = self._turn(event, now)
        return actions

    def _received(
        self, event: ObjectsReceived | CandidateReceived | StemReceived, now: Now
    ) -> list[GossipAction]:
        match event:
            case ObjectsReceived(peer=peer, raws=raws):
                return self._intake.receive_all(peer, raws, now)
            case CandidateReceived(peer=peer, raw=raw):
                return self._intake.receive(peer, raw, now)
            case StemReceived(peer=peer, raw=raw):
                return self._intake.receive_stem(peer, raw, now)
            case _:
                assert_never(event)

    def _police(self, event: ChangePolicy | LetGo, now: Now) -> list[GossipAction]:
        before = self._carried.refusals.policy
        actions = self._exchange.policy(event)
        if self._carried.refusals.policy != before:
            # What the old rules refused may be taken now.
            actions += self._comparison.anew(now)
        return actions

    def _turn(
        self,
        event: Started
        | InterestReceived
        | ChangeInterest
        | ChangePolicy
        | LetGo
        | SeekObject
        | PeerJoined
        | PeerLost
        | TimerFired,
        now: Now,
    ) -> list[GossipAction]:
        match event:
            case Started():
                actions = [*self._exchange.started(event), *self._comparison.started(now)]
            case InterestReceived():
                actions = self._exchange.interest(event, now)
            case ChangeInterest():
                # First said, then compared: what was not wanted before is missing now.
                actions = [*self._exchange.interest(event, now), *self._comparison.anew(now)]
            case ChangePolicy() | LetGo():
                actions = self._police(event, now)
            case SeekObject(id=object_id):
                self._exchange.seek(object_id, now)
                actions = []
            case PeerJoined():
                self._exchange.joined(event, now)
                actions = [*self._spread.joined(event, now), *self._comparison.joined(event, now)]
            case PeerLost():
                self._exchange.lost(event, now)
                self._comparison.lost(event)
                self.stem.lost(event.peer)
                actions = [
                    *self._spread.lost(event, now),
                    *self.stem.stranded(event.peer, now),
                ]
            case TimerFired(timer=Timer.EMBARGO):
                actions = self._intake.embargo(now)
            case TimerFired(timer=timer):
                actions = [
                    *self._spread.timed(timer, now),
                    *self._exchange.timed(timer, now),
                    *self._comparison.timed(timer, now),
                ]
            case _:
                assert_never(event)
        return actions
