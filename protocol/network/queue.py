"""Candidates waiting to be verified: one bounded queue per peer, served in turn.

A flood by one peer fills its own queue and no other; when all queues together are full, the longest
gives way. A second copy of a waiting candidate only adds a supplier. Enters: admitted candidates.
Leaves: runs of at most 16 for verification. Never here: signatures.
Source: docs/protocol/06-gossip.md, "The way in".
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from protocol import limits
from protocol.ids import PeerId
from protocol.network.live import prefix_of
from protocol.objects.envelope import Candidate


class Pending(msgspec.Struct, kw_only=True):
    """A candidate between admission and verdict."""

    candidate: Candidate
    """The copy whose work was checked."""
    suppliers: list[PeerId]
    """Who sent these bytes, the first one first."""
    stem: PeerId | None = None
    """Who sent it by stem; it is public as soon as anybody supplies it otherwise."""
    is_taken: bool = False
    """Whether it is being verified."""


class VerifyQueue:
    """All pending candidates."""

    def __init__(self, *, pending_max: int = limits.pending_objects_max) -> None:
        """Start empty."""
        self._pending_max = pending_max
        self._pending: dict[bytes, Pending] = {}
        self._queues: OrderedDict[PeerId, OrderedDict[bytes, None]] = OrderedDict()

    def __len__(self) -> int:
        """Count the candidates waiting or being verified."""
        return len(self._pending)

    def __contains__(self, prefix: bytes) -> bool:
        """Tell whether a candidate of this 16-byte name is pending."""
        return prefix in self._pending

    def of(self, peer: PeerId) -> int:
        """Count the candidates of one peer that wait."""
        return len(self._queues.get(peer, ()))

    def is_crowded_by(self, peer: PeerId) -> bool:
        """Tell whether a peer has sent so much ahead that no more of it should be read now."""
        own = self.of(peer)
        return own >= limits.pending_peer_pause or (
            len(self._pending) >= limits.pending_pause
            and own * len(self._queues) > len(self._pending)
        )

    def add_supplier(self, prefix: bytes, peer: PeerId) -> None:
        """Note that another peer sent the same bytes."""
        suppliers = self._pending[prefix].suppliers
        if peer not in suppliers and len(suppliers) < limits.suppliers_max:
            suppliers.append(peer)

    def put(self, candidate: Candidate, peer: PeerId, *, by_stem: bool = False) -> bool:
        """Take a new candidate, or say that its peer's queue is full."""
        queue = self._queues.get(peer)
        if queue is None:
            queue = self._queues[peer] = OrderedDict()
        if len(queue) >= limits.verify_queue_peer_max:
            return False
        if len(self._pending) >= self._pending_max and not self._make_room(len(queue)):
            return False
        prefix = prefix_of(candidate.id)
        queue[prefix] = None
        self._pending[prefix] = Pending(
            candidate=candidate,
            suppliers=[] if by_stem else [peer],
            stem=peer if by_stem else None,
        )
        return True

    def _make_room(self, length: int) -> bool:
        """Drop the newest of the longest queue, if that is longer than the newcomer's."""
        longest = max(self._queues.values(), key=len)
        if len(longest) <= length + 1:
            return False
        prefix, _ = longest.popitem()
        del self._pending[prefix]
        return True

    def take(self, run_max: int = limits.verify_batch_max) -> tuple[Candidate, ...]:
        """Take the next run, one candidate of each peer in turn."""
        run: list[Candidate] = []
        while len(run) < run_max and self._queues:
            peer, queue = self._queues.popitem(last=False)
            if not queue:
                continue
            prefix, _ = queue.popitem(last=False)
            self._queues[peer] = queue
            pending = self._pending[prefix]
            pending.is_taken = True
            run.append(pending.candidate)
        return tuple(run)

    def finish(self, prefix: bytes) -> Pending | None:
        """Take out a candidate that was verified, with its suppliers; None for any other name."""
        pending = self._pending.get(prefix)
        if pending is None or not pending.is_taken:
            return None
        return self._pending.pop(prefix)

    def lose(self, peer: PeerId) -> None:
        """Drop the queue of a peer that left; what others sent too moves to their queues."""
        for prefix in self._queues.pop(peer, {}):
            pending = self._pending[prefix]
            others = [
                other
                for other in pending.suppliers
                if other != peer and len(self._queues.get(other, ())) < limits.verify_queue_peer_max
            ]
            if not others:
                del self._pending[prefix]
                continue
            pending.suppliers = others
            self._queues.setdefault(others[0], OrderedDict())[prefix] = None
