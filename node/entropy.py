"""The only place that draws randomness.

Leaves: bytes for keys, nonces and ephemeral seeds, and jitter for timers. `SeededEntropy` makes
testnets repeatable and is refused on `main`.
"""

from __future__ import annotations

import hashlib
import os
import random
from typing import Protocol

from node.errors import ConfigError


class Entropy(Protocol):
    """Whatever can be drawn from."""

    def bytes(self, count: int) -> bytes:
        """Draw `count` bytes."""
        ...

    def jitter(self, low: float, high: float) -> float:
        """Draw evenly from [low, high]."""
        ...


class SystemEntropy:
    """The operating system's generator."""

    def bytes(self, count: int) -> bytes:
        """Draw `count` bytes."""
        return os.urandom(count)

    def jitter(self, low: float, high: float) -> float:
        """Draw evenly from [low, high]."""
        return random.SystemRandom().uniform(low, high)


class SeededEntropy:
    """A repeatable stream, for testnets alone."""

    def __init__(self, seed: str, *, net: str) -> None:
        """Start the stream of `seed`.

        Raises:
            ConfigError: E-SEED on `main`, where predictable keys would be stolen.
        """
        if net == "main":
            raise ConfigError(
                "a seed makes keys anybody can compute; it is refused on net=main",
                code="E-SEED",
                fix="Leave the seed out, or use another net",
            )
        self._seed = seed.encode()
        self._count = 0

    def bytes(self, count: int) -> bytes:
        """Draw `count` bytes."""
        blocks = []
        for _ in range(0, count, 64):
            self._count += 1
            blocks.append(hashlib.blake2b(self._seed + self._count.to_bytes(8, "big")).digest())
        return b"".join(blocks)[:count]

    def jitter(self, low: float, high: float) -> float:
        """Draw evenly from [low, high]."""
        return low + (high - low) * int.from_bytes(self.bytes(6), "big") / float(1 << 48)
