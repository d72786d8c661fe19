"""Work gets done, and everybody else's too."""

from __future__ import annotations

import asyncio

import pytest

from node.post.labour import Bench, labour
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


async def test_what_was_found_for_fewer_bits_spares_the_way(monkeypatch: pytest.MonkeyPatch):
    few = int.from_bytes(await labour(b"d" * 32, 8), "big")
    whole = await labour(b"d" * 32, 12)
    tried = []
    solve = work.solve

    def counted(digest: bytes, bits: int, *, start: int, tries: int) -> bytes | None:
        tried.append(start)
        return solve(digest, bits, start=start, tries=tries)

    monkeypatch.setattr(work, "solve", counted)
    assert await labour(b"d" * 32, 12, start=few) == whole
    assert await Bench().labour(b"d" * 32, 12, start=few) == whole
    assert min(tried) == few


async def test_at_the_bench_there_is_room_for_one():
    bench = Bench()
    first = asyncio.create_task(bench.labour(b"d" * 32, 60))
    await asyncio.sleep(0)
    assert await bench.labour(b"e" * 32, 8) is None
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await bench.labour(b"e" * 32, 8) == await labour(b"e" * 32, 8)


async def test_hard_work_leaves_most_of_the_processor_to_others(monkeypatch: pytest.MonkeyPatch):
    rested: list[float] = []
    clock = [0.0]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock[0])

    def slowly(_digest: bytes, _bits: int, *, start: int, tries: int) -> bytes | None:
        clock[0] += 0.002
        return bytes(8) if start == 3 * tries else None

    async def rest(seconds: float) -> None:
        rested.append(seconds)

    monkeypatch.setattr(work, "solve", slowly)
    monkeypatch.setattr(asyncio, "sleep", rest)
    assert await Bench().labour(b"d" * 32, 22) == bytes(8)
    assert rested == pytest.approx([0.008] * 3)
