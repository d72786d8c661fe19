"""Announcements: names of new objects, in small batches, and now and then to those left quiet.

Enters: names and the peers to hear them. Leaves: `Ids` messages. A peer that is quiet hears, when
its turn comes, what came since it last heard. Never here: who holds what.
Source: docs/protocol/06-gossip.md, "The way on".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from protocol import limits
from protocol.channel.messages import Ids
from protocol.channel.priority import Priority
from protocol.ids import PeerId
from protocol.network.actions import SendMessage


def ids_messages(peer: PeerId, names: Sequence[bytes]) -> list[SendMessage]:
    """Put names for a peer into as few messages as hold them."""
    size = limits.ids_per_message_max
    return [
        SendMessage(
            peer=peer, message=Ids(ids=list(names[start : start + size])), priority=Priority.PULL
        )
        for start in range(0, len(names), size)
    ]


class Announcements:
    """What is to be named to whom."""

    def __init__(self) -> None:
        """Start with nothing to say."""
        self._batches: dict[PeerId, list[bytes]] = {}
        self._recent: deque[tuple[int, bytes]] = deque()
        self._number = 0
        self._heard: dict[PeerId, int] = {}

    def __len__(self) -> int:
        """Count the recent names."""
        return len(self._recent)

    @property
    def is_waiting(self) -> bool:
        """Whether a batch is to be sent."""
        return bool(self._batches)

    def add(self, peer: PeerId, prefix: bytes) -> None:
        """Name an object to a peer with the next batch."""
        self._batches.setdefault(peer, []).append(prefix)

    def flush(self) -> list[SendMessage]:
        """Send what waits."""
        batches, self._batches = self._batches, {}
        return [message for peer, names in batches.items() for message in ids_messages(peer, names)]

    def happened(self, prefix: bytes, mono_ms: int) -> None:
        """An object came, of which quiet peers may hear later."""
        self._recent.append((mono_ms, prefix))
        self._number += 1
        if len(self._recent) > limits.recent_ids_max:
            self._recent.popleft()

    def lost(self, peer: PeerId) -> None:
        """A peer left."""
        self._batches.pop(peer, None)
        self._heard.pop(peer, None)

    def forget(self, mono_ms: int) -> None:
        """Let go of names that are no longer news."""
        while self._recent and self._recent[0][0] <= mono_ms - limits.recent_ids_ms:
            self._recent.popleft()

    def news_for(self, peer: PeerId, is_known: Callable[[bytes], bool]) -> list[SendMessage]:
        """Tell a quiet peer what came since it last heard, as far as it may not know it.

        Args:
            peer: who.
            is_known: whether it is known to hold an object, or does not want it.
        """
        missed = min(self._number - self._heard.get(peer, 0), len(self._recent))
        self._heard[peer] = self._number
        start = len(self._recent) - missed
        names = [self._recent[place][1] for place in range(start, len(self._recent))]
        return ids_messages(peer, [name for name in names if not is_known(name)])
