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
from itertools import islice

from protocol import limits
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
    target: bytes | None = None
    """Name of what a revoke takes back."""


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
        self._revokes: dict[bytes, dict[bytes, None]] = {}
        self._freed: dict[bytes, None] = {}

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
            if times.target is not None:
                self._revokes.setdefault(times.target, {})[name] = None
            heapq.heappush(self._expiries, (times.exp, name))
            if len(self._expiries) > 2 * len(self._names) + _EXPIRIES_SPARE:
                self._expiries = [(t.exp, n) for n, t in self._names.items() if t is not None]
                heapq.heapify(self._expiries)
        if len(self._names) > self._size_max:
            self.discard(next(iter(self._names)))

    def discard(self, name: bytes) -> None:
        """Decline a name no more, if it was."""
        times = self._names.pop(name, None)
        if times is None:
            return
        self._holdings.remove(times.at, name)
        if times.target is not None:
            names = self._revokes[times.target]
            del names[name]
            if not names:
                del self._revokes[times.target]
                self._freed.pop(times.target, None)

    def free_revokes(self, target: bytes) -> None:
        """Decline no more the revokes of what has come: one of them may be true.

        They go a few at a time, with `expire`; the next comparison finds them anew.

        Args:
            target: its name.
        """
        if target in self._revokes:
            self._freed[target] = None

    def release(self) -> None:
        """Decline no more what policy alone stood against: it changed.

        What others hold is found again by the next comparison, and judged anew.
        """
        released = [name for name, times in self._names.items() if times is not None]
        for name in released:
            self.discard(name)
        self._expiries.clear()

    def expire(self, wall_ms: int) -> None:
        """Forget what would have expired at or before a moment, and some of what was freed."""
        for target in list(islice(self._freed, 1)):
            for name in list(islice(self._revokes[target], limits.revokes_freed_at_once)):
                self.discard(name)
        while self._expiries and self._expiries[0][0] <= wall_ms:
            exp, name = heapq.heappop(self._expiries)
            times = self._names.get(name)
            # A name that was declined twice stands twice among the expiries.
            if times is not None and times.exp == exp:
                self.discard(name)
