"""Connections that break at every byte: no effect or the full effect, and a retry delivers once.

Some bytes apart in CI; INTENTCAST_LONG=1 cuts at every single one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from node.entropy import SeededEntropy
from node.errors import TransportError
from node.testnet.crossing import Crossing
from node.testnet.fault import Change, Fault
from node.testnet.passage import Link
from node.testnet.proxy import Proxy, straight
from protocol.channel.messages import Message
from protocol.channel.post import BoxChallenge, BoxOpen, BoxRead, Put, Receipt, ReceiptQuery
from protocol.market.deal import DealState
from tests.integration.fair import HOST, Fair, accept, cast, eventually, offers
from tests.integration.node.network.conftest import Citizen

LONG = os.environ.get("INTENTCAST_LONG") == "1"
patient = pytest.mark.timeout(7_200 if LONG else 60)
KEY, HASH = b"\x07" * 32, b"\x09" * 32
LETTER = bytes(range(256)) * 8

MESSAGES: dict[str, Message] = {
    "box open": BoxOpen(open=b"\x0b" * 300, work=b"\x01" * 8),
    "box challenge": BoxChallenge(reader=KEY),
    "box read": BoxRead(reader=KEY, signature=b"\x0c" * 64),
    "put": Put(reader=KEY, letter=LETTER, work=b"\x01" * 8),
    "receipt": Receipt(reader=KEY, letter_hash=HASH, receipt=b"\x0d" * 600),
    "receipt query": ReceiptQuery(reader=KEY, letter_hashes=[HASH]),
}
ALL_PASSES = 10**9


class Line:
    """Ana, who dials Bo through a proxy."""

    def __init__(self, ana: Citizen, bo: Citizen, link: Link, address: str) -> None:
        self.ana = ana
        self.bo = bo
        self.link = link
        self.address = address

    async def send(self, message: Message) -> None:
        """Link, send, and wait until it is there or the link is gone."""
        before = len(self.bo.messages)
        with suppress(TransportError):
            link = await self.ana.dialer.dial(self.address)
            link.send(message)
            while link.is_open and len(self.bo.messages) == before:
                await asyncio.sleep(0.001)
            link.close()
            await link.wait_closed()
        await eventually(lambda: not self.link.passages, "the connection is gone", 30)

    async def bytes_of(self, message: Message) -> tuple[int, int]:
        """Count the bytes of a link that carries nothing, and of one that carries this."""
        found = []
        for each in (None, message):
            self.link.set(Fault(cut_at=ALL_PASSES))
            if each is None:
                link = await self.ana.dialer.dial(self.address)
                await eventually(lambda: self.bo.opened, "linked")
                found.append(self._spent())
                link.close()
                await link.wait_closed()
                await eventually(lambda: not self.link.passages, "the connection is gone", 30)
            else:
                await self.send(each)
                found.append(self._spent())
        self.link.set(Fault())
        self.bo.messages.clear()
        return found[0], found[1]

    def _spent(self) -> int:
        assert self.link.fault.cut_at is not None
        return ALL_PASSES - self.link.fault.cut_at


@asynccontextmanager
async def line() -> AsyncIterator[Line]:
    ana, bo = Citizen("ana"), Citizen("bo")
    await bo.listen()
    link = Link("ana", "bo", SeededEntropy("cuts", net="test"))
    proxy = Proxy("ana", straight(link, bo.address))
    try:
        yield Line(ana, bo, link, await proxy.open())
    finally:
        await ana.leave()
        await bo.leave()
        await proxy.close()


@patient
@pytest.mark.parametrize("name", MESSAGES)
async def test_a_message_arrives_whole_or_not_at_all(name: str):
    message = MESSAGES[name]
    async with line() as road:
        bare, full = await road.bytes_of(message)
        assert full > bare
        step = 1 if LONG else 97
        cuts = [*range(1, bare, step), *range(bare, full + 2, 1 if LONG else 41)]
        whole = 0
        for cut_at in cuts:
            road.link.set(Fault(cut_at=cut_at))
            await road.send(message)
            assert road.bo.messages in ([], [message]), cut_at
            whole += len(road.bo.messages)
            road.bo.messages.clear()
            # The fault is spent, or was longer than all that was said: now the line is sound.
            road.link.set(Fault())
            await road.send(message)
            assert road.bo.messages == [message], cut_at
            road.bo.messages.clear()
        # Cuts in the goodbye come too late to hurt; those before the last byte do not.
        assert 0 < whole < len(cuts)


async def cutting(crossing: Crossing, names: list[str], distance: int) -> None:
    """Break each node's line to the relay again and again, a little further along each time."""
    count = dict.fromkeys(names, 0)
    while True:
        for name in names:
            faults = {
                (view.first, view.second): view.fault
                for view in crossing.views()
                if name in (view.first, view.second)
            }
            if all(fault.cut_at is None for fault in faults.values()):
                count[name] += 1
                cut_at = 4_000 + (distance + 331 * count[name]) % 2_048
                crossing.change(Change(link=f"{name}~relay", cut_at=cut_at))
        await asyncio.sleep(0.005)


@patient
@pytest.mark.parametrize("distance", range(0, 2_048, 16 if LONG else 1_024))
async def test_a_deal_over_lines_that_keep_breaking(fair: Fair, distance: int):
    names = ["relay", "stall", "buyer"]
    crossing = Crossing(names, lambda link: SeededEntropy(link, net="test"))
    relay = await fair.relay("relay")
    crossing.listens("relay", f"{HOST}:{relay.port}")
    doors = {name: await crossing.door(name) for name in names[1:]}
    stall = await fair.stall("stall", dial_through=doors["stall"])
    buyer = await fair.visitor("buyer", dial_through=doors["buyer"])
    task = asyncio.ensure_future(cutting(crossing, names[1:], distance))
    try:
        deal = await dealt(buyer)
        await buyer.until_deal(DealState.AGREED)
        await stall.until_deal(DealState.AGREED)
    finally:
        task.cancel()
    resets = {view.first + view.second: view.resets for view in crossing.views()}
    assert all(count > 0 for count in resets.values())
    crossing.change(Change(heal=True))
    await buyer.until_acked()
    await stall.until_acked()
    files = [(await side.handle.agreement(deal))[1] for side in (buyer, stall)]
    assert files[0] == files[1]
    assert [len(await side.deals()) for side in (buyer, stall)] == [1, 1]
    assert len(await stall.disclosed()) == 0
    assert len(await buyer.disclosed()) == 2
    await crossing.close()


async def dealt(buyer: Any) -> str:
    handle = await cast(buyer)
    found = await offers(buyer, handle)
    assert len(found) == 1
    return await accept(buyer, found[0])
