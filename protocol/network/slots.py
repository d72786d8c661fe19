"""Push slots: to how many peers this node sends whole objects, as its uplink bears.

Enters: the levels peers ask for, what was forwarded, who earned what. Leaves: the level each peer
is given. A peer beyond the slots gets names, and hears so: it takes its next best. Never here: who
should push to us (`choice`).
Source: docs/protocol/06-gossip.md, "The way on".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from protocol import limits
from protocol.ids import PeerId
from protocol.network.flow import Flow

_TENTHS = 8
"""Parts of the uplink, in tenths, that pushes may take."""


class Slots:
    """The sending side of all links of one node."""

    def __init__(
        self,
        *,
        uplink_bps: int | None = None,
        merit: Callable[[PeerId], int] = lambda _peer: 0,
    ) -> None:
        """Start without links.

        Args:
            uplink_bps: what this node may send, bit/s; None where nothing is known.
            merit: who keeps a slot when they grow fewer; higher is better.
        """
        self._uplink_bps = uplink_bps
        self._merit = merit
        self._asked: dict[PeerId, Flow] = {}
        self._given: dict[PeerId, Flow] = {}
        self._pushing = 0
        self._bytes = 0
        self._rate = 0
        self._turned_ms: int | None = None

    @property
    def count(self) -> int:
        """How many peers may be pushed to now."""
        if self._uplink_bps is None or not self._rate:
            return limits.push_slots
        bearable = self._uplink_bps * _TENTHS // 10 // 8 // self._rate
        return max(limits.push_slots_min, min(limits.push_slots, bearable))

    @property
    def pushing(self) -> int:
        """How many peers are pushed to."""
        return self._pushing

    def of(self, peer: PeerId) -> Flow:
        """Give the level a peer has; a stranger is left in peace."""
        return self._given.get(peer, Flow.QUIET)

    def __iter__(self) -> Iterator[tuple[PeerId, Flow]]:
        """Walk all peers with their levels, in the order they came."""
        return iter(self._given.items())

    def joined(self, peer: PeerId) -> None:
        """A link is open: until its peer says otherwise it is taken to want all."""
        self._asked[peer] = Flow.PUSH
        self._give(peer, self._room_for(peer))

    def lost(self, peer: PeerId) -> None:
        """A link has ended."""
        self._asked.pop(peer, None)
        if self._given.pop(peer, None) is Flow.PUSH:
            self._pushing -= 1

    def asked(self, peer: PeerId, flow: Flow) -> Flow | None:
        """A peer chooses its level; gives the lesser one to tell it, if there is no room."""
        if peer not in self._asked:
            return None
        self._asked[peer] = flow
        self._give(peer, self._room_for(peer))
        given = self._given[peer]
        return given if given is not flow else None

    def _room_for(self, peer: PeerId) -> Flow:
        asked = self._asked[peer]
        has_slot = self._given.get(peer) is Flow.PUSH
        if asked is Flow.PUSH and not has_slot and self._pushing >= self.count:
            return Flow.IDS
        return asked

    def _give(self, peer: PeerId, flow: Flow) -> None:
        before = self._given.get(peer)
        self._given[peer] = flow
        self._pushing += (flow is Flow.PUSH) - (before is Flow.PUSH)

    def forwarded(self, size: int) -> None:
        """An object of so many bytes goes on to whoever wants it."""
        self._bytes += size

    def turn(self, mono_ms: int) -> list[tuple[PeerId, Flow]]:
        """Measure what goes on per second; give the peers that lose their slot for it."""
        if self._turned_ms is not None and mono_ms > self._turned_ms:
            rate = self._bytes * 1_000 // (mono_ms - self._turned_ms)
            self._rate += (rate - self._rate) * 3 // 10
        self._turned_ms, self._bytes = mono_ms, 0
        excess = self._pushing - self.count
        if excess <= 0:
            return []
        pushed = [peer for peer, flow in self._given.items() if flow is Flow.PUSH]
        pushed.reverse()
        # The sort is stable: of equals whoever came last goes first.
        losers = sorted(pushed, key=self._merit)[:excess]
        for peer in losers:
            self._give(peer, Flow.IDS)
        return [(peer, Flow.IDS) for peer in losers]
