"""Proof of work done in slices, so that the loop keeps turning meanwhile.

What is hard is done by a `Bench`, slowly and one at a time: a mailbox that always asks for more
costs a share of one processor and never all of it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from protocol import work

_SLICE: Final = 512
"""Tries between two turns of the loop: well under 1 ms each slice."""
_HARD_SLICE: Final = 2_048
"""The same of hard work: some 2 ms, and fewer awakenings."""
_REST: Final = 4
"""Hard work rests so many times as long as it worked: a fifth of one processor; guess."""


async def labour(digest: bytes, bits: int, *, start: int = 0) -> bytes:
    """Find a nonce; the same digest gives the same nonce again.

    Args:
        digest: 32 bytes.
        bits: work due; each further bit doubles the time, 16 take about 0.1 s.
        start: where to begin: what was found for fewer bits spares the way to it.
    """
    while (nonce := work.solve(digest, bits, start=start, tries=_SLICE)) is None:
        start += _SLICE
        await asyncio.sleep(0)
    return nonce


class Bench:
    """Where hard work is done; there is room for one."""

    def __init__(self) -> None:
        """Start with nobody at it."""
        self._is_taken = False

    async def labour(self, digest: bytes, bits: int, *, start: int = 0) -> bytes | None:
        """Find a nonce as `labour` does, at a share of the processor.

        None while somebody else is at it: to wait here would hold up what is light.
        """
        if self._is_taken:
            return None
        self._is_taken = True
        time = asyncio.get_running_loop().time
        try:
            while True:
                begun = time()
                nonce = work.solve(digest, bits, start=start, tries=_HARD_SLICE)
                if nonce is not None:
                    return nonce
                start += _HARD_SLICE
                await asyncio.sleep((time() - begun) * _REST)
        finally:
            self._is_taken = False
