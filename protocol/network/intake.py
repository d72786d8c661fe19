"""The way in: bytes become a candidate, a candidate a verified object, and that finds its place.

Stages of gossip: *admit* (no signature), *verify* (by the runtime, in runs), *settle* (place,
store, forward). Enters: bytes of peers, verdicts, objects of our own, word from the disk. Leaves:
actions. Never: an object settled that was not verified, an id condemned for a copy's work nonce or
for another object's bad signature over the same text.
Source: docs/protocol/06-gossip.md, "The way in".
"""

from __future__ import annotations

from typing import Any, assert_never

from protocol import limits
from protocol.errors import ObjectError, Reason
from protocol.ids import NodeId, ObjectId, PeerId
from protocol.network.actions import DropObject, GossipAction, Notify, StoreObject, VerifyBatch
from protocol.network.admission import Memory, check_admissible, memory_of, points_of
from protocol.network.carried import Carried, blame, times_of
from protocol.network.declined import Times
from protocol.network.events import (
    ObjectLost,
    ObjectStored,
    StoreFailed,
    Unverified,
    VerifyFinished,
)
from protocol.network.live import entry_of, prefix_of
from protocol.network.policy import Rule
from protocol.network.spread import Pushes, Spread
from protocol.network.stem import Kept, Stem
from protocol.network.verdicts import Verdict
from protocol.now import Now
from protocol.objects.envelope import Candidate, Verified, read_candidate
from protocol.objects.header import Kind
from protocol.objects.revoke import Revoke


class Intake:
    """The stages of one node, over the tables they share with the exchange of ids."""

    def __init__(
        self,
        carried: Carried,
        spread: Spread,
        *,
        kinds: frozenset[Kind],
        stem: Stem,
        runs: int = 1,
    ) -> None:
        """Begin with nothing being verified.

        Args:
            carried: the tables.
            spread: the way on.
            kinds: what this node carries.
            stem: what is not public yet.
            runs: runs of verifications under way at a time: one in the loop, more where processes
                of their own check signatures.
        """
        self._carried = carried
        self._spread = spread
        self._stem = stem
        self._kinds = kinds
        self._runs_max = runs
        self._runs = 0

    # --- admit --------------------------------------------------------------------------------

    def receive_all(self, peer: PeerId, raws: tuple[bytes, ...], now: Now) -> list[GossipAction]:
        """Take the objects of one message; what is a copy of a live one need not be read."""
        carried = self._carried
        actions: list[GossipAction] = []
        copies: list[bytes] = []
        for raw in raws:
            prefix = carried.copies.name_of(raw)
            if prefix is not None and prefix in carried.live:
                copies.append(prefix)
            else:
                actions += self.receive(peer, raw, now)
        if copies:
            carried.service.served(peer)
            carried.verdicts.note(Verdict.DUPLICATE, count=len(copies))
            self._came_again(peer, copies, now)
        return actions

    def _came_again(self, peer: PeerId, names: list[bytes], now: Now) -> None:
        """Note that a peer showed live objects once more."""
        carried = self._carried
        carried.wanted.served(peer, now.mono_ms)
        for prefix in names:
            self._spread.choice.pushed(prefix, peer, now.mono_ms)
            carried.note_holder(prefix, peer)

    def receive(self, peer: PeerId, raw: bytes, now: Now) -> list[GossipAction]:
        """Take bytes of a peer: a copy of what is known costs no more than a look."""
        try:
            candidate = read_candidate(raw, peer=NodeId(peer), bytes_max=limits.public_bytes_max)
        except ObjectError as error:
            self._carried.verdicts.note(Verdict.REJECTED, error.reason)
            return blame(peer, error.reason)
        carried = self._carried
        carried.service.served(peer)
        prefix = prefix_of(candidate.id)
        if not carried.knows(prefix):
            return self._admit(candidate, prefix, peer, now)
        carried.verdicts.note(Verdict.DUPLICATE)
        if prefix in carried.live:
            self._came_again(peer, [prefix], now)
            return []
        carried.wanted.arrived(prefix, peer, now.mono_ms)
        self._spread.choice.pushed(prefix, peer, now.mono_ms)
        if prefix in carried.queue:
            carried.queue.add_supplier(prefix, peer)
        elif prefix in carried.rejected:
            return blame(peer, Reason.BAD_SIGNATURE)
        return []

    def receive_stem(self, peer: PeerId, raw: bytes, now: Now) -> list[GossipAction]:
        """Take bytes of a peer that are not public yet; beyond its budget they are."""
        try:
            candidate = read_candidate(raw, peer=NodeId(peer), bytes_max=limits.public_bytes_max)
        except ObjectError as error:
            self._carried.verdicts.note(Verdict.REJECTED, error.reason)
            return blame(peer, error.reason)
        prefix = prefix_of(candidate.id)
        if not self._stem.is_open:
            self._carried.verdicts.note(Verdict.IGNORED, Reason.POLICY)
            return []
        if self._carried.knows(prefix):
            self._carried.verdicts.note(Verdict.DUPLICATE)
            if prefix in self._carried.live:
                self._spread.tell(peer, prefix)
            return []
        if prefix in self._stem:
            return self._end_stem(prefix, now) if self._stem.is_loop(prefix, peer) else []
        if not self._stem.admits(peer, now):
            return self.receive(peer, raw, now)
        return self._admit(candidate, prefix, peer, now, by_stem=True)

    def _admit(
        self, candidate: Candidate, prefix: bytes, peer: PeerId, now: Now, *, by_stem: bool = False
    ) -> list[GossipAction]:
        carried = self._carried
        try:
            check_admissible(candidate, net=carried.net, wall_ms=now.wall_ms, kinds=self._kinds)
        except ObjectError as error:
            return self._refuse(prefix, error.reason, [peer], now)
        if not by_stem and not self._is_within_budget(candidate, prefix, peer, now):
            return self._put_off(prefix, peer, now)
        # A twin, a second signature over a text that is held, is verified like anything else: it
        # counts as held from then on, and a forged one would for as long as its text says.
        is_taken = carried.queue.put(candidate, peer, by_stem=by_stem)
        if by_stem:
            # Whoever announces it has it in public: it is fetched from there all the same. What
            # finds no room is published by those it passed before.
            return []
        if is_taken:
            announcers = carried.wanted.announcers(prefix)
            self._spread.choice.arrived(prefix, peer, announcers, now.mono_ms)
            for announcer, _ in announcers:
                carried.note_holder(prefix, announcer)
            carried.wanted.arrived(prefix, peer, now.mono_ms)
        else:
            # It is asked for again when there is room.
            carried.verdicts.note(Verdict.IGNORED, Reason.QUOTA)
            carried.wanted.failed(prefix, peer)
            carried.wanted.note(prefix, peer)
        return []

    def _is_within_budget(
        self, candidate: Candidate, prefix: bytes, peer: PeerId, now: Now
    ) -> bool:
        """Charge a new object to its link; what was asked for was charged when it was."""
        carried = self._carried
        if carried.wanted.is_asked(prefix, peer):
            if carried.wanted.is_found(prefix, peer):
                carried.budgets.served(peer, len(candidate.raw), now.mono_ms)
            return True
        return prefix in carried.sought or carried.budgets.may_push(peer, now.mono_ms)

    def _put_off(self, prefix: bytes, peer: PeerId, now: Now) -> list[GossipAction]:
        """Leave a push beyond the budget: it is asked for later, or comes over another link."""
        carried = self._carried
        carried.verdicts.note(Verdict.IGNORED, Reason.OVER_BUDGET)
        carried.wanted.note(prefix, peer, now.mono_ms, carried.wanted.wait_ms)
        is_fault = carried.budgets.is_fault(peer, now.mono_ms)
        return blame(peer, Reason.OVER_BUDGET) if is_fault else []

    def _refuse(
        self,
        prefix: bytes,
        reason: Reason,
        suppliers: list[PeerId],
        now: Now,
        times: Times | None = None,
    ) -> list[GossipAction]:
        """Remember a refusal for what it is, and blame whoever sent provably bad bytes.

        Args:
            prefix: what is refused.
            reason: why.
            suppliers: who sent it.
            now: the moment.
            times: its times, where others may rightly hold it: it is compared as if we did, so
                it has to be verified.
        """
        carried = self._carried
        memory = memory_of(reason)
        is_fault = bool(points_of(reason))
        carried.verdicts.note(Verdict.REJECTED if is_fault else Verdict.IGNORED, reason)
        for supplier in suppliers:
            if memory is Memory.NOTHING:
                carried.wanted.failed(prefix, supplier)
            else:
                carried.wanted.arrived(prefix, supplier, now.mono_ms)
        if memory is Memory.REJECTED:
            carried.rejected.add(prefix)
        elif memory is Memory.DECLINED:
            carried.declined.add(prefix, times)
        return [action for peer in suppliers for action in blame(peer, reason)]

    def next_runs(self) -> list[GossipAction]:
        """Start the next runs of verifications; in the loop one at a time, so that it turns."""
        in_loop = self._runs_max == 1
        run_max = limits.verify_batch_max if in_loop else limits.verify_process_run_max
        actions: list[GossipAction] = []
        while self._runs < self._runs_max and (run := self._carried.queue.take(run_max)):
            self._runs += 1
            actions.append(VerifyBatch(candidates=run))
        return actions

    # --- verify and settle --------------------------------------------------------------------

    def verified(self, event: VerifyFinished, now: Now) -> list[GossipAction]:
        """Take the verdicts of a run: what holds is settled, the rest remembered."""
        self._runs = max(0, self._runs - 1)
        actions: list[GossipAction] = []
        pushes = self._spread.begin(now)
        for outcome in event.outcomes:
            prefix = prefix_of(outcome.id)
            pending = self._carried.queue.finish(prefix)
            if pending is None:
                continue
            if isinstance(outcome, Unverified):
                blamed = [*pending.suppliers, *([pending.stem] if pending.stem else [])]
                actions += self._refuse(prefix, outcome.reason, blamed, now)
            elif pending.stem is not None and not pending.suppliers:
                actions += self._pass_on(outcome, pending.stem, pushes, now)
            else:
                actions += self._settle(outcome, pending.suppliers, pushes, now)
        return actions + pushes.actions()

    def _pass_on(
        self, verified: Verified[Any], peer: PeerId, pushes: Pushes, now: Now
    ) -> list[GossipAction]:
        """Give an object of a stem to the next peer, or to everybody where the stem ends."""
        if self._carried.live.has_text(verified.digest):
            # A twin of what is held goes no further; who sent it supplied what it may hold.
            return self._settle(verified, [peer], pushes, now)
        is_linked = peer in self._carried.peers
        actions = self._stem.take(verified, peer, now, is_linked=is_linked)
        if actions is not None:
            return actions
        self._count_first(peer, now)
        return self._settle(verified, [], pushes, now, peer)

    def embargo(self, now: Now) -> list[GossipAction]:
        """Publish what went on by stem and was not seen in public since."""
        actions: list[GossipAction] = []
        for kept in self._stem.due(now):
            actions += self._end_stem(prefix_of(kept.verified.id), now)
        return actions + self._stem.wind(now)

    def _end_stem(self, prefix: bytes, now: Now) -> list[GossipAction]:
        kept = self._stem.forget(prefix)
        if kept is None:
            return []
        if kept.edge is None:
            return self._end_own(kept, now)
        self._count_first(kept.edge.peer, now)
        pushes = self._spread.begin(now)
        edge = kept.edge.peer
        return self._settle(kept.verified, [], pushes, now, edge) + pushes.actions()

    def _end_own(self, kept: Kept, now: Now) -> list[GossipAction]:
        """Lose patience with an object of our own: nobody but the relay it went to has shown it."""
        prefix = prefix_of(kept.verified.id)
        if self._carried.holders.of(prefix).difference(kept.tried):
            return []
        if not self._is_alike(kept.verified):
            actions = self._stem.again(kept, now)
            if actions is not None:
                return actions
        return self._make_public(kept.verified, [], now)

    def _is_alike(self, verified: Verified[Any]) -> bool:
        """Tell whether this node passes on such objects of others, so that ours is one of many."""
        return self._carried.interests.own.wants(entry_of(verified))

    def _settle(
        self,
        verified: Verified[Any],
        suppliers: list[PeerId],
        pushes: Pushes,
        now: Now,
        edge: PeerId | None = None,
    ) -> list[GossipAction]:
        """Give an object of others its place, and its way to everybody else."""
        carried = self._carried
        prefix = prefix_of(verified.id)
        kept = self._stem.get(prefix)
        if kept is not None and kept.edge is None:
            return self._shown(kept, suppliers, now)
        self._stem.forget(prefix)
        if kept is not None and kept.edge is not None:
            edge = kept.edge.peer
        entry = entry_of(verified)
        if prefix not in carried.sought:
            if not carried.interests.own.wants(entry):
                return self._leave(prefix, suppliers, now)
            if carried.refusals.judge(entry, verified.body) is not None:
                times = self._times(verified, Reason.POLICY)
                return self._refuse(prefix, Reason.POLICY, suppliers[:1], now, times)
        placement = carried.live.place(entry, wall_ms=now.wall_ms)
        actions = self._drop(placement.removed)
        if placement.evicted is not None:
            actions.append(carried.let_go(placement.evicted))
        if placement.refused is not None:
            times = self._times(verified, placement.refused)
            return actions + self._refuse(prefix, placement.refused, suppliers[:1], now, times)
        if placement.replaced is not None:
            carried.declined.add(prefix_of(placement.replaced))
        carried.declined.free_revokes(prefix)
        carried.verdicts.note(Verdict.ACCEPTED)
        self._spread.choice.accepted(prefix)
        carried.storing[prefix] = verified
        carried.copies.note(verified.raw, prefix)
        carried.sought.pop(prefix, None)
        actions.append(StoreObject(verified=verified, replaced=placement.replaced))
        self._credit(prefix, suppliers, now)
        pushes.add(prefix, verified.raw, is_first=not suppliers, edge=edge)
        return actions

    def _shown(self, kept: Kept, suppliers: list[PeerId], now: Now) -> list[GossipAction]:
        """Take an object of our own that comes back in public.

        The relay it went to may say so and keep it from everybody else: where others could show it,
        patience goes on until one of them does.
        """
        is_alike = self._is_alike(kept.verified)
        if not (is_alike and suppliers and set(suppliers) <= set(kept.tried)):
            self._stem.forget(prefix_of(kept.verified.id))
        return self._make_public(kept.verified, suppliers, now, is_silent=not is_alike)

    def _times(self, verified: Verified[Any], refused: Reason) -> Times | None:
        """Give the times of what others may rightly hold though we do not take it.

        We have no room for it, refuse it by our own rules, or hold its twin.

        What was taken back, and a revoke that fits nothing or gave way to another, goes everywhere.
        """
        is_twin = refused is Reason.DUPLICATE and self._carried.live.has_text(verified.digest)
        if refused not in {Reason.QUOTA, Reason.POLICY} and not is_twin:
            return None
        return times_of(entry_of(verified))

    def _leave(self, prefix: bytes, suppliers: list[PeerId], now: Now) -> list[GossipAction]:
        """Let go of what this leaf does not want; it may want it another day."""
        carried = self._carried
        carried.refusals.note(Rule.INTEREST)
        carried.verdicts.note(Verdict.IGNORED, Reason.POLICY)
        for peer in suppliers[:1]:
            carried.wanted.arrived(prefix, peer, now.mono_ms)
        return []

    def _credit(self, prefix: bytes, suppliers: list[PeerId], now: Now) -> None:
        """Note who holds an object that has come, and let them know with the next heartbeat."""
        carried = self._carried
        for peer in suppliers[:1]:
            self._count_first(peer, now)
        for supplier in suppliers:
            carried.note_holder(prefix, supplier)
            if supplier in carried.peers:
                carried.thanks.setdefault(supplier, []).append(prefix)

    def _count_first(self, peer: PeerId, now: Now) -> None:
        self._carried.merits.credit(peer, now.mono_ms)
        if peer in self._carried.firsts:
            self._carried.firsts[peer] += 1

    def _drop(self, ids: tuple[ObjectId, ...]) -> list[GossipAction]:
        """Let go of revokes that turned out to be none, or gave way to another."""
        for object_id in ids:
            self._carried.declined.add(prefix_of(object_id))
            self._carried.storing.pop(prefix_of(object_id), None)
        return [DropObject(id=object_id) for object_id in ids]

    def publish(self, verified: Verified[Any], now: Now) -> list[GossipAction]:
        """Give an object of our own to everybody: by stem, where its author is to be hidden."""
        prefix = prefix_of(verified.id)
        if prefix in self._stem:
            return []
        if prefix not in self._carried.live and self._is_hidden(verified):
            actions = self._stem.publish(verified, now)
            if actions is not None:
                return actions
        return self._make_public(verified, [], now)

    def _is_hidden(self, verified: Verified[Any]) -> bool:
        """Tell whether the author of an object is nobody's business: a cast's, or its revoke's."""
        if not isinstance(verified.body, Revoke):
            return verified.header.kind is Kind.INTENTCAST
        name = prefix_of(verified.body.target)
        # A wish taken back before it was seen need not be published by us; those it passed may.
        self._stem.forget(name)
        target = self._carried.live.get(name)
        return target is None or target.kind is Kind.INTENTCAST

    def _make_public(
        self,
        verified: Verified[Any],
        suppliers: list[PeerId],
        now: Now,
        *,
        is_silent: bool = False,
    ) -> list[GossipAction]:
        """Give an object of our own its place, whatever the quotas, and its way to everybody.

        Args:
            verified: the object.
            suppliers: who showed it; then it goes on as one of others would.
            now: the moment.
            is_silent: it is one this leaf would not pass on.
        """
        carried = self._carried
        prefix = prefix_of(verified.id)
        actions: list[GossipAction] = []
        if prefix not in carried.live:
            carried.declined.discard(prefix)
            placement = carried.live.place(entry_of(verified, exempt=True))
            actions += self._drop(placement.removed)
            if placement.refused is not None:
                return actions
            if placement.replaced is not None:
                carried.declined.add(prefix_of(placement.replaced))
        carried.holders.pin(prefix)
        carried.wanted.arrived(prefix, PeerId(b""), now.mono_ms)
        pushes = self._spread.begin(now)
        # As with an object of others, or whoever is linked could tell the author.
        self._credit(prefix, suppliers, now)
        if not is_silent:
            self._spread.choice.accepted(prefix)
            pushes.add(prefix, verified.raw, is_first=not suppliers)
        return actions + pushes.actions()

    # --- disk ---------------------------------------------------------------------------------

    def on_record(self, ids: tuple[ObjectId, ...]) -> list[GossipAction]:
        """Take word that new objects are kept; only now may a party act on them.

        What it records will point at them.
        """
        take = self._carried.storing.pop
        found = [take(prefix_of(object_id), None) for object_id in ids]
        return [Notify(verified=verified) for verified in found if verified is not None]

    def on_disk(self, event: ObjectStored | StoreFailed | ObjectLost) -> list[GossipAction]:
        """Take word from the disk: only what is kept may be served, and acted upon."""
        carried = self._carried
        prefix = prefix_of(event.id)
        verified = carried.storing.pop(prefix, None)
        match event:
            case ObjectStored(is_new=is_new):
                return [Notify(verified=verified)] if verified is not None and is_new else []
            case StoreFailed(reason=reason):
                carried.live.remove(prefix)
                if reason is not Reason.QUOTA:
                    carried.declined.add(prefix, _times_on_disk(verified, reason))
                return []
            case ObjectLost():
                carried.live.remove(prefix)
                return []
            case _:
                assert_never(event)


def _times_on_disk(verified: Verified[Any] | None, reason: Reason) -> Times | None:
    """Give the times of an object whose twin is kept on disk."""
    if verified is None or reason is not Reason.DUPLICATE:
        return None
    return Times(at=verified.header.at, exp=verified.header.exp)
