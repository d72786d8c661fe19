"""Shortened ids as a range of ids, so that finding one is a step in an index.

Enters: what a person typed, such as `cast-7Q4M-K2XD`. Leaves: the lowest and the highest id it may
mean. Source: the text form in `protocol/ids`.
"""

from __future__ import annotations

from typing import Final

from protocol.ids import ID_BYTES, normalise

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BITS_PER_DIGIT: Final = 5
_DIGITS: Final = 52
_SPARE_BITS: Final = _DIGITS * _BITS_PER_DIGIT - ID_BYTES * 8


def handle_range(prefix: str, handle: str) -> tuple[bytes, bytes]:
    """Give the first and the last id a handle may mean, both 32 bytes.

    Digits of the check group narrow nothing here: compare with `matches_handle` after.

    Raises:
        LocalProtocolError: E-ID when a character is not of the alphabet.
    """
    digits = normalise(prefix, handle)[:_DIGITS]
    number = 0
    for digit in digits:
        number = number << _BITS_PER_DIGIT | _ALPHABET.index(digit)
    free_bits = (_DIGITS - len(digits)) * _BITS_PER_DIGIT
    low = number << free_bits
    high = low | (1 << free_bits) - 1
    return _id(low), _id(high)


def _id(number: int) -> bytes:
    return (number >> _SPARE_BITS).to_bytes(ID_BYTES, "big")
