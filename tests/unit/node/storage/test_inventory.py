"""Counting what an owner would miss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from node.storage import casts, deals
from node.storage.database import Storage
from node.storage.inventory import Inventory, load_inventory
from protocol.market.deal import DealState
from tests.unit.node.storage.test_casts import OPEN
from tests.unit.node.storage.test_deals import DEAL


async def test_requests_deals_and_agreements_are_counted(storage: Storage):
    assert await storage.read(load_inventory) == Inventory(casts=0, deals=0, agreements=0)

    def fill(conn: Any) -> None:
        casts.save(conn, OPEN)
        deals.insert(conn, DEAL)
        other = replace(DEAL, deal_id=bytes([9]) * 32, cast_id=bytes([9]) * 32)
        deals.insert(conn, other)
        deals.update(conn, replace(other, state=DealState.AGREED, agreed_id=bytes([8]) * 32))

    await storage.write(fill)
    assert await storage.read(load_inventory) == Inventory(casts=1, deals=2, agreements=1)
