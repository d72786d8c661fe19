"""Messages: each kind travels, and nothing out of its range does."""

from __future__ import annotations

from typing import get_args

import msgpack
import msgspec
import pytest

from protocol import limits
from protocol.channel.frames import fitting
from protocol.channel.messages import (
    ANSWER_TO,
    Ask,
    Bye,
    Hello,
    Ids,
    Interest,
    Join,
    Joined,
    Level,
    LevelGiven,
    LinkLimits,
    Message,
    Missing,
    Objects,
    Outbound,
    Ping,
    Pong,
    RangesAnswer,
    RangesQuery,
    RecordsAnswer,
    RecordsQuery,
    Refused,
    Stem,
    Want,
    Wants,
    WhoIs,
    WhoIsAnswer,
    decode_message,
    encode_message,
)
from protocol.channel.post import (
    BoxChallenge,
    BoxNonce,
    BoxOpen,
    BoxOpened,
    BoxRead,
    Letters,
    Put,
    PutDone,
    Receipt,
    ReceiptAnswer,
    ReceiptQuery,
    ReceiptStored,
)
from protocol.channel.tunnel import TunnelData, TunnelEnd, TunnelOpen, TunnelOpened
from protocol.encoding import encode
from protocol.errors import LocalProtocolError, MessageError, Reason

KEY, PREFIX, WORK = b"k" * 32, b"i" * 16, b"w" * 8

# Tag, then one message of each kind with all its fields set. The tags never change.
SAMPLES: dict[int, Message] = {
    1: Hello(
        versions=[1, 2],
        record=b"r",
        clock_ms=7,
        limits=LinkLimits(),
        agent="x 1",
        outbound=3,
        interest=Interest(categories=["a/b"], cells=[7]),
    ),
    2: Bye(reason=Reason.SHUTDOWN, detail="so long"),
    3: Ping(nonce=2**32 - 1),
    4: Pong(nonce=0),
    5: Refused(request=1, reason=Reason.QUOTA, detail="the box is full"),
    16: Objects(raws=[b"a", b"b" * limits.public_bytes_max]),
    17: Ids(ids=[PREFIX]),
    18: Want(ids=[PREFIX, PREFIX]),
    19: Missing(ids=[]),
    22: Wants(interest=None),
    23: Level(level=2),
    24: LevelGiven(level=0),
    25: Stem(raws=[b"a"]),
    26: RangesQuery(request=1, salt=PREFIX, ranges=b"r"),
    27: RangesAnswer(request=1, ranges=b""),
    38: Outbound(count=3),
    64: TunnelOpen(request=1, tunnel=2, key=KEY),
    65: TunnelOpened(request=1),
    66: TunnelData(tunnel=2, data=b"d", is_last=False),
    67: TunnelEnd(tunnel=2, reason=Reason.SHUTDOWN),
    32: RecordsQuery(request=1, count=limits.records_per_answer_max),
    33: RecordsAnswer(request=1, records=[b"r" * limits.node_record_bytes_max]),
    34: WhoIs(request=1, key=KEY),
    35: WhoIsAnswer(request=1, record=None),
    36: Join(request=1, token=b"t" * limits.invite_token_bytes),
    37: Joined(request=1),
    48: BoxOpen(request=1, open=b"o", work=WORK),
    49: BoxOpened(request=1, until=5),
    50: BoxChallenge(request=1, reader=KEY),
    51: BoxNonce(request=1, challenge=KEY),
    52: BoxRead(request=1, reader=KEY, signature=KEY * 2, wait_ms=limits.read_wait_ms_max),
    53: Letters(request=1, letters=[b"l" * limits.letter_bytes_max], more=False),
    54: Put(request=1, reader=KEY, letter=b"l" * limits.letter_bytes_max, work=WORK),
    55: PutDone(request=1, letter_hash=KEY),
    56: Receipt(request=1, reader=KEY, letter_hash=KEY, receipt=b"s"),
    57: ReceiptStored(request=1),
    58: ReceiptQuery(request=1, reader=KEY, letter_hashes=[KEY]),
    59: ReceiptAnswer(request=1, receipts=[(KEY, b"s")]),
}


def plain(message: Message) -> list[object]:
    """A message as plain values, by another library."""
    value: list[object] = msgpack.unpackb(encode_message(message), raw=False)
    return value


def refused(value: object) -> Reason:
    with pytest.raises(MessageError) as caught:
        decode_message(msgpack.packb(value, use_bin_type=True))
    return caught.value.reason


def test_samples_cover_every_kind():
    assert {type(message) for message in SAMPLES.values()} == set(get_args(Message))


@pytest.mark.parametrize("tag", SAMPLES)
def test_every_kind_travels(tag: int):
    message = SAMPLES[tag]
    raw = encode_message(message)
    assert decode_message(raw) == message
    assert plain(message)[0] == tag


@pytest.mark.parametrize("tag", SAMPLES)
def test_bytes_are_canonical(tag: int):
    message = SAMPLES[tag]
    assert encode_message(message) == encode(msgspec.to_builtins(message, builtin_types=(bytes,)))


@pytest.mark.parametrize("tag", SAMPLES)
def test_a_field_more_or_less_is_refused(tag: int):
    value = plain(SAMPLES[tag])
    assert refused([*value, None]) is Reason.BAD_SHAPE
    assert refused(value[:-1]) in {Reason.BAD_SHAPE, Reason.NOT_CANONICAL}


@pytest.mark.parametrize("tag", SAMPLES)
@pytest.mark.parametrize("wrong", [None, True, -1, 1.5, "x", b"", [1], {"a": 1}, 2**64 - 1])
def test_a_field_of_another_type_is_refused(tag: int, wrong: object):
    value = plain(SAMPLES[tag])
    for place in range(1, len(value)):
        other = [*value[:place], wrong, *value[place + 1 :]]
        try:
            decoded = decode_message(msgpack.packb(other, use_bin_type=True))
        except MessageError:
            continue
        # What is taken is taken as what it is: never turned into something else.
        assert plain(decoded) == other


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.BAD_SHAPE),
        (7, Reason.BAD_SHAPE),
        ({}, Reason.BAD_SHAPE),
        ([], Reason.BAD_SHAPE),
        (["Ping", 1], Reason.BAD_SHAPE),
        ([True, 1], Reason.BAD_SHAPE),
        ([0, 1], Reason.UNKNOWN_KIND),
        ([6, 1], Reason.UNKNOWN_KIND),
        ([2**40, 1], Reason.UNKNOWN_KIND),
        ([3, -1], Reason.OUT_OF_RANGE),
        ([3, 2**32], Reason.OUT_OF_RANGE),
        ([3, "1"], Reason.BAD_SHAPE),
        ([3, 1.0], Reason.NOT_CANONICAL),
        ([2, "no_such_reason", ""], Reason.OUT_OF_RANGE),
        ([2, "quota", "x" * 201], Reason.OUT_OF_RANGE),
        ([2, "quota", "one\ntwo"], Reason.OUT_OF_RANGE),
        ([2, "quota", "\x1b[31mred"], Reason.OUT_OF_RANGE),
        ([2, "quota", "turned \u202e round"], Reason.OUT_OF_RANGE),
        ([16, []], Reason.OUT_OF_RANGE),
        ([16, [b""]], Reason.OUT_OF_RANGE),
        ([16, [b"x" * (limits.public_bytes_max + 1)]], Reason.OUT_OF_RANGE),
        ([17, [b"short"]], Reason.OUT_OF_RANGE),
        ([17, [PREFIX] * (limits.ids_per_message_max + 1)], Reason.OUT_OF_RANGE),
        ([17, [PREFIX.decode()]], Reason.BAD_SHAPE),
        ([32, 1, 0], Reason.OUT_OF_RANGE),
        ([32, 1, limits.records_per_answer_max + 1], Reason.OUT_OF_RANGE),
        ([34, 1, KEY[:-1]], Reason.OUT_OF_RANGE),
        ([52, 1, KEY, KEY * 2, limits.read_wait_ms_max + 1], Reason.OUT_OF_RANGE),
        ([1, [], b"r", 0, [65_536], ""], Reason.OUT_OF_RANGE),
        ([1, [1] * 9, b"r", 0, [65_536], ""], Reason.OUT_OF_RANGE),
        ([1, [0], b"r", 0, [65_536], ""], Reason.OUT_OF_RANGE),
        ([1, [1], b"r", 0, [limits.frame_bytes_min - 1], ""], Reason.OUT_OF_RANGE),
        ([1, [1], b"r", 0, [65_536, 1], ""], Reason.BAD_SHAPE),
        ([59, 1, [[KEY]]], Reason.OUT_OF_RANGE),
    ],
    ids=str,
)
def test_what_is_refused_and_why(value: object, reason: Reason):
    assert refused(value) is reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", Reason.BAD_ENCODING),
        (b"\x92\x03", Reason.BAD_ENCODING),
        (b"\x92\x03\x01\x01", Reason.BAD_ENCODING),
        (b"\xc1", Reason.BAD_ENCODING),
        (b"\x92\x02\xa1\xff", Reason.BAD_ENCODING),
        (b"\x91" * 5_000 + b"\xc0", Reason.BAD_ENCODING),
        (b"\x91" * 40 + b"\xc0", Reason.TOO_DEEP),
        (b"\x92\x03\xcc\x01", Reason.NOT_CANONICAL),
        (b"\x92\xcc\x03\x01", Reason.NOT_CANONICAL),
        (b"\xdc\x00\x02\x03\x01", Reason.NOT_CANONICAL),
        (b"\x92\x03\xd4\x01\x00", Reason.NOT_CANONICAL),
        (bytes(limits.message_bytes_max + 1), Reason.TOO_LARGE),
    ],
    ids=lambda value: value.hex()[:12] if isinstance(value, bytes) else value.value,
)
def test_bytes_that_are_not_a_message(raw: bytes, reason: Reason):
    with pytest.raises(MessageError) as caught:
        decode_message(raw)
    assert caught.value.reason is reason


def test_what_a_peer_would_punish_is_not_sent():
    with pytest.raises(LocalProtocolError, match="Ids cannot be sent"):
        encode_message(Ids(ids=[b"short"]))
    with pytest.raises(LocalProtocolError, match="Letters cannot be sent: too_large"):
        encode_message(Letters(letters=[bytes(50_000)] * 2))


def test_every_question_has_an_answer_with_its_number():
    assert set(ANSWER_TO) == set(get_args(Ask))
    for ask, answer in ANSWER_TO.items():
        assert ask.__struct_fields__[0] == "request"
        assert answer.__struct_fields__[0] == "request"
    assert len(set(ANSWER_TO.values())) == len(ANSWER_TO)


def test_full_lists_fit_one_message():
    receipts = [(KEY, bytes(limits.receipt_bytes_max))] * limits.receipts_per_message_max
    encode_message(ReceiptAnswer(receipts=receipts))
    records = [bytes(limits.node_record_bytes_max)] * limits.records_per_answer_max
    encode_message(RecordsAnswer(records=records))
    encode_message(Ids(ids=[PREFIX] * limits.ids_per_message_max))
    encode_message(RangesAnswer(request=2**32 - 1, ranges=bytes(limits.ranges_bytes_max)))


def test_fitting_lists_fit_one_message():
    letters = [bytes(3_000)] * 40
    count = fitting(letters, count_max=limits.letters_per_message_max)
    encode_message(Letters(request=2**32 - 1, letters=letters[:count], more=True))
    raws = [bytes(200)] * 1_000
    count = fitting(raws, count_max=limits.objects_per_message_max)
    assert count == limits.objects_per_message_max
    encode_message(Objects(raws=raws[:count]))
