"""Service: whether anybody answers what this node asks, over all its links.

Enters: questions and wants that went out, objects and answers that came, the moment. Leaves: for
how long nobody has served anything. Silence alone is nobody's fault: an honest peer downstream of
us has nothing to say; so only a link that was asked counts.
Source: docs/protocol/06-gossip.md, "Links".
"""

from __future__ import annotations

from protocol.ids import PeerId


class Service:
    """Which links of one node owe it something."""

    def __init__(self) -> None:
        """Start with nothing asked."""
        self._since: dict[PeerId, int | None] = {}

    def asked(self, peer: PeerId, mono_ms: int) -> None:
        """Something was asked of a linked peer; the first unanswered question counts."""
        if self._since.get(peer) is None:
            self._since[peer] = mono_ms

    def served(self, peer: PeerId) -> None:
        """A peer served something; one that was never asked is not noted."""
        if peer in self._since:
            self._since[peer] = None

    def lost(self, peer: PeerId) -> None:
        """A link has ended."""
        self._since.pop(peer, None)

    def missing_ms(self, mono_ms: int) -> int:
        """Tell for how long every link that was asked has served nothing; 0 while one has."""
        waits = [since for since in self._since.values() if since is not None]
        if not waits or len(waits) < len(self._since):
            return 0
        return mono_ms - max(waits)
