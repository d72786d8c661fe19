"""Fault points of peers: what a key has provably done wrong, and when it may not come back.

Enters: a key, points (see `errors.Severity`) and the moment. Leaves: whether the key is refused.
Points halve every half hour. Nothing a third party says counts, and merit never pays for fault.
Source: docs/protocol/06-gossip.md, "Fault".
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from protocol import limits
from protocol.ids import PeerId


@dataclass(slots=True, kw_only=True)
class _Record:
    points: float
    at_ms: int
    banned_until_ms: int


class Faults:
    """Fault points by key, the most recently blamed kept."""

    def __init__(self, *, kept_max: int = limits.faults_kept_max) -> None:
        """Start with a clean sheet for everybody."""
        self._kept_max = kept_max
        self._records: OrderedDict[PeerId, _Record] = OrderedDict()

    def __len__(self) -> int:
        """Count the keys remembered."""
        return len(self._records)

    def blame(self, peer: PeerId, points: int, mono_ms: int) -> bool:
        """Add points; tells whether the peer has to go now.

        Args:
            peer: who provably did it.
            points: 0 or more; 0 is nobody's fault and leaves no trace.
            mono_ms: the moment.
        """
        if points <= 0:
            return False
        total = self.points(peer, mono_ms) + points
        before = self._records.pop(peer, None)
        banned_until = before.banned_until_ms if before else 0
        has_to_go = total >= limits.fault_points_max
        if has_to_go:
            banned_until = mono_ms + limits.ban_ms
        self._records[peer] = _Record(points=total, at_ms=mono_ms, banned_until_ms=banned_until)
        if len(self._records) > self._kept_max:
            self._records.popitem(last=False)
        return has_to_go

    def points(self, peer: PeerId, mono_ms: int) -> float:
        """Give the points left at this moment."""
        record = self._records.get(peer)
        if record is None:
            return 0.0
        halvings = max(0, mono_ms - record.at_ms) / limits.fault_half_life_ms
        return record.points * float(0.5**halvings)

    def is_banned(self, peer: PeerId, mono_ms: int) -> bool:
        """Tell whether links with this key are refused at this moment."""
        record = self._records.get(peer)
        return record is not None and mono_ms < record.banned_until_ms
