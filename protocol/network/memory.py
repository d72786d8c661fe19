"""Bounded memories of ids: which were met lately, which peers hold which, what was served to whom.

Enters: 16-byte names, peers. Leaves: yes or no. All forget the oldest when they are full, so that
hostile ids cost a fixed amount of memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from itertools import count

from protocol import limits
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


class Copies:
    """Names of objects that came lately, by what tells their bytes apart: a copy need not be read.

    What tells bytes apart is Python's own keyed hash of them, which nobody outside can steer; asked
    of the whole envelope, since a part of it proves nothing about the rest.
    """

    def __init__(self, size_max: int) -> None:
        """Start empty, to hold at most `size_max` names."""
        self._size_max = size_max
        self._names: OrderedDict[int, bytes] = OrderedDict()

    def __len__(self) -> int:
        """Count the objects remembered."""
        return len(self._names)

    def note(self, raw: bytes, name: bytes) -> None:
        """Remember the bytes of an object that was taken."""
        self._names[hash(raw)] = name
        if len(self._names) > self._size_max:
            self._names.popitem(last=False)

    def name_of(self, raw: bytes) -> bytes | None:
        """Give the name of the object these bytes are a copy of; None where it is not known."""
        return self._names.get(hash(raw))


class Holders:
    """Which peers are known to hold an object; pinned objects are not forgotten.

    A peer has a place, an object one bit for each place: objects are many, and a set for each would
    weigh more than their entries. Places of peers that left are given anew when all are taken;
    until then a peer that comes back is still known by what it holds.
    """

    def __init__(self, size_max: int, places_max: int, linked: Collection[PeerId]) -> None:
        """Start empty.

        Args:
            size_max: most objects remembered beside the pinned ones.
            places_max: peers with a place, before those that left lose theirs.
            linked: the peers that are here; looked at when places run out.
        """
        self._size_max = size_max
        self._places_max = places_max
        self._linked = linked
        self._holders: OrderedDict[bytes, int] = OrderedDict()
        self._pinned: dict[bytes, int] = {}
        self._places: dict[PeerId, int] = {}
        self._peers: dict[int, PeerId] = {}

    def __len__(self) -> int:
        """Count the objects remembered."""
        return len(self._holders) + len(self._pinned)

    def marks(self, name: bytes) -> int:
        """Give a number that is equal for objects that the same peers hold."""
        return self._pinned.get(name) or self._holders.get(name, 0)

    def of(self, name: bytes) -> frozenset[PeerId]:
        """Give the peers known to hold an object."""
        bits = self.marks(name)
        found = []
        while bits:
            lowest = bits & -bits
            found.append(self._peers[lowest.bit_length() - 1])
            bits ^= lowest
        return frozenset(found)

    def note(self, name: bytes, peer: PeerId) -> None:
        """Remember that a peer holds an object."""
        place = self._places.get(peer)
        bit = 1 << (self._take_place(peer) if place is None else place)
        if name in self._pinned:
            self._pinned[name] |= bit
            return
        self._holders[name] = self._holders.get(name, 0) | bit
        if len(self._holders) > self._size_max:
            self._holders.popitem(last=False)

    def forget(self, name: bytes, peer: PeerId) -> None:
        """A peer holds an object no more."""
        place = self._places.get(peer)
        if place is None:
            return
        for kept in (self._pinned, self._holders):
            if name in kept:
                kept[name] &= ~(1 << place)

    def pin(self, name: bytes) -> None:
        """Never forget the holders of this object: it is our own."""
        self._pinned.setdefault(name, self._holders.pop(name, 0))

    def unpin(self, name: bytes) -> None:
        """Forget a pinned object."""
        self._pinned.pop(name, None)
        self._holders.pop(name, None)

    def _take_place(self, peer: PeerId) -> int:
        if len(self._places) >= self._places_max:
            self._clear_places()
        place = next(place for place in count() if place not in self._peers)
        self._places[peer] = place
        self._peers[place] = peer
        return place

    def _clear_places(self) -> None:
        """Take the places of peers that left, and their bits out of every object."""
        gone = {peer: place for peer, place in self._places.items() if peer not in self._linked}
        kept_bits = ~sum(1 << place for place in gone.values())
        for kept in (self._pinned, self._holders):
            for name, bits in kept.items():
                if bits & ~kept_bits:
                    kept[name] = bits & kept_bits
        for peer, place in gone.items():
            del self._places[peer], self._peers[place]


class Servings:
    """How often each object was served to each link of late, so that nobody is served for ever."""

    def __init__(self, size_max: int = limits.served_names_max) -> None:
        """Start empty, to remember at most `size_max` servings of all links together."""
        self._size_max = size_max
        self._size = 0
        self._links: dict[PeerId, OrderedDict[bytes, tuple[int, int]]] = {}

    def __len__(self) -> int:
        """Count what is remembered."""
        return self._size

    def take(self, name: bytes, peer: PeerId, mono_ms: int) -> bool:
        """Note one more serving; tells whether it is not one too many.

        What is sent may never arrive, and what arrived may be lost: after a while a link may ask
        again. Full, the memory forgets the oldest of the link that was served most: whoever asks
        for much makes nobody else forgotten.
        """
        served = self._links.setdefault(peer, OrderedDict())
        times, since_ms = served.get(name, (0, mono_ms))
        self._size += not times
        if mono_ms - since_ms >= limits.served_again_ms:
            times, since_ms = 0, mono_ms
        if times >= limits.served_times_max:
            return False
        served[name] = times + 1, since_ms
        if self._size > self._size_max:
            greediest = max(self._links, key=lambda each: len(self._links[each]))
            self._links[greediest].popitem(last=False)
            self._size -= 1
        return True

    def lost(self, peer: PeerId) -> None:
        """A link has ended: whoever comes again has perhaps lost what it had."""
        self._size -= len(self._links.pop(peer, ()))
