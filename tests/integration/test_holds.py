"""A yes that waits, on a real node: refused at once, told with its sum, nothing signed before."""

from __future__ import annotations

from typing import Any

import pytest

from node.errors import NotFoundError, RefusedError
from tests.integration.fair import Fair, House, cast, offers


async def asked(fair: Fair) -> tuple[House, dict[str, Any]]:
    """A buyer, and the one offer to its request."""
    await fair.relay("relay")
    await fair.stall("shop")
    buyer = await fair.visitor("buyer")
    [offer] = await offers(buyer, await cast(buyer))
    return buyer, offer


async def weighed(buyer: House, handle: str, **changes: Any) -> dict[str, Any]:
    choice: dict[str, Any] = {"options": [], "slot": None, "disclose": None, "anyway": False}
    found: dict[str, Any] = await buyer.handle.weigh_acceptance(handle, **{**choice, **changes})
    return found


async def test_what_a_yes_would_mean_is_told_and_nothing_is_signed(fair: Fair):
    buyer, offer = await asked(fair)
    found = await weighed(buyer, offer["handle"], disclose={"name": "ana"})
    assert found == {
        "offer": offer["handle"],
        "vendor": "shop",
        "total_text": offer["total_text"],
        "discloses": ["name"],
    }
    assert await buyer.deals() == []
    with pytest.raises(RefusedError) as caught:
        await weighed(buyer, offer["handle"], options=[7])
    assert caught.value.code == "E-OPTION"
    with pytest.raises(NotFoundError):
        await weighed(buyer, "offer-0000-0000")
