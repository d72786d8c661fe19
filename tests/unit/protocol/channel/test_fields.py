"""The shapes of fields, as a message holds them."""

from __future__ import annotations

import msgspec
import pytest

from protocol import limits
from protocol.channel import fields


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (fields.IdPrefix, bytes(16), bytes(15)),
        (fields.LevelNumber, 2, 3),
        (fields.Salt, bytes(16), bytes(17)),
        (fields.Ranges, bytes(limits.ranges_bytes_max), bytes(limits.ranges_bytes_max + 1)),
        (fields.CategoryText, "a" * limits.category_chars_max, ""),
        (fields.Cell, 2**63 - 1, 0),
        (fields.TunnelId, 2**32 - 1, 2**32),
        (fields.Detail, "plain", "a\nforged line"),
    ],
)
def test_a_field_takes_what_is_in_its_range_and_nothing_beyond(shape, good, bad):
    decoder = msgspec.msgpack.Decoder(shape)
    assert decoder.decode(msgspec.msgpack.encode(good)) == good
    with pytest.raises(msgspec.ValidationError):
        decoder.decode(msgspec.msgpack.encode(bad))
