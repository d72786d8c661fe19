"""How fast a link goes: payload gathers, what is urgent does not wait, a flood is not read."""

from __future__ import annotations

import asyncio
import time

from node.network.connection import TURN_S
from node.network.endpoint import Bounds
from protocol import limits
from protocol.channel.frames import unpack_frame
from protocol.channel.messages import Objects, encode_message
from tests.integration.node.network.test_connection import A_FEW_TURNS, fill, numbered, pair


async def test_payload_of_a_busy_link_waits_a_moment_for_company(town):
    ana, bo, out, _ = await pair(town)
    push = [Objects(raws=[bytes([number])]) for number in range(30)]
    out.send(push[0])
    await bo.until(lambda: len(bo.messages) == 1)
    ana.frames.clear()
    for message in push[1:]:
        out.send(message)
        await asyncio.sleep(0)
    await bo.until(lambda: len(bo.messages) == 30)
    assert bo.messages == push
    payload = [frame for _, inbound, frame in ana.frames if not inbound and len(frame) > 20]
    assert len(payload) <= 3


async def test_nothing_urgent_waits_for_company(town):
    ana, bo, out, _ = await pair(town)
    out.send(Objects(raws=[b"1"]))
    out.send(Objects(raws=[b"2"]))
    await bo.until(lambda: len(bo.messages) == 2)
    out.send(Objects(raws=[b"3"]))
    out.send(numbered(4))
    for _ in range(A_FEW_TURNS):
        await asyncio.sleep(0)
    sent = [raw for _, inbound, frame in ana.frames if not inbound for raw in unpack_frame(frame)]
    assert encode_message(numbered(4)) in sent
    assert encode_message(Objects(raws=[b"3"])) in sent


async def test_a_crowded_peer_is_not_read_and_its_sender_is_held_back(town):
    ana, bo, out, _ = await pair(town, bounds=Bounds(queue_bytes=1024 * 1024))
    bo.crowded.add(ana.id)
    sent = await fill(out)
    assert sent > 10
    # One frame may come yet: the reader waited for it already.
    assert len(bo.messages) <= limits.frame_bytes_max // 8_000 + 1
    assert bo.endpoint.gate.held == 1
    bo.crowded.clear()
    bo.endpoint.gate.turn()
    await bo.until(lambda: len(bo.messages) == sent)
    assert bo.endpoint.gate.held == 0


async def test_a_link_that_is_held_back_can_end(town):
    ana, bo, out, into = await pair(town)
    bo.crowded.add(ana.id)
    await fill(out)
    assert bo.endpoint.gate.held == 1
    into.close()
    await into.wait_closed()
    assert bo.endpoint.gate.held == 0


async def test_the_loop_turns_between_dear_messages_of_one_frame(town):
    _, bo, out, _ = await pair(town)
    turns_seen: list[int] = []

    async def count_turns() -> None:
        while True:
            turns_seen.append(len(bo.messages))
            await asyncio.sleep(0)

    def work_hard(_link, _message):
        end = time.perf_counter() + 2 * TURN_S
        while time.perf_counter() < end:
            pass

    bo.on_message = work_hard
    counting = bo.tasks.spawn(count_turns(), "counts")
    for number in range(10):
        out.send(numbered(number))
    await bo.until(lambda: len(bo.messages) == 10)
    counting.cancel()
    assert set(range(10)) <= set(turns_seen)
