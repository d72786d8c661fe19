"""Messages of the tunnel: pieces of a bounded size."""

from __future__ import annotations

import msgspec
import pytest

from protocol import limits
from protocol.channel.frames import FRAME_BYTES_MAX
from protocol.channel.messages import decode_message, encode_message
from protocol.channel.tunnel import TunnelData
from protocol.errors import MessageError, Reason


@pytest.mark.parametrize("data", [b"", bytes(limits.tunnel_piece_bytes_max + 1)])
def test_a_piece_has_a_range(data):
    with pytest.raises(MessageError) as refusal:
        decode_message(msgspec.msgpack.encode(TunnelData(tunnel=1, data=data)))
    assert refusal.value.reason is Reason.OUT_OF_RANGE


def test_two_pieces_carry_the_largest_inner_frame():
    piece = TunnelData(tunnel=1, data=bytes(limits.tunnel_piece_bytes_max))
    assert decode_message(encode_message(piece)) == piece
    assert 2 * limits.tunnel_piece_bytes_max >= FRAME_BYTES_MAX
