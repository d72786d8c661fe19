"""One value, one spelling: everything else is refused."""

from __future__ import annotations

import msgpack
import pytest

from protocol import limits
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, ObjectError, Reason

VALUE = {"a": [1, -1, 2**64 - 1, -(2**63), True, None], "b": b"\x00", "c": "ü", "d": {}, "e": []}


def refused(raw, bytes_max=1 << 20):
    with pytest.raises(ObjectError) as caught:
        decode(raw, bytes_max=bytes_max)
    return caught.value.reason


def nested(depth, leaf=b"\xc0"):
    return b"\x91" * depth + leaf


def test_what_is_written_is_read():
    assert decode(encode(VALUE), bytes_max=200) == VALUE


def test_keys_are_sorted_and_tuples_are_lists():
    assert encode({"b": 1, "a": (1, 2)}) == encode({"a": [1, 2], "b": 1})
    assert encode({"b": 1, "a": 2}) == b"\x82\xa1a\x02\xa1b\x01"


@pytest.mark.parametrize(
    "raw",
    [
        b"\xcc\x05",  # 5 in two bytes
        b"\xd0\x05",  # 5 as a signed byte
        b"\xcd\x00\xff",  # 255 in three bytes
        b"\xd9\x01a",  # "a" with a length byte
        b"\xc5\x00\x01a",  # one byte with a two-byte length
        b"\xdc\x00\x01\xc0",  # a list of one with a two-byte length
        b"\xde\x00\x01\xa1a\xc0",  # a map of one with a two-byte length
        b"\x82\xa1b\x01\xa1a\x01",  # keys out of order
        b"\x82\xa1a\x01\xa1a\x01",  # a key twice
        b"\x81\xc4\x01a\x01",  # a key of bytes
        b"\xca\x3f\x80\x00\x00",  # a float
        b"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00",  # a double
        b"\xd6\xff\x00\x00\x00\x00",  # a timestamp
        b"\xd4\x05\x00",  # an extension
    ],
)
def test_every_other_spelling_is_refused(raw):
    assert refused(raw) is Reason.NOT_CANONICAL


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        b"\x92\x01",
        b"\xc0\xc0",
        b"\xa1\xff",
        b"\xa3\xed\xa0\x80",
        b"\x81\x05\x01",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        nested(5_000),
    ],
)
def test_what_is_not_msgpack_is_refused(raw):
    assert refused(raw) is Reason.BAD_ENCODING


def test_sizes_are_bounded():
    assert refused(encode("x" * 100), bytes_max=101) is Reason.TOO_LARGE
    assert decode(encode("x" * 100), bytes_max=102) == "x" * 100
    most = encode([0] * (limits.items_max - 1))
    assert len(decode(most, bytes_max=1 << 20)) == limits.items_max - 1
    assert refused(encode([[0] * 2_048, [0] * 2_048])) is Reason.TOO_LARGE


def test_depth_is_bounded():
    assert decode(nested(limits.depth_max), bytes_max=100)
    assert refused(nested(limits.depth_max + 1)) is Reason.TOO_DEEP
    assert refused(b"\x81\xa1a" * (limits.depth_max + 1) + b"\xc0") is Reason.TOO_DEEP


@pytest.mark.parametrize("value", [1.0, {1: 2}, {b"a": 1}, object(), 2**64, -(2**63) - 1, {1, 2}])
def test_what_has_no_canonical_form_is_not_written(value):
    with pytest.raises(LocalProtocolError):
        encode(value)


def test_a_lone_surrogate_has_no_bytes():
    with pytest.raises(LocalProtocolError, match="surrogate"):
        encode("\ud800")


def test_what_is_too_deep_is_not_written():
    deep_list: list[object] = []
    deep_map: dict[str, object] = {}
    for _ in range(limits.depth_max):
        deep_list, deep_map = [deep_list], {"a": deep_map}
    for deep in (deep_list, deep_map):
        with pytest.raises(LocalProtocolError, match="too deep"):
            encode(deep)


def test_named_values_are_written_as_plain_ones():
    assert encode([Reason.EXPIRED, True]) == msgpack.packb(["expired", True])
