"""Messages of the post: what a mailbox refuses to read."""

from __future__ import annotations

import msgspec
import pytest

from protocol import limits
from protocol.channel.messages import decode_message, encode_message
from protocol.channel.post import BoxRead, Put, ReceiptAnswer, ReceiptQuery
from protocol.errors import MessageError, Reason

KEY, WORK = b"k" * 32, b"w" * limits.pow_bytes


@pytest.mark.parametrize(
    "message",
    [
        Put(request=1, reader=KEY, letter=b"", work=WORK),
        Put(request=1, reader=KEY, letter=bytes(limits.letter_bytes_max + 1), work=WORK),
        BoxRead(request=1, reader=KEY, signature=KEY * 2, wait_ms=limits.read_wait_ms_max + 1),
        ReceiptQuery(request=1, reader=KEY, letter_hashes=[]),
        ReceiptAnswer(request=1, receipts=[(KEY, b"r")] * (limits.receipts_per_message_max + 1)),
    ],
)
def test_sizes_and_waits_have_a_range(message):
    with pytest.raises(MessageError) as refusal:
        decode_message(msgspec.msgpack.encode(message))
    assert refusal.value.reason is Reason.OUT_OF_RANGE


def test_the_largest_letter_fits_a_message():
    message = Put(request=1, reader=KEY, letter=bytes(limits.letter_bytes_max), work=WORK)
    assert decode_message(encode_message(message)) == message
