"""How much a database holds of what its owner would miss, for the report on a backup."""

from __future__ import annotations

from dataclasses import dataclass

import aiosqlite

from node.storage.columns import load_one


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Counts of one home."""

    casts: int
    """Requests of the home, drafts included."""
    deals: int
    """Deals, however they ended."""
    agreements: int
    """Deals both sides have signed and acknowledged."""


_COUNTS = """
SELECT (SELECT count(*) FROM casts) AS casts,
       (SELECT count(*) FROM deals) AS deals,
       (SELECT count(*) FROM deals WHERE agreed_id IS NOT NULL) AS agreements
"""


async def load_inventory(db: aiosqlite.Connection) -> Inventory:
    """Count requests, deals and agreements."""
    row = await load_one(db, _COUNTS)
    assert row is not None  # noqa: S101 - three counts are always one row
    return Inventory(casts=row["casts"], deals=row["deals"], agreements=row["agreements"])
