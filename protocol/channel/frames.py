"""Frames: many messages in one encrypted packet.

The plaintext of a frame is the canonical msgpack array of its messages; its ciphertext is one Noise
message. Enters: encoded messages, or the plaintext of a frame from a peer. Leaves: the other one.
Never here: keys, and what a message means.
Source: docs/protocol/04-frames.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgpack
import msgspec

from protocol import limits
from protocol.errors import FrameError, LocalProtocolError, Reason

FRAME_BYTES_MAX: Final = min(limits.frame_bytes_max, limits.noise_message_bytes_max)
"""Ciphertext of the largest frame this node reads: Noise allows one byte less than the design."""
PLAINTEXT_BYTES_MAX: Final = FRAME_BYTES_MAX - limits.frame_tag_bytes
"""Plaintext of such a frame."""
HEAD_BYTES_MAX: Final = 3
"""Head of an array of at most 65,535 items."""

_DECODER = msgspec.msgpack.Decoder(list[msgspec.Raw])
_PACKER = msgpack.Packer()


class FrameBuilder:
    """Gathers encoded messages until the next one would not fit."""

    __slots__ = ("_bytes_max", "_messages", "_size")

    def __init__(self, bytes_max: int = PLAINTEXT_BYTES_MAX) -> None:
        """Begin a frame.

        Args:
            bytes_max: plaintext bytes; any single message fits `limits.frame_bytes_min`'s worth.
        """
        self._bytes_max = bytes_max
        self._messages: list[bytes] = []
        self._size = HEAD_BYTES_MAX

    def __len__(self) -> int:
        """Count the messages taken."""
        return len(self._messages)

    def add(self, message: bytes) -> bool:
        """Take one encoded message, or say that it must go into the next frame."""
        size = self._size + len(message)
        if size > self._bytes_max or len(self._messages) >= limits.frame_messages_max:
            return False
        self._messages.append(message)
        self._size = size
        return True

    def finish(self) -> bytes:
        """Give the plaintext of the frame."""
        head: bytes = _PACKER.pack_array_header(len(self._messages))
        return head + b"".join(self._messages)


def pack_frames(messages: Iterable[bytes], bytes_max: int = PLAINTEXT_BYTES_MAX) -> list[bytes]:
    """Pack encoded messages, in order, into as few frames as a greedy split gives.

    Raises:
        LocalProtocolError: one message alone is larger than a frame.
    """
    frames: list[bytes] = []
    builder = FrameBuilder(bytes_max)
    for message in messages:
        if builder.add(message):
            continue
        if len(builder):
            frames.append(builder.finish())
        builder = FrameBuilder(bytes_max)
        if not builder.add(message):
            raise LocalProtocolError(f"a message of {len(message)} bytes does not fit a frame")
    if len(builder):
        frames.append(builder.finish())
    return frames


def unpack_frame(plaintext: bytes) -> list[bytes]:
    """Split the plaintext of a frame into its messages, each still encoded and unchecked.

    Raises:
        FrameError: TOO_LARGE, BAD_ENCODING (not an array of msgpack values, or empty) or
            NOT_CANONICAL (a long form of the array's head).
    """
    if len(plaintext) > PLAINTEXT_BYTES_MAX:
        raise FrameError(Reason.TOO_LARGE, f"{len(plaintext)} bytes in a frame")
    try:
        messages = [bytes(message) for message in _DECODER.decode(plaintext)]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise FrameError(Reason.BAD_ENCODING, "a frame is an array of messages") from error
    if not messages:
        raise FrameError(Reason.BAD_ENCODING, "an empty frame")
    if len(messages) > limits.frame_messages_max:
        raise FrameError(Reason.TOO_LARGE, f"{len(messages)} messages in a frame")
    head_bytes = len(plaintext) - sum(map(len, messages))
    if head_bytes != len(_PACKER.pack_array_header(len(messages))):
        raise FrameError(Reason.NOT_CANONICAL, "not the shortest form")
    return messages


def fitting(values: Iterable[bytes], *, count_max: int, overhead_bytes: int = 64) -> int:
    """Count how many of the leading values fit one message together.

    Args:
        values: byte strings that would stand in one list of one message.
        count_max: the list's own cap.
        overhead_bytes: what the message's other fields take at most.
    """
    left = limits.message_bytes_max - overhead_bytes
    count = 0
    for value in values:
        left -= len(value) + HEAD_BYTES_MAX
        if left < 0 or count == count_max:
            break
        count += 1
    return count
