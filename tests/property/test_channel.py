"""Channel: any bytes give a value or RemoteProtocolError, and what is written can be read."""

from __future__ import annotations

from contextlib import suppress

import msgpack
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol import limits
from protocol.channel.frames import PLAINTEXT_BYTES_MAX, pack_frames, unpack_frame
from protocol.channel.messages import (
    Bye,
    Hello,
    Ids,
    Join,
    LinkLimits,
    Message,
    Objects,
    Ping,
    RangesAnswer,
    RangesQuery,
    RecordsAnswer,
    Refused,
    WhoIsAnswer,
    decode_message,
    encode_message,
)
from protocol.channel.noise import CipherState, HandshakeState, prologue_for
from protocol.channel.post import BoxRead, Letters, Put, ReceiptAnswer, ReceiptQuery
from protocol.encoding import encode
from protocol.errors import FrameError, MessageError, Reason, RemoteProtocolError

u32 = st.integers(0, 2**32 - 1)
ms = st.integers(0, 2**53 - 1)
keys = st.binary(min_size=32, max_size=32)
prefixes = st.binary(min_size=16, max_size=16)
work = st.binary(min_size=8, max_size=8)
reasons = st.sampled_from(Reason)
plain_text = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), max_size=64
)


def few(of: st.SearchStrategy[bytes], least: int = 0) -> st.SearchStrategy[list[bytes]]:
    return st.lists(of, min_size=least, max_size=8)


messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        Hello,
        versions=st.lists(st.integers(1, 65_535), min_size=1, max_size=8),
        record=st.binary(min_size=1, max_size=64),
        clock_ms=ms,
        limits=st.builds(
            LinkLimits,
            frame_bytes=st.integers(limits.frame_bytes_min, limits.frame_bytes_max),
        ),
        agent=plain_text,
    ),
    st.builds(Bye, reason=reasons, detail=plain_text),
    st.builds(Ping, nonce=u32),
    st.builds(Refused, request=u32, reason=reasons, detail=plain_text),
    st.builds(Objects, raws=few(st.binary(min_size=1, max_size=300), 1)),
    st.builds(Ids, ids=few(prefixes)),
    st.builds(RangesQuery, request=u32, salt=prefixes, ranges=st.binary(max_size=300)),
    st.builds(RangesAnswer, request=u32, ranges=st.binary(max_size=300)),
    st.builds(RecordsAnswer, request=u32, records=few(st.binary(min_size=1, max_size=300))),
    st.builds(Join, request=u32, token=st.binary(min_size=16, max_size=16)),
    st.builds(WhoIsAnswer, request=u32, record=st.none() | st.binary(min_size=1, max_size=64)),
    st.builds(
        BoxRead,
        request=u32,
        reader=keys,
        signature=st.binary(min_size=64, max_size=64),
        wait_ms=st.integers(0, limits.read_wait_ms_max),
    ),
    st.builds(Put, request=u32, reader=keys, letter=st.binary(min_size=1), work=work),
    st.builds(Letters, request=u32, letters=few(st.binary(min_size=1)), more=st.booleans()),
    st.builds(ReceiptQuery, request=u32, reader=keys, letter_hashes=few(keys, 1)),
    st.builds(
        ReceiptAnswer,
        request=u32,
        receipts=st.lists(st.tuples(keys, st.binary(min_size=1, max_size=64)), max_size=8),
    ),
)

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary() | st.text(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(messages)
def test_a_message_comes_back(message: Message):
    raw = encode_message(message)
    assert decode_message(raw) == message
    assert raw == encode(msgspec.to_builtins(message, builtin_types=(bytes,)))


@given(messages, st.integers(1, 255), st.data())
def test_an_altered_message_is_another_or_none(message: Message, flip: int, data: st.DataObject):
    """No two spellings of one message."""
    raw = encode_message(message)
    place = data.draw(st.integers(0, len(raw) - 1))
    altered = bytearray(raw)
    altered[place] ^= flip
    with suppress(MessageError):
        assert decode_message(bytes(altered)) != message


@given(messages, st.binary(min_size=1, max_size=4))
def test_a_tail_is_refused(message: Message, tail: bytes):
    raw = encode_message(message)
    for cut in range(0, len(raw), max(1, len(raw) // 16)):
        try:
            decode_message(raw[:cut])
        except MessageError:
            continue
        raise AssertionError("a part of a message was taken for one")
    try:
        decode_message(raw + tail)
    except MessageError:
        return
    raise AssertionError("a tail was overlooked")


@given(st.binary(max_size=200) | plain_values.map(msgpack.packb))
@example(b"\x92\x02\xa1\xff")
@example(b"\x91" * 2_000)
def test_any_bytes_give_a_value_or_a_remote_error(raw: bytes):
    for read in (decode_message, unpack_frame):
        with suppress(RemoteProtocolError):
            read(raw)


@given(
    st.sampled_from([1, 2, 3, 5, 16, 17, 20, 21, 33, 35, 48, 52, 53, 54, 58, 59]),
    st.lists(plain_values, max_size=6),
)
def test_any_fields_give_a_value_or_a_message_error(tag: int, fields: list):
    raw = msgpack.packb([tag, *fields])
    try:
        message = decode_message(raw)
    except MessageError:
        return
    assert encode_message(message) == raw


@given(st.lists(messages, max_size=40), st.integers(20_000, PLAINTEXT_BYTES_MAX))
def test_frames_keep_messages_and_order(sent: list[Message], bytes_max: int):
    raws = [raw for raw in map(encode_message, sent) if len(raw) < 20_000 - 3]
    frames = pack_frames(raws, bytes_max)
    assert all(len(frame) <= bytes_max for frame in frames)
    assert [raw for frame in frames for raw in unpack_frame(frame)] == raws


@given(st.binary(max_size=300), st.sampled_from(["first", "second", "third"]))
def test_any_handshake_message_is_read_or_refused(message: bytes, turn: str):
    ends = [
        HandshakeState(
            initiator=initiator,
            prologue=prologue_for("test"),
            static_secret=b"\x01" * 32,
            ephemeral_secret=b"\x02" * 32,
        )
        for initiator in (True, False)
    ]
    initiator, responder = ends
    reader = responder
    if turn != "first":
        first = initiator.write_message()
        reader = initiator
        if turn == "third":
            responder.read_message(first)
            responder.write_message()
            reader = responder
    if turn == "first" and len(message) >= 32:
        assert reader.read_message(message) == message[32:]
    else:
        with pytest.raises(FrameError) as caught:
            reader.read_message(message)
        assert caught.value.reason is Reason.BAD_HANDSHAKE


@given(st.lists(st.binary(max_size=64), min_size=1, max_size=8), st.data())
def test_only_the_next_frame_opens(plaintexts: list[bytes], data: st.DataObject):
    sending, receiving = CipherState(b"k" * 32), CipherState(b"k" * 32)
    frames = [sending.encrypt(plaintext) for plaintext in plaintexts]
    wrong = data.draw(st.integers(1, len(frames)))
    for number, frame in enumerate(frames[wrong:]):
        try:
            receiving.decrypt(frame)
        except RemoteProtocolError:
            continue
        raise AssertionError(f"frame {wrong + number} opened out of turn")
    assert [receiving.decrypt(frame) for frame in frames] == plaintexts
