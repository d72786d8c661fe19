"""How soon the first offer is there, on a testnet of ten processes.

Four relays, four shops, two buyers, each in a process of its own on this machine. A buyer asks and
waits; the clock runs from the request to its local API until an offer can be read there. One
request at a time: this is a delay, not a rate.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from node.entropy import SeededEntropy
from node.testnet.bots import Wishes
from node.testnet.nodes import Node
from node.testnet.plan import Part, make_plan
from node.testnet.shops import trades_of
from node.testnet.town import Town, running
from node.vendor.showcase import RENTALS
from scripts.bench_casts import show_progress

_SEED: Final = 7
_RELAYS: Final = 4
_BUYERS: Final = 2
_LOOK_S: Final = 5.0
_PATIENCE_S: Final = 30.0


async def measure_first_offers(count: int, folder: Path) -> list[float]:
    """Give the delay, s, of each of `count` casts, in the order they were made."""
    plan = make_plan(
        net=f"testnet-{_SEED}",
        seed=_SEED,
        relays=_RELAYS,
        buyers=_BUYERS,
        vendors=len(RENTALS),
        shops=RENTALS,
    )
    delays = []
    async with running(Town(plan, folder, processes=True)) as town:
        buyers = town.of(Part.BUYER)
        trades = [trade for shop in RENTALS for trade in trades_of(shop)]
        wishes = Wishes(SeededEntropy(str(_SEED), net=plan.net), trades)
        for number in range(count):
            buyer = buyers[number % len(buyers)]
            delays.append(await _first_offer(buyer, wishes))
            show_progress("first offers", number + 1, count)
    return delays


async def _first_offer(buyer: Node, wishes: Wishes) -> float:
    cursor = await buyer.door.wait_changed(0, 0)
    start = time.perf_counter()
    made = await buyer.door.create_cast(wishes.next())
    handle = made["cast"]["handle"]
    async with asyncio.timeout(_PATIENCE_S):
        while not (await buyer.door.offers(handle))["offers"]:
            cursor = await buyer.door.wait_changed(cursor, _LOOK_S)
    return time.perf_counter() - start
