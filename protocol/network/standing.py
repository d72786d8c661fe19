"""Standing: what a key has provably done wrong, and apart from it what good a link did.

Fault decides who stays: no push place at 20 points, no link at 50, a ban of an hour at 100. Merit
is bounded and does one thing: when fewer peers can be pushed to, it says who keeps the place. Both
fade by half every half hour. Enters: a key, what happened, the moment. Leaves: what follows from
that. Never: anything a third party says; fault made less by merit.
Source: docs/protocol/06-gossip.md, "Standing".
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import IntEnum

from protocol import limits
from protocol.ids import PeerId


class Standing(IntEnum):
    """What a key's faults come to, worst last."""

    GOOD = 0
    """Nothing follows."""
    NO_PUSH = 1
    """It holds no push place."""
    UNWELCOME = 2
    """Its link is closed, and none is made while the points last."""
    BANNED = 3
    """Its link is closed, and the key refused for an hour."""


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

    def blame(self, peer: PeerId, points: int, mono_ms: int) -> Standing:
        """Add points; tells what they come to now.

        Args:
            peer: who provably did it.
            points: 0 or more; 0 is nobody's fault and leaves no trace.
            mono_ms: the moment.
        """
        if points > 0:
            total = self.points(peer, mono_ms) + points
            before = self._records.pop(peer, None)
            banned_until = before.banned_until_ms if before else 0
            if total >= limits.fault_points_max:
                banned_until = mono_ms + limits.ban_ms
            self._records[peer] = _Record(points=total, at_ms=mono_ms, banned_until_ms=banned_until)
            if len(self._records) > self._kept_max:
                self._records.popitem(last=False)
        return self.standing(peer, mono_ms)

    def points(self, peer: PeerId, mono_ms: int) -> float:
        """Give the points left at this moment."""
        record = self._records.get(peer)
        if record is None:
            return 0.0
        halvings = max(0, mono_ms - record.at_ms) / limits.fault_half_life_ms
        return record.points * float(0.5**halvings)

    def standing(self, peer: PeerId, mono_ms: int) -> Standing:
        """Tell what a key's faults come to at this moment."""
        if self.is_banned(peer, mono_ms):
            return Standing.BANNED
        points = self.points(peer, mono_ms)
        if points >= limits.fault_points_unwelcome:
            return Standing.UNWELCOME
        return Standing.NO_PUSH if points >= limits.fault_points_no_push else Standing.GOOD

    def is_banned(self, peer: PeerId, mono_ms: int) -> bool:
        """Tell whether links with this key are refused for an hour that is not over."""
        record = self._records.get(peer)
        return record is not None and mono_ms < record.banned_until_ms

    def is_welcome(self, peer: PeerId, mono_ms: int) -> bool:
        """Tell whether a link with this key may be made, and may stay."""
        return self.standing(peer, mono_ms) < Standing.UNWELCOME


class Merits:
    """What good each link did of late: how often it was the first with what was taken."""

    def __init__(self) -> None:
        """Start without links."""
        self._merits: dict[PeerId, int] = {}
        self._faded_ms: int | None = None

    def joined(self, peer: PeerId) -> None:
        """Begin with a link."""
        self._merits[peer] = 0

    def lost(self, peer: PeerId) -> None:
        """Forget a link: merit is not kept, or keys that come and go would fill the memory."""
        self._merits.pop(peer, None)

    def credit(self, peer: PeerId, mono_ms: int) -> None:
        """Note that a link was the first with an object that was taken."""
        self._fade(mono_ms)
        if peer in self._merits:
            self._merits[peer] = min(self._merits[peer] + 1, limits.merit_max)

    def of(self, peer: PeerId) -> int:
        """Give the merit of a link, 0..1000; of strangers 0."""
        return self._merits.get(peer, 0)

    def _fade(self, mono_ms: int) -> None:
        """Halve all once for every half hour that has passed; order is all that is asked of it."""
        if self._faded_ms is None:
            self._faded_ms = mono_ms
        halvings = (mono_ms - self._faded_ms) // limits.fault_half_life_ms
        if halvings > 0:
            self._faded_ms += halvings * limits.fault_half_life_ms
            self._merits = {peer: merit >> halvings for peer, merit in self._merits.items()}
