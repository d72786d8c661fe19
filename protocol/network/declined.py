"""Declined: names this node does not take, though nothing is wrong with them.

They are not asked for again. Where policy alone stands against an object, others hold it and go on
naming it: such a name is compared as if the object were held, until it would have expired; or every
comparison would find it anew. Enters: names, and times where they are to be compared. Leaves: yes
or no. Full, the memory forgets the name longest untouched.
Source: docs/protocol/07-sync.md, "What is compared".
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass

from protocol.network.holdings import Holdings

_EXPIRIES_SPARE = 1_024
"""Dead places among the expiries that are left alone, beyond as many as there are names."""


@dataclass(frozen=True, slots=True)
class Times:
    """When an object was signed, and when it ends."""

    at: int
    """Unix ms."""
    exp: int
    """Unix ms."""


class Declined:
    """The memory of one node."""

    def __init__(self, holdings: Holdings, size_max: int) -> None:
        """Start empty.

        Args:
            holdings: what is compared; names with times are put there.
            size_max: most names.
        """
        self._holdings = holdings
        self._size_max = size_max
        self._names: OrderedDict[bytes, Times | None] = OrderedDict()
        self._expiries: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        """Count the names."""
        return len(self._names)

    def __contains__(self, name: bytes) -> bool:
        """Tell whether a name is declined; asking keeps it young."""
        if name not in self._names:
            return False
        self._names.move_to_end(name)
        return True

    def add(self, name: bytes, times: Times | None = None) -> None:
        """Decline a name.

        Args:
            name: 16 bytes; nothing of that name is live.
            times: where policy alone stands against it, so that it counts as held; None where
                every node comes to decline it, as with what was taken back.
        """
        self.discard(name)
        self._names[name] = times
        if times is not None:
            self._holdings.add(times.at, name)
            heapq.heappush(self._expiries, (times.exp, name))
            if len(self._expiries) > 2 * len(self._names) + _EXPIRIES_SPARE:
                self._expiries = [(t.exp, n) for n, t in self._names.items() if t is not None]
                heapq.heapify(self._expiries)
        if len(self._names) > self._size_max:
            self.discard(next(iter(self._names)))

    def discard(self, name: bytes) -> None:
        """Decline a name no more, if it was."""
        times = self._names.pop(name, None)
        if times is not None:
            self._holdings.remove(times.at, name)

    def expire(self, wall_ms: int) -> None:
        """Forget what would have expired at or before a moment."""
        while self._expiries and self._expiries[0][0] <= wall_ms:
            exp, name = heapq.heappop(self._expiries)
            times = self._names.get(name)
            # A name that was declined twice stands twice among the expiries.
            if times is not None and times.exp == exp:
                self.discard(name)
