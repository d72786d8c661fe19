"""Traffic: bytes of frames, of each link and of all.

Enters: sizes of frames as they come and go, before encryption. Leaves: counts. Never here: what a
frame says.
"""

from __future__ import annotations

from protocol.ids import NodeId


class Traffic:
    """The counts of one node."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._links: dict[NodeId, list[int]] = {}
        self._all = [0, 0]

    def opened(self, peer: NodeId) -> None:
        """Count a link from now on."""
        self._links.setdefault(peer, [0, 0])

    def closed(self, peer: NodeId) -> None:
        """Forget a link; what it carried stays in the sum."""
        self._links.pop(peer, None)

    def count(self, peer: NodeId, size: int, *, inbound: bool) -> None:
        """Count a frame of `size` bytes."""
        way = 0 if inbound else 1
        self._all[way] += size
        if peer in self._links:
            self._links[peer][way] += size

    def of(self, peer: NodeId) -> tuple[int, int]:
        """Give the bytes received and sent over a link."""
        received, sent = self._links.get(peer, (0, 0))
        return received, sent

    @property
    def sums(self) -> dict[str, int]:
        """The bytes `in` and `out` over all links so far."""
        received, sent = self._all
        return {"in": received, "out": sent}
