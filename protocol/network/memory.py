"""Bounded memories of ids: which were met lately, and which peers hold which.

Enters: 16-byte names, peers. Leaves: yes or no. Both forget the oldest when they are full, so that
hostile ids cost a fixed amount of memory.
"""

from __future__ import annotations

from collections import OrderedDict

from protocol.ids import PeerId


class Recent:
    """A set of names that forgets the one longest untouched."""

    def __init__(self, size_max: int) -> None:
        """Start empty, to hold at most `size_max` names."""
        self._size_max = size_max
        self._names: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        """Count the names."""
        return len(self._names)

    def __contains__(self, name: bytes) -> bool:
        """Tell whether a name is remembered; asking keeps it young."""
        if name not in self._names:
            return False
        self._names.move_to_end(name)
        return True

    def add(self, name: bytes) -> None:
        """Remember a name."""
        self._names[name] = None
        self._names.move_to_end(name)
        if len(self._names) > self._size_max:
            self._names.popitem(last=False)

    def discard(self, name: bytes) -> None:
        """Forget a name, if it is there."""
        self._names.pop(name, None)


class Holders:
    """Which peers are known to hold an object; pinned objects are not forgotten."""

    def __init__(self, size_max: int) -> None:
        """Start empty, to remember at most `size_max` objects beside the pinned ones."""
        self._size_max = size_max
        self._holders: OrderedDict[bytes, set[PeerId]] = OrderedDict()
        self._pinned: dict[bytes, set[PeerId]] = {}

    def __len__(self) -> int:
        """Count the objects remembered."""
        return len(self._holders) + len(self._pinned)

    def of(self, name: bytes) -> frozenset[PeerId]:
        """Give the peers known to hold an object."""
        return frozenset(self._pinned.get(name) or self._holders.get(name) or ())

    def note(self, name: bytes, peer: PeerId) -> None:
        """Remember that a peer holds an object."""
        if name in self._pinned:
            self._pinned[name].add(peer)
            return
        self._holders.setdefault(name, set()).add(peer)
        if len(self._holders) > self._size_max:
            self._holders.popitem(last=False)

    def forget(self, name: bytes, peer: PeerId) -> None:
        """A peer holds an object no more."""
        for kept in (self._pinned, self._holders):
            if name in kept:
                kept[name].discard(peer)

    def pin(self, name: bytes) -> None:
        """Never forget the holders of this object: it is our own."""
        self._pinned.setdefault(name, self._holders.pop(name, set()))

    def unpin(self, name: bytes) -> None:
        """Forget a pinned object."""
        self._pinned.pop(name, None)
        self._holders.pop(name, None)
