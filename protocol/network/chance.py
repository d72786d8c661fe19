"""Chance that can be repeated: an unending stream of numbers from one seed.

The machines of this room must choose at random (whom to dial, which records to pass on) and must do
the same again for the same events. Enters: 32 bytes drawn by the node, or by a test. Leaves: whole
numbers and choices. Never used for keys or nonces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_BLOCK_BYTES = 64
_NUMBER_BYTES = 8
_NUMBERS = 1 << (8 * _NUMBER_BYTES)
_LOG_BITS = 32
_FRACTION_BITS = 16
_LN_2 = 45_426
"""ln 2 in parts of 2^16."""


class Chance:
    """Numbers from BLAKE2b over seed and counter."""

    def __init__(self, seed: bytes) -> None:
        """Start the stream.

        Args:
            seed: 1..64 bytes; secret where an adversary should not foresee the choices.
        """
        self._seed = seed
        self._blocks = 0
        self._pool = b""

    def _number(self) -> int:
        if len(self._pool) < _NUMBER_BYTES:
            counter = self._blocks.to_bytes(_NUMBER_BYTES, "big")
            self._blocks += 1
            self._pool = hashlib.blake2b(counter, key=self._seed, digest_size=_BLOCK_BYTES).digest()
        number = int.from_bytes(self._pool[:_NUMBER_BYTES], "big")
        self._pool = self._pool[_NUMBER_BYTES:]
        return number

    def below(self, bound: int) -> int:
        """Choose evenly from 0..bound-1; `bound` is 1..2^64."""
        # Numbers from the ragged end of the range would favour small results.
        even = _NUMBERS - _NUMBERS % bound
        number = self._number()
        while number >= even:
            number = self._number()
        return number % bound

    def secret(self) -> bytes:
        """Draw 32 bytes that nobody else can foresee, such as the key that orders a table."""
        return b"".join(self._number().to_bytes(_NUMBER_BYTES, "big") for _ in range(4))

    def octets(self, count: int) -> bytes:
        """Draw bytes, as for a salt."""
        return bytes(self.below(256) for _ in range(count))

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Choose `count` different places of `items`, or all of them, in random order."""
        pool = list(items)
        chosen = []
        for _ in range(min(count, len(pool))):
            place = self.below(len(pool))
            pool[place], pool[-1] = pool[-1], pool[place]
            chosen.append(pool.pop())
        return chosen

    def exponential(self, mean: int) -> int:
        """Choose a wait whose length says nothing about when it ends, 0..23 times `mean`.

        Whole numbers throughout, so that every machine draws the same.
        """
        drawn = self.below(1 << _LOG_BITS) + 1
        whole = drawn.bit_length() - 1
        # The logarithm's fraction, bit by bit: squaring doubles it.
        square = (drawn << _LOG_BITS) >> whole
        fraction = 0
        for _ in range(_FRACTION_BITS):
            square = square * square >> _LOG_BITS
            fraction <<= 1
            if square >> (_LOG_BITS + 1):
                square >>= 1
                fraction |= 1
        halvings = (_LOG_BITS << _FRACTION_BITS) - ((whole << _FRACTION_BITS) + fraction)
        return mean * halvings * _LN_2 >> 2 * _FRACTION_BITS

    def sample_places(self, bound: int, count: int) -> list[int]:
        """Choose `count` different numbers of 0..bound-1, or all of them, without listing all."""
        if count >= bound:
            return list(range(bound))
        chosen: dict[int, None] = {}
        while len(chosen) < count:
            chosen[self.below(bound)] = None
        return list(chosen)

    def around(self, middle: int, fifth: int = 5) -> int:
        """Choose evenly from `middle` give or take a `fifth` part of it, so that timers spread."""
        span = middle // fifth
        return middle - span + self.below(2 * span + 1)
