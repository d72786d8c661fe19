"""Service: whether anybody answers what this node asks, over all its links.

Enters: questions and wants that went out, objects and answers that came, the moment. Leaves: for
how long nobody has served anything. Silence alone is nobody's fault: an honest peer downstream of
us has nothing to say; so only a link that was asked counts.
Source: docs/protocol/06-gossip.md, "Links".
"""

from __future__ import annotations

from protocol import limits
from protocol.ids import PeerId


class Service:
    """Which links of one node owe it something."""

    def __init__(self) -> None:
        """Start with nothing asked."""
        self._since: dict[PeerId, int | None] = {}
        self._wanted: set[PeerId] = set()
        self._starving_ms: int | None = None

    def asked(self, peer: PeerId, mono_ms: int, *, is_want: bool = False) -> None:
        """Something was asked of a linked peer; the first unanswered question counts.

        Args:
            peer: whom.
            mono_ms: the moment.
            is_want: an object was asked for; words alone do not answer that.
        """
        if is_want:
            self._wanted.add(peer)
        if self._since.get(peer) is None:
            self._since[peer] = mono_ms

    def answered(self, peer: PeerId) -> None:
        """A peer answered a question, and served no object by it: what was wanted it still owes."""
        if peer in self._since and peer not in self._wanted:
            self._since[peer] = None

    def served(self, peer: PeerId) -> None:
        """A peer served something; one that was never asked is not noted."""
        self._starving_ms = None
        self._wanted.discard(peer)
        if peer in self._since:
            self._since[peer] = None

    def lost(self, peer: PeerId) -> None:
        """A link has ended."""
        self._since.pop(peer, None)
        self._wanted.discard(peer)

    def missing_ms(self, mono_ms: int) -> int:
        """Tell for how long every link that was asked has served nothing; 0 while one has.

        Once that is long it lasts until somebody serves: a new link, just asked, ends it no sooner.
        """
        if self._starving_ms is not None:
            return mono_ms - self._starving_ms
        waits = [since for since in self._since.values() if since is not None]
        if not waits or len(waits) < len(self._since):
            return 0
        if mono_ms - max(waits) >= limits.unserved_ms:
            self._starving_ms = max(waits)
        return mono_ms - max(waits)
