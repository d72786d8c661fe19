"""Lists of ranges: one form each, and nothing else is read."""

from __future__ import annotations

import pytest

from protocol import limits
from protocol.errors import LocalProtocolError, MessageError, Reason
from protocol.network.order import END
from protocol.network.ranges import (
    Fingerprint,
    Later,
    Names,
    Range,
    RangesWriter,
    Skip,
    decode_ranges,
    encode_ranges,
)

DIGEST = bytes(range(16))


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


LISTS: list[tuple[list[Range], str]] = [
    ([], ""),
    ([Fingerprint(upper=END, digest=DIGEST)], "3f" + DIGEST.hex()),
    ([Names(upper=END, names=())], "5f00"),
    ([Later()], "7f"),
    ([Skip(upper=(1, b"")), Later()], "0001" + "7f"),
    (
        [Skip(upper=(300, b"")), Names(upper=(300, b"\x07"), names=(name(1), name(2)))],
        "00ac02" + "410007" + "02" + name(1).hex() + name(2).hex(),
    ),
    (
        [Fingerprint(upper=(2**53 - 1, name(5)), digest=DIGEST)],
        "30" + "ffffffffffffff0f" + name(5).hex() + DIGEST.hex(),
    ),
]


@pytest.mark.parametrize(("ranges", "raw"), LISTS)
def test_what_is_written_is_read(ranges: list[Range], raw: str):
    assert encode_ranges(ranges).hex() == raw
    assert decode_ranges(bytes.fromhex(raw)) == ranges


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("ff", Reason.BAD_SHAPE),
        ("60", Reason.BAD_SHAPE),
        ("1f", Reason.NOT_CANONICAL),
        ("3f", Reason.BAD_SHAPE),
        ("20", Reason.BAD_SHAPE),
        ("2101", Reason.BAD_SHAPE),
        ("5f", Reason.BAD_SHAPE),
        ("5f01", Reason.BAD_SHAPE),
        ("7f7f", Reason.BAD_SHAPE),
        ("5f00" + "5f00", Reason.BAD_SHAPE),
        ("4000" + "00", Reason.NOT_CANONICAL),
        ("4001" + "00" + "4000" + "00", Reason.NOT_CANONICAL),
        ("410005" + "00" + "410004" + "00", Reason.NOT_CANONICAL),
        ("410100" + "00", Reason.NOT_CANONICAL),
        ("408100" + "00", Reason.NOT_CANONICAL),
        ("0001" + "0001" + "5f00", Reason.NOT_CANONICAL),
        ("0001", Reason.NOT_CANONICAL),
        ("5f02" + name(2).hex() + name(1).hex(), Reason.NOT_CANONICAL),
        ("5f02" + name(2).hex() + name(2).hex(), Reason.NOT_CANONICAL),
        ("5101" + "11" * 17 + "00", Reason.OUT_OF_RANGE),
        ("40" + "ff" * 8 + "00", Reason.OUT_OF_RANGE),
        ("40" + "8080808080808010" + "00", Reason.OUT_OF_RANGE),
        ("5fffffffff0f", Reason.OUT_OF_RANGE),
    ],
)
def test_anything_else_is_refused(raw: str, reason: Reason):
    with pytest.raises(MessageError) as refused:
        decode_ranges(bytes.fromhex(raw))
    assert refused.value.reason is reason


def test_a_list_has_its_size():
    with pytest.raises(MessageError) as refused:
        decode_ranges(bytes(limits.ranges_bytes_max + 1))
    assert refused.value.reason is Reason.TOO_LARGE
    with pytest.raises(MessageError) as refused:
        decode_ranges(b"\x40\x01\x00" * (limits.ranges_per_message_max + 1))
    assert refused.value.reason is Reason.TOO_LARGE
    assert len(decode_ranges(b"\x40\x01\x00" * limits.ranges_per_message_max)) == 2_048


def test_what_could_not_be_read_is_not_written():
    lists: list[list[Range]] = [
        [Skip(upper=(5, b""))],
        [Later(), Later()],
        [Names(upper=END, names=(name(2), name(1)))],
        [Names(upper=END, names=tuple(name(n) for n in range(1_100)))],
        [Fingerprint(upper=END, digest=DIGEST)] * 2,
    ]
    for ranges in lists:
        with pytest.raises(LocalProtocolError):
            encode_ranges(ranges)


def test_a_writer_stops_where_its_room_ends():
    writer = RangesWriter()
    room = writer.names_room(END)
    assert not writer.names(END, [name(n) for n in range(room + 3)])
    assert writer.names((9, b""), [name(n) for n in range(writer.names_room((9, b"")))])
    assert not writer.fingerprint((10, b""), DIGEST)
    assert writer.names_room(END) == 0
    writer.skip((11, b""))
    writer.later()
    assert len(writer.raw) <= limits.ranges_bytes_max
    assert decode_ranges(writer.raw)[1:] == [Skip(upper=(11, b"")), Later()]


def test_a_writer_counts_its_ranges():
    writer = RangesWriter()
    at = 0
    while writer.names((at + 1, b""), []):
        at += 1
    assert at == limits.ranges_per_message_max - 2
    writer.skip((at + 1, b""))
    writer.later()
    assert len(decode_ranges(writer.raw)) == limits.ranges_per_message_max


def test_skips_run_together():
    writer = RangesWriter()
    writer.skip((1, b""))
    writer.skip((3, b""))
    writer.skip((2, b""))
    assert writer.raw == b""
    assert writer.names((4, b""), [])
    writer.skip((4, b""))
    writer.skip((9, b""))
    assert decode_ranges(writer.raw) == [Skip(upper=(3, b"")), Names(upper=(4, b""), names=())]
