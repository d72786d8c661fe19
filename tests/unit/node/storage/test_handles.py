"""Shortened ids as ranges."""

from __future__ import annotations

import pytest

from node.storage.handles import handle_range
from protocol.errors import LocalProtocolError
from protocol.ids import blake2b_256, to_text

LOWEST, HIGHEST = bytes(32), b"\xff" * 32


@pytest.mark.parametrize("value", [LOWEST, HIGHEST, blake2b_256(b"cast")])
def test_every_shortening_of_an_id_means_a_range_around_it(value: bytes):
    digits = to_text("cast", value).removeprefix("cast-").replace("-", "")
    width = None
    for count in range(1, len(digits) + 1):
        low, high = handle_range("cast", digits[:count])
        assert low <= value <= high
        size = int.from_bytes(high, "big") - int.from_bytes(low, "big")
        assert width is None or size < width or (count >= 52 and size == width == 0)
        width = size
    assert width == 0


def test_one_letter_means_a_thirtysecond_of_all():
    assert handle_range("cast", "0") == (LOWEST, b"\x07" + b"\xff" * 31)
    assert handle_range("cast", "z") == (b"\xf8" + bytes(31), HIGHEST)


def test_what_is_no_id_is_refused():
    with pytest.raises(LocalProtocolError):
        handle_range("cast", "cast-!!!!")
