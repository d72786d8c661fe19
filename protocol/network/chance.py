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

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Choose `count` different places of `items`, or all of them, in random order."""
        pool = list(items)
        chosen = []
        for _ in range(min(count, len(pool))):
            place = self.below(len(pool))
            pool[place], pool[-1] = pool[-1], pool[place]
            chosen.append(pool.pop())
        return chosen

    def around(self, middle: int, fifth: int = 5) -> int:
        """Choose evenly from `middle` give or take a `fifth` part of it, so that timers spread."""
        span = middle // fifth
        return middle - span + self.below(2 * span + 1)
