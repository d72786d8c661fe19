"""Frames: greedy packing, strict reading."""

from __future__ import annotations

import msgpack
import pytest

from protocol import limits
from protocol.channel.frames import (
    FRAME_BYTES_MAX,
    PLAINTEXT_BYTES_MAX,
    FrameBuilder,
    fitting,
    pack_frames,
    unpack_frame,
)
from protocol.errors import FrameError, LocalProtocolError, Reason


def packed(size: int) -> bytes:
    """One msgpack byte string that takes `size` bytes."""
    raw: bytes = msgpack.packb(bytes(size - 3), use_bin_type=True)
    assert len(raw) == size
    return raw


def test_a_frame_is_the_array_of_its_messages():
    messages = [msgpack.packb([3, 1]), msgpack.packb([4, 1])]
    [frame] = pack_frames(messages)
    assert frame == msgpack.packb([[3, 1], [4, 1]])
    assert unpack_frame(frame) == messages


def test_nothing_needs_no_frame():
    assert pack_frames([]) == []


def test_largest_message_fits_the_smallest_frame():
    raw = packed(limits.message_bytes_max)
    smallest = limits.frame_bytes_min - limits.frame_tag_bytes
    [frame] = pack_frames([raw], smallest)
    assert unpack_frame(frame) == [raw]
    with pytest.raises(LocalProtocolError, match="does not fit"):
        pack_frames([packed(limits.message_bytes_max + 1)], smallest)


def test_largest_ciphertext_is_one_noise_message():
    assert FRAME_BYTES_MAX == 65_535
    assert PLAINTEXT_BYTES_MAX + limits.frame_tag_bytes == FRAME_BYTES_MAX


def test_split_is_greedy_and_keeps_the_order():
    messages = [packed(30_000), packed(30_000), packed(30_000), packed(300), packed(40_000)]
    frames = pack_frames(messages)
    assert [len(unpack_frame(frame)) for frame in frames] == [2, 2, 1]
    assert [raw for frame in frames for raw in unpack_frame(frame)] == messages
    assert max(map(len, frames)) <= PLAINTEXT_BYTES_MAX


def test_messages_in_a_frame_are_capped():
    one = msgpack.packb([3, 1])
    frames = pack_frames([one] * (limits.frame_messages_max + 1))
    assert [len(unpack_frame(frame)) for frame in frames] == [limits.frame_messages_max, 1]
    with pytest.raises(FrameError) as caught:
        unpack_frame(msgpack.packb([[3, 1]] * (limits.frame_messages_max + 1)))
    assert caught.value.reason is Reason.TOO_LARGE


def test_builder_says_when_it_is_full():
    builder = FrameBuilder(10)
    assert builder.add(b"\xa5fives")
    assert not builder.add(b"\xa1x")
    assert len(builder) == 1
    assert builder.finish() == b"\x91\xa5fives"


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", Reason.BAD_ENCODING),
        (b"\xc0", Reason.BAD_ENCODING),
        (b"\x01", Reason.BAD_ENCODING),
        (b"\x80", Reason.BAD_ENCODING),
        (b"\x90", Reason.BAD_ENCODING),
        (b"\x91", Reason.BAD_ENCODING),
        (b"\x91\xc0\xc0", Reason.BAD_ENCODING),
        (b"\xdd\xff\xff\xff\xff\xc0", Reason.BAD_ENCODING),
        (b"\x91" * 60_000, Reason.BAD_ENCODING),
        (b"\xdc\x00\x01\xc0", Reason.NOT_CANONICAL),
        (b"\xdd\x00\x00\x00\x01\xc0", Reason.NOT_CANONICAL),
        (bytes(PLAINTEXT_BYTES_MAX + 1), Reason.TOO_LARGE),
    ],
    ids=lambda value: value.hex()[:12] if isinstance(value, bytes) else value.value,
)
def test_what_is_not_a_frame(frame: bytes, reason: Reason):
    with pytest.raises(FrameError) as caught:
        unpack_frame(frame)
    assert caught.value.reason is reason


def test_fitting_counts_what_one_message_holds():
    assert fitting([], count_max=4) == 0
    assert fitting([b"x"] * 9, count_max=4) == 4
    assert fitting([bytes(30_000)] * 3, count_max=4) == 2
    assert fitting([bytes(limits.letter_bytes_max)], count_max=4) == 1
    assert fitting([bytes(limits.message_bytes_max)], count_max=4) == 0
