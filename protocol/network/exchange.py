"""The exchange of names: who holds what, and who wants what, from heartbeat to heartbeat.

Enters: announcements, wants, peers that come and go, timers. Leaves: questions, answers, objects to
serve. Never here: bytes from peers; what a want brings goes the whole way in (`intake`).
Source: docs/protocol/06-gossip.md, "The way on".
"""

from __future__ import annotations

from typing import assert_never

from protocol import limits
from protocol.channel.messages import Interest, Missing, Want, Wants
from protocol.channel.priority import Priority
from protocol.errors import Reason
from protocol.ids import ObjectId, PeerId
from protocol.network.actions import (
    BlamePeer,
    DropExpired,
    GossipAction,
    SendMessage,
    ServeObjects,
    SetTimer,
    TellNothingServed,
    Timer,
)
from protocol.network.admission import PROMISE_POINTS
from protocol.network.announcements import ids_messages
from protocol.network.carried import Carried, objects_messages
from protocol.network.events import (
    ChangeInterest,
    ChangePolicy,
    IdsReceived,
    InterestReceived,
    LetGo,
    MissingReceived,
    PeerJoined,
    PeerLost,
    Started,
    WantReceived,
)
from protocol.network.groups import group_of, public_group_of
from protocol.network.interest import Changes, Filter
from protocol.network.live import prefix_of
from protocol.network.spread import Spread
from protocol.now import Now


class Exchange:
    """What one node says and asks about ids, over the tables it shares with the intake."""

    def __init__(self, carried: Carried, spread: Spread) -> None:
        """Begin with no question open.

        Args:
            carried: the tables.
            spread: the way on, which hears who showed what.
        """
        self._carried = carried
        self._spread = spread
        self._pull_ms: int | None = None
        self._is_idle = False
        self._changes = Changes()

    # --- names --------------------------------------------------------------------------------

    def named(
        self, event: IdsReceived | MissingReceived | WantReceived, now: Now
    ) -> list[GossipAction]:
        """Take names: announced, missing, or wanted."""
        match event:
            case IdsReceived(peer=peer, ids=ids):
                self._hear(peer, ids, now)
                return []
            case MissingReceived(peer=peer, ids=ids):
                for prefix in ids:
                    self._carried.wanted.failed(prefix, peer)
                    self._carried.holders.forget(prefix, peer)
                return []
            case WantReceived(peer=peer, ids=ids):
                return self._serve(peer, ids, now)
            case _:
                assert_never(event)

    def _hear(self, peer: PeerId, ids: tuple[bytes, ...], now: Now) -> None:
        """Take an announcement: what we have shows how far behind the peer is."""
        carried = self._carried
        for prefix in ids:
            self._spread.choice.named(prefix, peer, now.mono_ms)
        carried.note_names(ids, peer, now.mono_ms, self._wait_ms(peer))

    def _wait_ms(self, peer: PeerId) -> int:
        """Give how long a push is waited for: a quiet peer speaks where nobody else could have."""
        if self._spread.choice.is_quiet(peer):
            return limits.pull_quiet_ms
        return self._carried.wanted.wait_ms

    def _serve(self, peer: PeerId, ids: tuple[bytes, ...], now: Now) -> list[GossipAction]:
        """Answer a want: from memory what is not on disk yet, from disk the rest.

        What a link was served before, it is served once more, should it have lost it; then not for
        a while.
        """
        servings, mono_ms = self._carried.servings, now.mono_ms
        in_memory: list[bytes] = []
        on_disk: list[ObjectId] = []
        missing: list[bytes] = []
        for prefix in dict.fromkeys(ids):
            entry = self._carried.live.get(prefix)
            if (
                entry is None
                or entry.exp <= now.wall_ms
                or not servings.take(prefix, peer, mono_ms)
            ):
                missing.append(prefix)
            elif prefix in self._carried.storing:
                in_memory.append(self._carried.storing[prefix].raw)
            else:
                on_disk.append(entry.id)
        actions: list[GossipAction] = [*objects_messages(peer, in_memory, Priority.PULL)]
        if on_disk:
            actions.append(ServeObjects(peer=peer, ids=tuple(on_disk)))
        if missing:
            message = Missing(ids=missing)
            actions.append(SendMessage(peer=peer, message=message, priority=Priority.PULL))
        return actions

    def seek(self, object_id: ObjectId, now: Now) -> None:
        """Ask every peer, and for some minutes every newcomer, for an object."""
        carried = self._carried
        prefix = prefix_of(object_id)
        carried.declined.discard(prefix)
        if carried.knows(prefix):
            return
        carried.sought.pop(prefix, None)
        if len(carried.sought) >= limits.sought_ids_max:
            carried.sought.popitem(last=False)
        carried.sought[prefix] = now.mono_ms + limits.sought_ms_max
        for peer in carried.peers:
            carried.wanted.note(prefix, peer)

    def asks(self, now: Now) -> list[GossipAction]:
        """Ask for what is ripe, as far as peers have room, and wind the clock for the rest."""
        wanted = self._carried.wanted
        if not len(wanted):
            return []
        actions: list[GossipAction] = []
        for peer, names in wanted.asks(
            now.mono_ms,
            lambda peer: self._spread.choice.penalty_ms(peer, now.mono_ms),
            lambda peer, is_found: self._carried.budgets.may_ask(
                peer, now.mono_ms, is_found=is_found
            ),
        ):
            self._carried.service.asked(peer, now.mono_ms, is_want=True)
            message = Want(ids=names)
            actions.append(SendMessage(peer=peer, message=message, priority=Priority.CONTROL))
        due_ms = wanted.due_ms(self._patience_ms)
        if due_ms is not None and (self._pull_ms is None or due_ms < self._pull_ms):
            self._pull_ms = due_ms
            delay_ms = max(1, due_ms - now.mono_ms)
            actions.append(SetTimer(timer=Timer.PULL, delay_ms=delay_ms))
        return actions

    def _patience_ms(self, peer: PeerId) -> int:
        """Give half as long again as a round trip takes."""
        rtt_ms = self._carried.rtts.get(peer, limits.rtt_unknown_ms)
        return max(limits.pull_wait_ms_min, min(rtt_ms * 3 // 2, limits.pull_late_ms_max))

    # --- peers --------------------------------------------------------------------------------

    def joined(self, event: PeerJoined, now: Now) -> None:
        """Welcome a peer: ask it for what is sought."""
        self._carried.peers[event.peer] = group_of(event.address, self._carried.net)
        self._put(event.peer, event.hello.interest)
        group = public_group_of(event.address)
        self._carried.budgets.joined(event.peer, now.mono_ms, group)
        self._carried.merits.joined(event.peer)
        self._carried.firsts[event.peer] = 0
        for prefix, until_ms in self._carried.sought.items():
            if now.mono_ms < until_ms:
                self._carried.wanted.note(prefix, event.peer)

    def measured(self, peer: PeerId, rtt_ms: int) -> None:
        """Note how long a round trip to a linked peer takes."""
        if peer in self._carried.peers:
            self._carried.rtts[peer] = rtt_ms

    def lost(self, event: PeerLost, now: Now) -> None:
        """Forget what was open with a peer."""
        self._carried.peers.pop(event.peer, None)
        self._put(event.peer, None)
        self._changes.lose(event.peer)
        self._carried.budgets.lost(event.peer, now.mono_ms)
        self._carried.merits.lost(event.peer)
        self._carried.thanks.pop(event.peer, None)
        self._carried.firsts.pop(event.peer, None)
        self._carried.rtts.pop(event.peer, None)
        self._carried.service.lost(event.peer)
        self._carried.servings.lost(event.peer)
        self._carried.wanted.lose(event.peer)
        self._carried.queue.lose(event.peer)

    def _put(self, peer: PeerId, interest: Interest | None) -> None:
        """Note what a peer wants; what was made for its wish before goes with that."""
        interests = self._carried.interests
        before = interests.of(peer)
        if before.interest != interest:
            self._carried.live.holdings.forget(before.narrow(is_ours=False))
            interests.put(peer, interest)

    def interest(self, event: InterestReceived | ChangeInterest, now: Now) -> list[GossipAction]:
        """Take what a peer wants from now on, or say what this node does."""
        interests = self._carried.interests
        if isinstance(event, InterestReceived):
            peer, interest = event.peer, event.interest
            if peer in self._carried.peers and self._changes.take(peer, interest, now.mono_ms):
                self._put(peer, interest)
            return []
        self._carried.live.holdings.forget(interests.own.narrow(is_ours=True))
        interests.own = Filter(event.interest)
        message = Wants(interest=event.interest)
        return [
            SendMessage(peer=peer, message=message, priority=Priority.CONTROL)
            for peer in self._carried.peers
        ]

    def policy(self, event: ChangePolicy | LetGo) -> list[GossipAction]:
        """Carry by other rules, and let go of what they refuse."""
        carried = self._carried
        if isinstance(event, LetGo):
            names = {prefix_of(object_id) for object_id in event.ids}
            refused = carried.live.select(lambda entry: prefix_of(entry.id) in names)
        else:
            if event.policy != carried.refusals.policy:
                # First, since what is let go by the new rules is declined by them.
                carried.declined.release()
            carried.refusals.policy = event.policy
            carried.live.quota.entries_max = event.objects_max
            judge = event.policy.judge_entry
            is_empty = event.policy.is_empty
            refused = [] if is_empty else carried.live.select(lambda e: judge(e) is not None)
        for entry in refused:
            carried.live.remove(prefix_of(entry.id))
        return [carried.let_go(entry) for entry in refused]

    # --- time ---------------------------------------------------------------------------------

    def started(self, event: Started) -> list[GossipAction]:
        """Take what the store holds, and wind the clocks."""
        for entry in event.entries:
            self._carried.live.place(entry, is_kept=True)
        return [
            SetTimer(timer=Timer.HEARTBEAT, delay_ms=limits.heartbeat_ms),
            SetTimer(timer=Timer.SWEEP, delay_ms=limits.sweep_ms),
        ]

    def timed(self, timer: Timer, now: Now) -> list[GossipAction]:
        """Do what a timer is for."""
        match timer:
            case Timer.HEARTBEAT:
                return self._heartbeat(now)
            case Timer.SWEEP:
                return self._sweep(now)
            case Timer.PULL:
                self._pull_ms = None
                for peer in self._carried.wanted.late(now.mono_ms, self._patience_ms):
                    self._spread.choice.broke(peer, now.mono_ms)
                return []
            case Timer.BATCH | Timer.CATCH_UP | Timer.DIAL | Timer.EMBARGO:
                return []
            case _:
                assert_never(timer)

    def _heartbeat(self, now: Now) -> list[GossipAction]:
        """Tell suppliers that we hold what they sent; look after promises, and wishes that wait."""
        actions: list[GossipAction] = []
        for wisher, interest in self._changes.due(now.mono_ms):
            self._put(wisher, interest)
        for peer, names in self._carried.thanks.items():
            actions += ids_messages(peer, names)
        self._carried.thanks.clear()
        actions += [
            BlamePeer(peer=peer, reason=Reason.STALLED, points=PROMISE_POINTS)
            for peer in self._carried.wanted.broken(now.mono_ms)
        ]
        missing_ms = self._carried.service.missing_ms(now.mono_ms)
        if missing_ms >= limits.unserved_ms:
            actions.append(TellNothingServed(for_ms=missing_ms))
        self._is_idle = not self._is_busy
        delay_ms = limits.heartbeat_idle_ms if self._is_idle else limits.heartbeat_ms
        actions.append(SetTimer(timer=Timer.HEARTBEAT, delay_ms=delay_ms))
        return actions

    @property
    def _is_busy(self) -> bool:
        return bool(len(self._carried.wanted) or self._carried.thanks or self._spread.is_busy)

    def wake(self) -> list[GossipAction]:
        """Bring the heartbeat forward when something begins after a quiet time."""
        if not self._is_idle or not self._is_busy:
            return []
        self._is_idle = False
        return [SetTimer(timer=Timer.HEARTBEAT, delay_ms=limits.heartbeat_ms)]

    def _shrink(self, now: Now) -> list[GossipAction]:
        """Let go of what has no place any more, since there is less of it than there was."""
        gone = self._carried.live.shrink(now.wall_ms, limits.shrink_together_max)
        return [self._carried.let_go(entry) for entry in gone]

    def _sweep(self, now: Now) -> list[GossipAction]:
        # Kept a little past expiry: a peer whose clock is behind may still offer it.
        before_ms = now.wall_ms - limits.skew_ms_max
        for entry in self._carried.live.expire(before_ms):
            self._carried.holders.unpin(prefix_of(entry.id))
        actions = self._shrink(now)
        sought = self._carried.sought
        while sought and next(iter(sought.values())) <= now.mono_ms:
            sought.popitem(last=False)
        return [
            *actions,
            DropExpired(wall_ms=before_ms),
            SetTimer(timer=Timer.SWEEP, delay_ms=limits.sweep_ms),
        ]
