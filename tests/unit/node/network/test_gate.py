"""A crowded peer waits for a turn, others do not."""

from __future__ import annotations

import asyncio

from node.network.gate import Gate
from protocol.ids import NodeId

ANA, BO = NodeId(b"a" * 32), NodeId(b"b" * 32)


async def test_who_has_much_waiting_is_held_back_until_it_is_done():
    waiting = {ANA: 2, BO: 0}
    gate = Gate(lambda peer: waiting[peer] > 0)
    assert gate.is_shut_to(ANA)
    assert not gate.is_shut_to(BO)
    await asyncio.wait_for(gate.wait(BO), 1)
    held = asyncio.get_running_loop().create_task(gate.wait(ANA))
    for left in (1, 0):
        await asyncio.sleep(0)
        assert gate.held == 1
        waiting[ANA] = left
        gate.turn()
    await asyncio.wait_for(held, 1)
    assert gate.held == 0
    gate.turn()


async def test_a_reader_that_goes_waits_no_more():
    gate = Gate(lambda _peer: True)
    held = asyncio.get_running_loop().create_task(gate.wait(ANA))
    await asyncio.sleep(0)
    held.cancel()
    await asyncio.wait([held])
    assert gate.held == 0


def test_a_gate_of_nobody_is_open():
    assert not Gate().is_shut_to(ANA)
