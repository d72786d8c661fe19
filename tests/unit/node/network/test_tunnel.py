"""One end of a tunnel: frames in pieces, at a bounded pace, and an end that is told once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import TransportError
from node.network.tunnel import Allowance, TunnelPipe
from protocol import limits
from protocol.channel.frames import FRAME_BYTES_MAX
from protocol.channel.tunnel import TunnelData, TunnelEnd
from protocol.errors import FrameError, Reason
from tests.unit.node.network.passers import FakeLink


def pipe_over(link: FakeLink, clock: ManualClock, ends: list[Reason] | None = None) -> TunnelPipe:
    return TunnelPipe(
        link,  # type: ignore[arg-type]
        7,
        outbound=True,
        clock=clock,
        on_end=(ends if ends is not None else []).append,
    )


def data(message: Any) -> bytes:
    assert isinstance(message, TunnelData)
    return message.data


# --- pace ----------------------------------------------------------------------------------------


def test_so_much_at_once_and_so_much_a_second():
    clock = ManualClock()
    allowance = Allowance(clock, burst=1_000, per_s=100)
    assert [allowance.wait_ms(600), allowance.wait_ms(400)] == [0, 0]
    assert allowance.wait_ms(50) == 501
    clock.advance(501)
    assert allowance.wait_ms(50) == 0
    assert allowance.wait_ms(1) > 0
    clock.advance(60_000)
    assert allowance.wait_ms(1_000) == 0
    assert allowance.wait_ms(1) > 0
    allowance.give_back(10)
    assert allowance.wait_ms(10) == 0


# --- sending -------------------------------------------------------------------------------------


async def test_a_frame_travels_in_pieces():
    link, clock = FakeLink(), ManualClock()
    pipe = pipe_over(link, clock)
    frame = bytes(range(256)) * 255
    await pipe.send(frame)
    await pipe.send(b"short")
    pieces = [message for message in link.sent if isinstance(message, TunnelData)]
    assert [piece.is_last for piece in pieces] == [False, True, True]
    assert b"".join(piece.data for piece in pieces) == frame + b"short"
    assert all(len(piece.data) <= limits.tunnel_piece_bytes_max for piece in pieces)
    assert {piece.tunnel for piece in pieces} == {7}


async def test_beyond_the_burst_a_sender_waits(monkeypatch: pytest.MonkeyPatch):
    link, clock = FakeLink(), ManualClock()
    pauses = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.advance(round(seconds * 1_000))

    monkeypatch.setattr("node.network.tunnel.asyncio.sleep", sleep)
    pipe = pipe_over(link, clock)
    frame = bytes(limits.tunnel_piece_bytes_max)
    for _ in range(limits.tunnel_burst_bytes // len(frame)):
        await pipe.send(frame)
    assert pauses == []
    await pipe.send(frame)
    assert 0.4 < sum(pauses) < 0.6
    # A link that is full for a moment only costs time.
    clock.advance(60_000)
    link.room = 0
    link.on_refused = lambda: setattr(link, "room", 100)
    await pipe.send(b"later")
    assert data(link.sent[-1]) == b"later"


async def test_nothing_is_sent_through_a_tunnel_that_is_over():
    link, clock = FakeLink(), ManualClock()
    pipe = pipe_over(link, clock)
    pipe.ended(Reason.CLOSED)
    with pytest.raises(TransportError):
        await pipe.send(b"frame")
    other = pipe_over(link, clock)
    link.is_open = False
    with pytest.raises(TransportError):
        await other.send(b"frame")
    assert link.sent == []


# --- receiving -----------------------------------------------------------------------------------


async def test_pieces_become_frames_again():
    pipe = pipe_over(FakeLink(), ManualClock())
    reading = asyncio.ensure_future(pipe.receive())
    await asyncio.sleep(0)
    assert pipe.take(b"one ", is_last=False)
    assert pipe.take(b"frame", is_last=True)
    assert pipe.take(b"another", is_last=True)
    assert await reading == b"one frame"
    assert await pipe.receive() == b"another"


async def test_pieces_of_one_byte_cost_what_one_byte_costs():
    pipe = pipe_over(FakeLink(), ManualClock())
    size = 60_000
    began = time.perf_counter()
    for _ in range(size):
        assert pipe.take(b"x", is_last=False)
    # 0.1 s on a quiet machine; a sum over all pieces at each one took half a minute.
    assert time.perf_counter() - began < 10
    assert pipe.take(b"x", is_last=True)
    assert await pipe.receive() == b"x" * (size + 1)


async def test_what_came_before_the_end_is_still_read():
    pipe = pipe_over(FakeLink(), ManualClock())
    pipe.take(b"goodbye", is_last=True)
    pipe.ended(Reason.CLOSED)
    assert await pipe.receive() == b"goodbye"
    with pytest.raises(TransportError):
        await pipe.receive()


async def test_a_frame_larger_than_any_is_a_fault():
    pipe = pipe_over(FakeLink(), ManualClock())
    for _ in range(FRAME_BYTES_MAX // 30_000 + 1):
        assert pipe.take(bytes(30_000), is_last=False)
    with pytest.raises(FrameError) as caught:
        await pipe.receive()
    assert caught.value.reason is Reason.TOO_LARGE


async def test_after_a_fault_no_more_is_kept():
    pipe = pipe_over(FakeLink(), ManualClock())
    pipe.take(b"to be read first", is_last=True)
    piece = bytes(limits.tunnel_piece_bytes_max)
    taken = [pipe.take(piece, is_last=False) for _ in range(100)]
    assert taken.index(False) <= FRAME_BYTES_MAX // len(piece) + 1
    assert not any(taken[taken.index(False) :])
    assert len(pipe._begun) <= FRAME_BYTES_MAX + len(piece)
    assert await pipe.receive() == b"to be read first"
    with pytest.raises(FrameError):
        await pipe.receive()


async def test_what_is_not_read_has_a_bound():
    pipe = pipe_over(FakeLink(), ManualClock())
    piece = bytes(limits.tunnel_piece_bytes_max)
    count = limits.tunnel_waiting_bytes_max // len(piece)
    assert all(pipe.take(piece, is_last=True) for _ in range(count))
    assert not pipe.take(b"x", is_last=True)
    await pipe.receive()
    assert pipe.take(b"x", is_last=True)


# --- the end -------------------------------------------------------------------------------------


async def test_the_end_is_told_once():
    ends: list[Reason] = []
    link = FakeLink()
    pipe = pipe_over(link, ManualClock(), ends)
    pipe.abort()
    await pipe.finish()
    assert link.sent == [TunnelEnd(tunnel=7, reason=Reason.CLOSED)]
    assert ends == [Reason.CLOSED]
    theirs: list[Reason] = []
    over = pipe_over(link, ManualClock(), theirs)
    over.ended(Reason.STALLED)
    over.abort()
    assert len(link.sent) == 1
    assert theirs == [Reason.CLOSED]
