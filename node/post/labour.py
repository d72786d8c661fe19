"""Proof of work done in slices, so that the loop keeps turning meanwhile."""

from __future__ import annotations

import asyncio
from typing import Final

from protocol import work

_SLICE: Final = 512
"""Tries between two turns of the loop: well under 1 ms each slice."""


async def labour(digest: bytes, bits: int) -> bytes:
    """Find a nonce; the same digest gives the same nonce again.

    Args:
        digest: 32 bytes.
        bits: work due; each further bit doubles the time, 16 take about 0.1 s.
    """
    start = 0
    while (nonce := work.solve(digest, bits, start=start, tries=_SLICE)) is None:
        start += _SLICE
        await asyncio.sleep(0)
    return nonce
