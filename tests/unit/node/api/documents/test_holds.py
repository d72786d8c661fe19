"""A yes that is held back: five states."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.holds import HoldDocument
from node.runtime.holds import HoldState

HELD: dict[str, Any] = {
    "schema": "intentcast.hold/1",
    "id": "00ff",
    "offer": "offer-1",
    "vendor": "vendor_1",
    "total_text": "1.00 EUR",
    "discloses": ["name"],
    "state": "held",
    "left_ms": 60_000,
    "deal": None,
    "problem": None,
}


@pytest.mark.parametrize("state", HoldState)
def test_every_state_fits(state: HoldState):
    assert msgspec.convert(HELD | {"state": state.value}, HoldDocument).state is state


@pytest.mark.parametrize("change", [{"left_ms": -1}, {"problem": {"code": 1}}])
def test_what_a_hold_cannot_be(change: dict[str, Any]):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(HELD | change, HoldDocument)
