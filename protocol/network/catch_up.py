"""Catching up: walk through the ids a peer holds, page by page, as fast as the missing ones come.

Enters: peers to compare with, their pages. Leaves: questions for the next page. A walk ends when
the peer has no more, when its pages do not advance, and at the latest after as many pages as a full
table has. Never here: what is missing, which the caller knows.
Source: docs/protocol/06-gossip.md, "Catching up".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocol import limits
from protocol.channel.messages import IdsAnswer, IdsQuery
from protocol.ids import PeerId

_PAGES_MAX = limits.objects_live_max // limits.ids_per_message_max + 1
_BACKLOG_MAX = limits.ids_per_message_max


@dataclass(slots=True, kw_only=True)
class _Walk:
    after: tuple[int, bytes] = (0, b"")
    """Behind which place the next page begins."""
    request: int | None = None
    """Number of the question that waits for its page."""
    pages: int = 0
    """Pages read."""


class CatchUp:
    """One walk per peer at a time."""

    def __init__(self) -> None:
        """Start with no walk."""
        self._walks: dict[PeerId, _Walk] = {}
        self._number = 0

    def begin(self, peer: PeerId) -> None:
        """Start a walk; one that is under way begins again."""
        self._walks[peer] = _Walk()

    def lose(self, peer: PeerId) -> None:
        """Forget the walk of a peer that left."""
        self._walks.pop(peer, None)

    def queries(self, waiting_at: Callable[[PeerId], int]) -> list[tuple[PeerId, IdsQuery]]:
        """Choose what to ask now; what is returned counts as asked.

        Args:
            waiting_at: how many ids of a peer wait to be served; with too many the walk pauses.
        """
        chosen = []
        for peer, walk in self._walks.items():
            if walk.request is None and waiting_at(peer) < _BACKLOG_MAX:
                self._number = (self._number + 1) % 2**30
                walk.request = self._number
                at, name = walk.after
                query = IdsQuery(request=self._number, after_at=at, after_id=name or None)
                chosen.append((peer, query))
        return chosen

    def refused(self, peer: PeerId, request: int) -> None:
        """End a walk whose question will not be answered."""
        walk = self._walks.get(peer)
        if walk is not None and walk.request == request:
            del self._walks[peer]

    def take(self, peer: PeerId, answer: IdsAnswer) -> bool:
        """Take a page; tells whether it was asked for."""
        walk = self._walks.get(peer)
        if walk is None or walk.request != answer.request:
            return False
        walk.request = None
        walk.pages += 1
        if answer.more and answer.ids and walk.pages < _PAGES_MAX:
            before, walk.after = walk.after, (answer.last_at, answer.ids[-1])
            if walk.after > before:
                return True
        del self._walks[peer]
        return True
