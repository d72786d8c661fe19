"""What waits to be sent to one peer: one bounded byte queue with four priorities.

Enters: encoded messages. Leaves: plaintexts of frames, the most urgent messages first. Never here:
sockets, or a wait; a full queue says no and its caller decides.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from protocol.channel.frames import FrameBuilder
from protocol.channel.priority import Priority

_EIGHTHS: Final = {
    Priority.CONTROL: 8,
    Priority.LETTERS: 7,
    Priority.PULL: 6,
    Priority.PUSH: 4,
}
"""Share of the queue up to which each priority may fill it, so that a flood of payload can never
keep an urgent message out. A guess; what matters is the order."""


class SendQueue:
    """Messages of one link, waiting."""

    __slots__ = ("_bytes", "_bytes_max", "_lanes")

    def __init__(self, bytes_max: int) -> None:
        """Start empty, to hold at most `bytes_max` bytes."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._lanes: dict[Priority, deque[bytes]] = {priority: deque() for priority in Priority}

    @property
    def bytes_waiting(self) -> int:
        """Bytes of all waiting messages."""
        return self._bytes

    def is_urgent(self, frame_bytes: int) -> bool:
        """Tell whether anything but a little payload waits: a frame of it, or what others wait for.

        Args:
            frame_bytes: bytes of payload that are worth a frame of their own.
        """
        return self._bytes >= frame_bytes or any(
            lane for place, lane in self._lanes.items() if place is not Priority.PUSH
        )

    def put(self, message: bytes, priority: Priority) -> bool:
        """Take an encoded message, or say that there is no room for its priority."""
        size = self._bytes + len(message)
        if size * 8 > self._bytes_max * _EIGHTHS[priority]:
            return False
        self._lanes[priority].append(message)
        self._bytes = size
        return True

    def take(self, frame_bytes_max: int) -> bytes | None:
        """Take as many messages as one frame holds, in the order of priority, then of arrival.

        Args:
            frame_bytes_max: bytes of the frame's plaintext.

        Returns:
            The frame's plaintext, or None when nothing waits.
        """
        builder = FrameBuilder(frame_bytes_max)
        for lane in self._lanes.values():
            while lane and builder.add(lane[0]):
                self._bytes -= len(lane.popleft())
            if lane:
                break
        return builder.finish() if len(builder) else None

    def drop(self, *, keep_control: bool) -> None:
        """Forget what waits; answers already given may still go out before a goodbye."""
        for priority, lane in self._lanes.items():
            if not (keep_control and priority is Priority.CONTROL):
                lane.clear()
        self._bytes = sum(map(len, self._lanes[Priority.CONTROL]))
