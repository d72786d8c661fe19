"""When to try again: at once, then after waits drawn evenly below a doubling bound.

Source: docs/protocol/08-post.md, "Retry"; full jitter spreads the senders of a mailbox
that comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from node.entropy import Entropy

_LOW: Final = 0.05
"""A draw near zero would ask again in the same breath."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """A schedule."""

    base_ms: int = 2_000
    """Bound of the first wait."""
    cap_ms: int = 15 * 60_000
    """Bound of the longest."""

    def wait_ms(self, tries: int, entropy: Entropy) -> int:
        """Draw the wait after `tries` tries, at least 1 of them made."""
        bound = self.cap_ms
        # A shift by a large count would make a number of as many bits.
        if tries - 1 < self.cap_ms.bit_length():
            bound = min(self.cap_ms, self.base_ms << (tries - 1))
        return int(entropy.jitter(bound * _LOW, bound))
