"""Work gets done, and everybody else's too."""

from __future__ import annotations

import asyncio

from node.post.labour import labour
from protocol import work


async def test_a_nonce_is_found_and_is_the_same_again():
    nonce = await labour(b"d" * 32, 10)
    assert work.bits_of(b"d" * 32, nonce) >= 10
    assert await labour(b"d" * 32, 10) == nonce


async def test_the_loop_turns_meanwhile():
    working = asyncio.create_task(labour(b"d" * 32, 60))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not working.done()
    working.cancel()
