"""Returns: links that broke without a word, and when to see whether the other end is back.

When a network splits, each part soon has all the links it wants, and nothing would drive the parts
together again but chance. So a node remembers whom it had chosen and lost without a goodbye, and
looks after one of them at a time. Enters: which links broke, the moment. Leaves: whom to try.
Never: a peer that said goodbye or broke a rule; a place among the links that it did not have.
Source: docs/protocol/06-gossip.md, "Links".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from protocol import limits
from protocol.ids import NodeId
from protocol.network.chance import Chance


@dataclass(frozen=True, slots=True)
class _Missed:
    """A link that broke."""

    since_ms: int
    """Monotonic ms of the break."""
    place: int
    """Which place among the chosen links it had."""


class Returns:
    """What one node remembers."""

    def __init__(self, chance: Chance) -> None:
        """Start with nobody missed.

        Args:
            chance: the spread of waits.
        """
        self._chance = chance
        self._missed: OrderedDict[NodeId, _Missed] = OrderedDict()
        self._next_ms = 0

    def broke(self, key: NodeId, place: int, mono_ms: int) -> None:
        """A chosen link broke at a moment; of too many the one missed for longest is forgotten."""
        if not self._missed:
            self._next_ms = mono_ms + self._chance.around(limits.return_ms)
        self._missed.pop(key, None)
        self._missed[key] = _Missed(mono_ms, place)
        if len(self._missed) > limits.returns_max:
            # Not the first: their order is that of the looks.
            del self._missed[min(self._missed, key=lambda each: self._missed[each].since_ms)]

    def back(self, key: NodeId) -> int | None:
        """A key is missed no more; gives the place its link had, None if it was not missed."""
        missed = self._missed.pop(key, None)
        return missed.place if missed is not None else None

    def due_in(self, mono_ms: int) -> int | None:
        """Give the ms until the next look; None when nobody is missed."""
        return max(0, self._next_ms - mono_ms) if self._missed else None

    def draw(self, mono_ms: int, may_dial: Callable[[NodeId], bool]) -> NodeId | None:
        """Give whom to try now, each in turn; None when it is too early or nobody may be tried."""
        if self.due_in(mono_ms) != 0:
            return None
        self._next_ms = mono_ms + self._chance.around(limits.return_ms)
        for key in self._missed:
            if may_dial(key):
                # To the end: the others come first.
                self._missed.move_to_end(key)
                return key
        return None
