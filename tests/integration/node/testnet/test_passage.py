"""One connection under a fault: late, slow, held, cut, and never a byte that was not sent."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from node.testnet.fault import Cut, Fault
from tests.integration.node.testnet.conftest import Crossroads, eventually


async def said(roads: Crossroads, words: bytes) -> tuple[bytes, float]:
    """Say something over a new connection; gives the answer and how long it took."""
    loop = asyncio.get_running_loop()
    reader, writer = await roads.dial()
    begun = loop.time()
    writer.write(words)
    found = await asyncio.wait_for(reader.readexactly(len(words)), 10)
    return found, loop.time() - begun


async def test_without_a_fault_all_passes_both_ways(roads: Crossroads):
    words = b"every byte counts " * 5_000
    found, _ = await said(roads, words)
    assert found == words.upper()
    assert len(roads.link.passages) == 1


async def test_an_end_is_passed_on_and_the_answer_still_comes(roads: Crossroads):
    reader, writer = await roads.dial()
    writer.write(b"last words")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 5) == b"LAST WORDS"
    await eventually(lambda: not roads.link.passages)
    assert roads.echo.ended == ["end"]
    assert roads.link.resets == 0


async def test_delay_holds_each_way(roads: Crossroads):
    roads.link.set(Fault(delay_ms=100))
    found, seconds = await said(roads, b"slow")
    assert found == b"SLOW"
    assert 0.2 <= seconds < 2


async def test_jitter_never_changes_the_order(roads: Crossroads):
    roads.link.set(Fault(jitter_ms=30))
    reader, writer = await roads.dial()
    for number in range(40):
        writer.write(b"%03d." % number)
        await writer.drain()
        await asyncio.sleep(0.001)
    found = await asyncio.wait_for(reader.readexactly(160), 10)
    assert found == b"".join(b"%03d." % number for number in range(40))


async def test_bandwidth_is_kept(roads: Crossroads):
    roads.link.set(Fault(bytes_per_s=40_000))
    found, seconds = await said(roads, b"x" * 10_000)
    assert found == b"X" * 10_000
    assert 0.25 <= seconds < 3


async def test_bandwidth_may_change_under_way(roads: Crossroads):
    roads.link.set(Fault(bytes_per_s=100))
    reader, writer = await roads.dial()
    writer.write(b"y" * 5_000)
    await asyncio.sleep(0.05)
    roads.link.set(Fault())
    assert await asyncio.wait_for(reader.readexactly(5_000), 5) == b"Y" * 5_000


async def test_a_silent_cut_keeps_bytes_until_it_is_healed(roads: Crossroads):
    reader, writer = await roads.dial()
    writer.write(b"one ")
    assert await reader.readexactly(4) == b"ONE "
    roads.link.set(Fault(cut=Cut.SILENT))
    writer.write(b"two")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(1), 0.1)
    assert bytes(roads.echo.heard[0]) == b"one "
    roads.link.set(Fault())
    assert await asyncio.wait_for(reader.readexactly(3), 5) == b"TWO"


async def test_a_one_way_cut_holds_what_the_first_one_sends(roads: Crossroads):
    reader, writer = await roads.dial()
    writer.write(b"a")
    assert await reader.readexactly(1) == b"A"
    roads.link.first, roads.link.second = "bo", "ana"
    roads.link.set(Fault(cut=Cut.SILENT, one_way=True))
    writer.write(b"b")
    await eventually(lambda: bytes(roads.echo.heard[0]) == b"ab")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(1), 0.1)
    roads.link.set(Fault())
    assert await asyncio.wait_for(reader.readexactly(1), 5) == b"B"


async def test_a_reset_reaches_both_ends(roads: Crossroads):
    reader, writer = await roads.dial()
    writer.write(b"a")
    assert await reader.readexactly(1) == b"A"
    roads.link.set(Fault(cut=Cut.RESET))
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)
    await eventually(lambda: roads.echo.ended == ["reset"])
    assert roads.link.resets == 1
    assert not roads.link.passages


async def test_a_node_that_goes_away_is_gone_for_the_other(roads: Crossroads):
    reader, writer = await roads.dial()
    writer.write(b"a")
    assert await reader.readexactly(1) == b"A"
    writer.transport.abort()
    await eventually(lambda: roads.echo.ended)
    await eventually(lambda: not roads.link.passages)


async def test_certain_loss_loses_and_none_does_not(roads: Crossroads):
    link = roads.link
    link.set(Fault(loss=1.0))
    assert all(link.toss() for _ in range(20))
    link.set(Fault(loss=0.5))
    tosses = [link.toss() for _ in range(400)]
    assert 120 < sum(tosses) < 280
    link.set(Fault())
    assert not any(link.toss() for _ in range(20))


WORDS = b"0123456789abcdef" * 4


@pytest.mark.parametrize("cut_at", [1, 2, 63, 64, 65, 127, 128])
async def test_a_cut_at_a_byte_lets_no_byte_more_through(roads: Crossroads, cut_at: int):
    roads.link.set(Fault(cut_at=cut_at))
    reader, writer = await roads.dial()
    for at in range(len(WORDS)):
        writer.write(WORDS[at : at + 1])
    heard = bytearray()
    with suppress(ConnectionResetError):
        while chunk := await asyncio.wait_for(reader.read(100), 5):
            heard += chunk
    assert roads.link.resets == 1
    assert len(heard) + len(roads.echo.heard[0]) <= cut_at
    assert WORDS.startswith(bytes(roads.echo.heard[0]))
    # Once: the next connection is sound.
    assert roads.link.fault == Fault()
    assert (await said(roads, WORDS))[0] == WORDS.upper()
