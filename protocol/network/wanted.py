"""Wants: objects somebody announced that are not here yet, and whom to ask for each.

Each name remembers who announced it, and waits a moment for the object to be pushed anyway. Then
one peer is asked at a time, and the next one when it is late. A peer that serves nothing of what it
was asked for some seconds broke its promise; a slow one, of which something still comes, did not.
Enters: announcements, arrivals, refusals, the moment. Leaves: whom to ask for what, who is late and
who broke a promise. Never here: bytes of objects.
Source: docs/protocol/06-gossip.md, "The way in".
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from protocol import limits
from protocol.ids import PeerId

_SETTLED_MAX = 64
"""Settled names that may stand among the offers of a peer that offers nothing else."""
_UNRIPE_SPARE = 1_024
"""Settled names that may stand among those that wait, beyond as many as there are wants."""
_GAP_STEP_MS = 2
_GAP_PARTS = 9
"""The guess of what nine of ten gaps stay below goes up by nine steps for a gap above it, and down
by one for a gap below."""


@dataclass(slots=True, kw_only=True)
class _Want:
    suppliers: list[PeerId]
    """Who announced it and was not asked in vain, oldest first."""
    noted_ms: int
    """When it was first announced."""
    named_ms: dict[PeerId, int] = field(default_factory=dict)
    """When each of them announced it."""
    is_ripe: bool
    """Whether it has waited long enough for a push."""
    asked: PeerId | None = None
    """Whose turn it is."""


@dataclass(slots=True, kw_only=True)
class _Source:
    supplies: dict[bytes, bool] = field(default_factory=dict)
    """Every name this peer is a supplier of, and whether a comparison or a search found it there;
    what it announced itself is news, and has another budget."""
    offers: deque[bytes] = field(default_factory=deque)
    """The news to be asked for when there is room; some may have been settled since."""
    found: deque[bytes] = field(default_factory=deque)
    """The same of what was found."""
    open: dict[bytes, None] = field(default_factory=dict)
    """Names asked of it and not yet served, oldest first."""
    moved_ms: int = 0
    """When it last served something, was asked with nothing open, or was found late."""
    served_ms: int = 0
    """When it last served something, or was asked with nothing open."""

    def offer(self, prefix: bytes) -> None:
        """Note a name to be asked for; those settled meanwhile never outnumber the others."""
        is_found = self.supplies[prefix]
        names = self.found if is_found else self.offers
        names.append(prefix)
        if len(names) > 2 * len(self.supplies) + _SETTLED_MAX:
            left = [name for name in dict.fromkeys(names) if self.supplies.get(name) is is_found]
            names.clear()
            names.extend(left)


class Wanted:
    """The wants of one node, bounded in number and per peer."""

    def __init__(
        self,
        *,
        ids_max: int = limits.wanted_ids_max,
        groups: Mapping[PeerId, str] | None = None,
    ) -> None:
        """Start with no wish.

        Args:
            ids_max: names wanted at a time.
            groups: the address group of each linked peer; only looked into.
        """
        self._ids_max = ids_max
        self._groups = {} if groups is None else groups
        self._wants: dict[bytes, _Want] = {}
        self._sources: dict[PeerId, _Source] = {}
        self._offering: dict[PeerId, None] = {}
        self._asking: dict[PeerId, None] = {}
        self._unripe: list[tuple[int, int, bytes]] = []
        self._number = 0
        self._gap_ms = 0

    def __len__(self) -> int:
        """Count the objects wanted."""
        return len(self._wants)

    def __contains__(self, prefix: bytes) -> bool:
        """Tell whether an object of this name is wanted."""
        return prefix in self._wants

    def waiting_at(self, peer: PeerId) -> int:
        """Count what this peer offers or owes."""
        source = self._sources.get(peer)
        if source is None:
            return 0
        return len(source.offers) + len(source.found) + len(source.open)

    def announcers(self, prefix: bytes) -> list[tuple[PeerId, int]]:
        """List who announced an object that is wanted, and when, monotonic ms."""
        want = self._wants.get(prefix)
        return [(peer, want.named_ms[peer]) for peer in want.suppliers] if want is not None else []

    def is_asked(self, prefix: bytes, peer: PeerId) -> bool:
        """Tell whether a peer was asked for an object, and has still to serve it."""
        want = self._wants.get(prefix)
        return want is not None and want.asked == peer

    def is_found(self, prefix: bytes, peer: PeerId) -> bool:
        """Tell whether a comparison or a search found an object at a peer that was asked for it."""
        return self.is_asked(prefix, peer) and self._sources[peer].supplies[prefix]

    @property
    def wait_ms(self) -> int:
        """How long a push is waited for: twice what nine of ten took of late."""
        wait_ms = min(2 * self._gap_ms, limits.pull_wait_ms_max)
        return max(wait_ms, limits.pull_wait_ms_min)

    def note(self, prefix: bytes, peer: PeerId, mono_ms: int = 0, wait_ms: int = 0) -> None:
        """Remember that a peer announced an object that is not here.

        Args:
            prefix: its name.
            peer: who.
            mono_ms: the moment.
            wait_ms: how long it may still be pushed before it is asked for; 0 for what a
                comparison or a search found.
        """
        want = self._wants.get(prefix)
        if want is None:
            if not self._make_room(peer):
                return
            want = _Want(suppliers=[], noted_ms=mono_ms, is_ripe=wait_ms <= 0)
            self._wants[prefix] = want
            if not want.is_ripe:
                self._let_ripen(prefix, mono_ms + wait_ms)
        if peer in want.suppliers or not self._is_welcome(prefix, want, peer):
            return
        want.suppliers.append(peer)
        want.named_ms[peer] = mono_ms
        source = self._sources.setdefault(peer, _Source())
        source.supplies[prefix] = wait_ms <= 0
        if want.is_ripe:
            self._offer(prefix, peer)
        elif wait_ms <= 0:
            self._ripe(prefix, want)

    def _is_welcome(self, prefix: bytes, want: _Want, peer: PeerId) -> bool:
        """Find a place for one more supplier: a new address group displaces one that is double."""
        if len(want.suppliers) < limits.suppliers_max:
            return True
        group_of = self._groups.get
        groups = [group_of(each) for each in want.suppliers]
        if group_of(peer) in groups:
            return False
        for each, group in zip(reversed(want.suppliers), reversed(groups), strict=True):
            if each != want.asked and groups.count(group) > 1:
                want.suppliers.remove(each)
                del want.named_ms[each]
                self._sources[each].supplies.pop(prefix)
                return True
        return False

    def _let_ripen(self, prefix: bytes, ripe_ms: int) -> None:
        self._number += 1
        heapq.heappush(self._unripe, (ripe_ms, self._number, prefix))
        if len(self._unripe) > 2 * len(self._wants) + _UNRIPE_SPARE:
            self._unripe = [entry for entry in self._unripe if self._is_unripe(entry[2])]
            heapq.heapify(self._unripe)

    def _is_unripe(self, prefix: bytes) -> bool:
        want = self._wants.get(prefix)
        return want is not None and not want.is_ripe

    def _ripe(self, prefix: bytes, want: _Want) -> None:
        want.is_ripe = True
        for peer in want.suppliers:
            self._offer(prefix, peer)

    def _ripen(self, mono_ms: int) -> None:
        """Let names be asked for that waited long enough."""
        while self._unripe and self._unripe[0][0] <= mono_ms:
            prefix = heapq.heappop(self._unripe)[2]
            want = self._wants.get(prefix)
            if want is not None and not want.is_ripe:
                self._ripe(prefix, want)

    def _offer(self, prefix: bytes, peer: PeerId) -> None:
        self._sources[peer].offer(prefix)
        self._offering[peer] = None

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

    def served(self, peer: PeerId, mono_ms: int) -> None:
        """Note that a peer serves."""
        source = self._sources.get(peer)
        if source is not None:
            source.moved_ms = source.served_ms = mono_ms

    def arrived(self, prefix: bytes, peer: PeerId, mono_ms: int) -> None:
        """Forget a wish: the object came, from whomever, or will never be taken."""
        self.served(peer, mono_ms)
        want = self._wants.pop(prefix, None)
        if want is None:
            return
        if not want.is_ripe:
            is_above = mono_ms - want.noted_ms > self._gap_ms
            step_ms = _GAP_STEP_MS * _GAP_PARTS if is_above else -_GAP_STEP_MS
            self._gap_ms = max(0, self._gap_ms + step_ms)
        for supplier in want.suppliers:
            self._sources[supplier].supplies.pop(prefix)
            self._close(prefix, supplier)

    def _close(self, prefix: bytes, peer: PeerId) -> None:
        source = self._sources[peer]
        if source.open.pop(prefix, 0) is None and not source.open:
            del self._asking[peer]

    def failed(self, prefix: bytes, peer: PeerId) -> None:
        """Strike a supplier: it has not got the object, or sent something else in its place."""
        want = self._wants.get(prefix)
        if want is None or peer not in want.suppliers:
            return
        want.suppliers.remove(peer)
        del want.named_ms[peer]
        self._sources[peer].supplies.pop(prefix)
        if want.asked == peer:
            self._release(prefix, want, peer)
        elif not want.suppliers:
            del self._wants[prefix]

    def _release(self, prefix: bytes, want: _Want, peer: PeerId) -> None:
        """Free a want whose supplier failed, so that another can be asked."""
        want.asked = None
        self._close(prefix, peer)
        if not want.suppliers:
            del self._wants[prefix]
        for supplier in want.suppliers:
            if supplier != peer:
                self._offer(prefix, supplier)

    def lose(self, peer: PeerId) -> None:
        """Forget a peer that left; what it owed is asked of others."""
        source = self._sources.get(peer)
        if source is None:
            return
        for prefix in list(source.supplies):
            self.failed(prefix, peer)
        del self._sources[peer]
        self._offering.pop(peer, None)

    def asks(
        self,
        mono_ms: int,
        rank: Callable[[PeerId], int] = lambda _peer: 0,
        may_ask: Callable[[PeerId, bool], bool] = lambda _peer, _is_found: True,
    ) -> list[tuple[PeerId, list[bytes]]]:
        """Choose what to ask now; what is returned counts as asked.

        Args:
            mono_ms: the moment.
            rank: whom to ask rather; lower first, in the order of their offers among equals.
            may_ask: takes room from a peer's budget for one name, found there or announced.
        """
        self._ripen(mono_ms)
        chosen = []
        for peer in sorted(self._offering, key=rank):
            source = self._sources[peer]
            names = [
                name
                for is_found, queue in ((False, source.offers), (True, source.found))
                for name in self._ask(peer, queue, mono_ms, partial(may_ask, peer, is_found))
            ]
            if names:
                chosen.append((peer, names))
            if not source.offers and not source.found:
                del self._offering[peer]
        return chosen

    def _ask(
        self, peer: PeerId, queue: deque[bytes], mono_ms: int, may_ask: Callable[[], bool]
    ) -> list[bytes]:
        source = self._sources[peer]
        names: list[bytes] = []
        while queue and len(source.open) < limits.wants_open_max:
            prefix = queue[0]
            want = self._wants.get(prefix)
            if want is None or want.asked is not None or peer not in want.suppliers:
                queue.popleft()
                continue
            if not may_ask():
                break
            queue.popleft()
            if not source.open:
                source.moved_ms = source.served_ms = mono_ms
                self._asking[peer] = None
            want.asked = peer
            source.open[prefix] = None
            names.append(prefix)
        return names

    def late(self, mono_ms: int, patience_ms: Callable[[PeerId], int]) -> list[PeerId]:
        """List peers that served nothing for longer than their patience; others get their turn.

        What nobody else has is still waited for.
        """
        late = []
        for peer in list(self._asking):
            source = self._sources[peer]
            if mono_ms - source.moved_ms < patience_ms(peer):
                continue
            late.append(peer)
            source.moved_ms = mono_ms
            for prefix in list(source.open):
                want = self._wants[prefix]
                if len(want.suppliers) > 1:
                    # It stays a supplier, the last to be asked again.
                    want.suppliers.remove(peer)
                    want.suppliers.append(peer)
                    self._release(prefix, want, peer)
        return late

    def due_ms(self, patience_ms: Callable[[PeerId], int]) -> int | None:
        """Tell when to look again: a name is ripe then, or a peer late; None while nothing is."""
        while self._unripe and not self._is_unripe(self._unripe[0][2]):
            heapq.heappop(self._unripe)
        dues = [self._sources[peer].moved_ms + patience_ms(peer) for peer in self._asking]
        if self._unripe:
            dues.append(self._unripe[0][0])
        return min(dues, default=None)

    def broken(self, mono_ms: int) -> list[PeerId]:
        """List peers that served nothing for too long; their turn passes on."""
        silent = [
            peer
            for peer in self._asking
            if mono_ms - self._sources[peer].served_ms >= limits.want_silence_ms_max
        ]
        for peer in silent:
            for prefix in list(self._sources[peer].open):
                self.failed(prefix, peer)
        return silent
