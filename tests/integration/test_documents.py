"""The golden documents of the command line are what a real node says, not only a test's fake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from protocol.market.deal import DealState
from tests.integration.fair import DRAFT, Fair, accept, cast, offers
from tests.unit.node.cli.test_documents import shape

GOLDEN = Path(__file__).parents[1] / "unit" / "node" / "cli" / "golden"


def unlike(golden: Any, found: Any, at: str = "") -> list[str]:
    """List members a program would look for in vain; null stands for what may be anything."""
    match golden, found:
        case dict(), dict():
            missing = [f"{at}.{name} is missing" for name in golden.keys() - found.keys()]
            shared = [name for name in golden if name in found]
            return missing + [
                line
                for name in shared
                for line in unlike(golden[name], found[name], f"{at}.{name}")
            ]
        case [first], [other]:
            return unlike(first, other, f"{at}[0]")
        case (list(), list()) | ("null", _) | (_, "null"):
            return []
        case _:
            return [] if golden == found else [f"{at} is {found}, not {golden}"]


async def test_a_real_node_says_what_the_golden_files_say(fair: Fair):
    for number in range(2):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana")
    handle = await cast(buyer)
    best = (await offers(buyer, handle))[0]
    listed = await buyer.handle.offers(handle)
    deal = await accept(buyer, best)
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)
    found = {
        "status": await buyer.handle.status(),
        "casts": await buyer.handle.casts(),
        "cast": await buyer.handle.cast(handle),
        "offers": listed,
        "deals": await buyer.handle.deals(),
        "deal": await buyer.handle.deal(deal),
        "peers": await buyer.handle.peers(),
        "outbox": await buyer.handle.outbox(),
        "vendor": await vendor.handle.vendor_status(),
    }
    # What differs by request and by shop is no part of the promise.
    free = {"casts", "deals"}
    trouble = []
    for name, document in found.items():
        golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
        lines = unlike(golden, shape(document))
        trouble += [f"{name}{line}" for line in lines if not _is_free(name, line, free)]
    assert not trouble, "\n".join(trouble)
    preview = await buyer.handle.preview_cast(DRAFT)
    assert {"schema", "public", "sees"} <= preview.keys()


def _is_free(name: str, line: str, free: set[str]) -> bool:
    parts = line.split(" ", 1)[0].split(".")[1:]
    return bool({"public", "fulfil"} & set(parts)) or (
        name == "status" and bool(parts) and parts[0] in free
    )
