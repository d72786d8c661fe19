"""Links as a world carries them: frames with a size, a time on the way, a rate, and loss.

A link is two wires, one each way. What one node says to another in one turn goes in one frame.
Urgent messages overtake payload that waits for the line, as in the product's queue; a frame that
finds no room is dropped, and payload becomes an announcement. Enters: messages. Leaves: the moment
each arrives, and what the line was burdened with.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from protocol import limits
from protocol.channel.messages import Ids, Message, Missing, Objects, Want
from protocol.channel.priority import Priority

if TYPE_CHECKING:
    from tests.simulation.net.nodes import Node

FRAME_BYTES: Final = 30
"""What a frame adds to its messages: head, tag, WebSocket and TCP."""
FRAME_MAX: Final = 60_000
"""Plaintext of the largest frame."""
PROCESSING_US: Final = 2_000
"""Between a frame's arrival and what the node does about it."""
NEVER: Final = 1 << 60
"""A moment that does not come."""
LOSABLE: Final = (Objects, Ids, Want, Missing)
"""What may be lost on the way. A channel loses nothing while it lives; a queue loses these."""
_SECOND_US: Final = 1_000_000
_ROOM: Final = {
    Priority.CONTROL: limits.peer_queue_bytes_max,
    Priority.LETTERS: limits.peer_queue_bytes_max * 7 // 8,
    Priority.PULL: limits.peer_queue_bytes_max * 6 // 8,
    Priority.PUSH: limits.peer_queue_bytes_max * 4 // 8,
}
"""As in node/network/queue.py."""


class Uplink:
    """The line of one node, shared by all its links."""

    __slots__ = ("_bulk_us", "_rate", "_urgent_us")

    def __init__(self, rate: int) -> None:
        """Start idle.

        Args:
            rate: bytes per second.
        """
        self._rate = rate
        self._urgent_us = 0
        self._bulk_us = 0

    def depart(self, size: int, at_us: int, *, urgent: bool) -> int:
        """Give the moment at which so many bytes have left, and count the line as taken till then.

        Args:
            size: bytes.
            at_us: when they are there to be sent.
            urgent: they overtake what waits and is not.
        """
        takes_us = size * _SECOND_US // self._rate
        if urgent:
            self._urgent_us = max(at_us, self._urgent_us) + takes_us
            self._bulk_us = max(at_us, self._bulk_us) + takes_us
            return self._urgent_us
        self._bulk_us = max(at_us, self._bulk_us, self._urgent_us) + takes_us
        return self._bulk_us

    def is_idle(self, at_us: int) -> bool:
        """Tell whether nothing waits."""
        return self._bulk_us <= at_us


class Wire:
    """One direction of one link."""

    __slots__ = (
        "_waiting", "_waiting_bytes", "arrived_us", "dst", "free_us", "one_way_us", "outbound",
        "rate", "since_us", "src", "twin",
    )  # fmt: skip

    def __init__(self, src: Node, dst: Node, one_way_us: int, *, outbound: bool) -> None:
        """Open a wire.

        Args:
            src: who sends.
            dst: who receives.
            one_way_us: time on the way, jitter apart.
            outbound: whether `src` dialled.
        """
        self.src = src
        self.dst = dst
        self.one_way_us = one_way_us
        self.outbound = outbound
        self.twin: Wire | None = None
        self.rate: int | None = None
        """Bytes per second of this wire alone; 0 when nobody reads it; None for no limit."""
        self.free_us = 0
        self.arrived_us = [0, 0]
        """When the last payload and the last urgent frame arrive; each kind keeps its order."""
        self.since_us = 0
        self._waiting: deque[tuple[int, int]] | None = None
        self._waiting_bytes = 0

    @property
    def is_open(self) -> bool:
        """Whether its far end still has this link."""
        return self.dst.wires.get(self.src.key) is self.twin and self.twin is not None

    def waiting_bytes(self, at_us: int) -> int:
        """Count what was taken and has not left."""
        waiting = self._waiting
        if waiting is None:
            return 0
        while waiting and waiting[0][0] <= at_us:
            self._waiting_bytes -= waiting.popleft()[1]
        return self._waiting_bytes

    def has_room(self, size: int, priority: Priority, at_us: int) -> bool:
        """Tell whether the queue takes so many bytes more."""
        return self.waiting_bytes(at_us) + size <= _ROOM[priority]

    def depart(self, size: int, at_us: int, *, urgent: bool) -> int:
        """Give the moment at which a frame has left."""
        uplink = self.src.uplink
        left_us = uplink.depart(size, at_us, urgent=urgent) if uplink else at_us
        if self.rate is not None:
            if self.rate == 0:
                left_us = NEVER
            else:
                left_us = max(left_us, self.free_us) + size * _SECOND_US // self.rate
            self.free_us = left_us
        if left_us > at_us:
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append((left_us, size))
            self._waiting_bytes += size
        return left_us


def is_losable(message: Message) -> bool:
    """Tell whether a message may get lost."""
    return isinstance(message, LOSABLE)
