"""Wants: objects somebody announced that are not here yet, and whom to ask for each.

Each name remembers who announced it; one peer is asked at a time, and the next one when it does not
serve. A peer that serves nothing of what it was asked for some seconds broke its promise; a slow
one, of which something still comes, did not. Enters: announcements, arrivals, refusals, the moment.
Leaves: whom to ask for what, and who broke a promise. Never here: bytes of objects.
Source: docs/protocol/06-gossip.md, "The way in".
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from protocol import limits
from protocol.ids import PeerId

_SETTLED_MAX = 64
"""Settled names that may stand among the offers of a peer that offers nothing else."""


@dataclass(slots=True, kw_only=True)
class _Want:
    suppliers: list[PeerId]
    """Who announced it and was not asked in vain, oldest first."""
    asked: PeerId | None = None
    """Whose turn it is."""


@dataclass(slots=True, kw_only=True)
class _Source:
    supplies: dict[bytes, None] = field(default_factory=dict)
    """Every name this peer is a supplier of."""
    offers: deque[bytes] = field(default_factory=deque)
    """Those of them to be asked for when there is room; some may have been settled since."""
    open: dict[bytes, None] = field(default_factory=dict)
    """Names asked of it and not yet served, oldest first."""
    moved_ms: int = 0
    """When it last served something, or was asked with nothing open."""

    def offer(self, prefix: bytes) -> None:
        """Note a name to be asked for; those settled meanwhile never outnumber the others."""
        self.offers.append(prefix)
        if len(self.offers) > 2 * len(self.supplies) + _SETTLED_MAX:
            self.offers = deque(
                name for name in dict.fromkeys(self.offers) if name in self.supplies
            )


class Wanted:
    """The wants of one node, bounded in number and per peer."""

    def __init__(self, *, ids_max: int = limits.wanted_ids_max) -> None:
        """Start with no wish."""
        self._ids_max = ids_max
        self._wants: dict[bytes, _Want] = {}
        self._sources: dict[PeerId, _Source] = {}

    def __len__(self) -> int:
        """Count the objects wanted."""
        return len(self._wants)

    def __contains__(self, prefix: bytes) -> bool:
        """Tell whether an object of this name is wanted."""
        return prefix in self._wants

    def waiting_at(self, peer: PeerId) -> int:
        """Count what this peer offers or owes."""
        source = self._sources.get(peer)
        return len(source.offers) + len(source.open) if source else 0

    def note(self, prefix: bytes, peer: PeerId) -> None:
        """Remember that a peer announced an object that is not here."""
        want = self._wants.get(prefix)
        if want is None:
            if not self._make_room(peer):
                return
            want = self._wants[prefix] = _Want(suppliers=[])
        if peer in want.suppliers or len(want.suppliers) >= limits.suppliers_max:
            return
        want.suppliers.append(peer)
        source = self._sources.setdefault(peer, _Source())
        source.supplies[prefix] = None
        source.offer(prefix)

    def _share(self, peer: PeerId) -> int:
        source = self._sources.get(peer)
        return len(source.supplies) if source else 0

    def _make_room(self, peer: PeerId) -> bool:
        """In a full table, strike the newest names of the peer with most, if it has more."""
        while len(self._wants) >= self._ids_max:
            greediest = max(self._sources, key=self._share)
            if self._share(greediest) <= self._share(peer) + 1:
                return False
            self.failed(next(reversed(self._sources[greediest].supplies)), greediest)
        return True

    def arrived(self, prefix: bytes, peer: PeerId, mono_ms: int) -> None:
        """Forget a wish: the object came, from whomever, or will never be taken."""
        source = self._sources.get(peer)
        if source is not None:
            source.moved_ms = mono_ms
        want = self._wants.pop(prefix, None)
        for supplier in want.suppliers if want is not None else ():
            self._sources[supplier].supplies.pop(prefix)
            self._sources[supplier].open.pop(prefix, None)

    def failed(self, prefix: bytes, peer: PeerId) -> None:
        """Strike a supplier: it has not got the object, or sent something else in its place."""
        want = self._wants.get(prefix)
        if want is None or peer not in want.suppliers:
            return
        want.suppliers.remove(peer)
        self._sources[peer].supplies.pop(prefix)
        if want.asked == peer:
            self._release(prefix, want, peer)
        elif not want.suppliers:
            del self._wants[prefix]

    def _release(self, prefix: bytes, want: _Want, peer: PeerId) -> None:
        """Free a want whose supplier failed, so that another can be asked."""
        want.asked = None
        self._sources[peer].open.pop(prefix, None)
        if not want.suppliers:
            del self._wants[prefix]
        for supplier in want.suppliers:
            self._sources[supplier].offer(prefix)

    def lose(self, peer: PeerId) -> None:
        """Forget a peer that left; what it owed is asked of others."""
        source = self._sources.get(peer)
        if source is None:
            return
        for prefix in list(source.supplies):
            self.failed(prefix, peer)
        del self._sources[peer]

    def asks(self, mono_ms: int) -> list[tuple[PeerId, list[bytes]]]:
        """Choose what to ask now; what is returned counts as asked."""
        chosen = []
        for peer, source in self._sources.items():
            names: list[bytes] = []
            while source.offers and len(source.open) < limits.wants_open_max:
                prefix = source.offers.popleft()
                want = self._wants.get(prefix)
                if want is None or want.asked is not None or peer not in want.suppliers:
                    continue
                if not source.open:
                    source.moved_ms = mono_ms
                want.asked = peer
                source.open[prefix] = None
                names.append(prefix)
            if names:
                chosen.append((peer, names))
        return chosen

    def broken(self, mono_ms: int) -> list[PeerId]:
        """List peers that served nothing for too long; their turn passes on."""
        silent = [
            peer
            for peer, source in self._sources.items()
            if source.open and mono_ms - source.moved_ms >= limits.want_silence_ms_max
        ]
        for peer in silent:
            for prefix in list(self._sources[peer].open):
                self.failed(prefix, peer)
        return silent
