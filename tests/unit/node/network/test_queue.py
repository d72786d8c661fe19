"""The queue to one peer: bounded, and the urgent first."""

from __future__ import annotations

import pytest

from node.network.queue import SendQueue
from protocol.channel.frames import PLAINTEXT_BYTES_MAX, unpack_frame
from protocol.channel.priority import Priority

ONE = b"\x01"


def string(size: int) -> bytes:
    """A msgpack string of `size` bytes altogether."""
    return b"\xda" + (size - 3).to_bytes(2, "big") + b"x" * (size - 3)


def test_empty_queue_has_no_frame():
    assert SendQueue(100).take(PLAINTEXT_BYTES_MAX) is None


def test_order_of_priority_then_of_arrival():
    queue = SendQueue(1000)
    for number, priority in enumerate([*reversed(Priority), *reversed(Priority)]):
        assert queue.put(bytes([number]), priority)
    assert unpack_frame(queue.take(100) or b"") == [bytes([n]) for n in (3, 7, 2, 6, 1, 5, 0, 4)]
    assert queue.bytes_waiting == 0


def test_small_message_does_not_overtake_a_large_one():
    queue = SendQueue(1000)
    queue.put(string(60), Priority.CONTROL)
    queue.put(string(60), Priority.CONTROL)
    queue.put(ONE, Priority.PUSH)
    assert unpack_frame(queue.take(100) or b"") == [string(60)]
    assert unpack_frame(queue.take(100) or b"") == [string(60), ONE]


@pytest.mark.parametrize(
    ("priority", "share"),
    [
        (Priority.PUSH, 400),
        (Priority.PULL, 600),
        (Priority.LETTERS, 700),
        (Priority.CONTROL, 800),
    ],
)
def test_each_priority_has_its_share(priority: Priority, share: int):
    queue = SendQueue(800)
    taken = 0
    while queue.put(string(10), priority):
        taken += 10
    assert taken == share
    assert queue.bytes_waiting == share
    assert queue.put(string(10), Priority.CONTROL) == (share < 800)


def test_room_comes_back_as_frames_leave():
    queue = SendQueue(800)
    while queue.put(string(100), Priority.PUSH):
        pass
    assert queue.take(103)
    assert queue.bytes_waiting == 300
    assert queue.put(string(100), Priority.PUSH)


@pytest.mark.parametrize(("keep", "left"), [(True, [ONE]), (False, None)])
def test_dropping(keep: bool, left: list[bytes] | None):
    queue = SendQueue(800)
    for priority in Priority:
        queue.put(ONE, priority)
    queue.drop(keep_control=keep)
    frame = queue.take(100)
    assert (unpack_frame(frame) if frame else None) == left
    assert queue.bytes_waiting == 0


def test_a_little_payload_can_wait_and_nothing_else():
    queue = SendQueue(1_000)
    assert not queue.is_urgent(100)
    queue.put(b"p" * 60, Priority.PUSH)
    assert not queue.is_urgent(100)
    queue.put(b"p" * 60, Priority.PUSH)
    assert queue.is_urgent(100)
    for priority in set(Priority) - {Priority.PUSH}:
        queue = SendQueue(1_000)
        queue.put(b"m", priority)
        assert queue.is_urgent(100)
