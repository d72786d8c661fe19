"""Deals: two roles, seven states, and only names of what was disclosed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.deals import DealDocument
from tests.unit.node.api.fake_citizen import deal


@pytest.mark.parametrize("state", ["accept_sent", "offered", "agreed", "voided"])
def test_every_state_fits(state: str):
    document = {"schema": "intentcast.deal/1", "deal": deal(state)}
    assert msgspec.convert(document, DealDocument).deal.state.value == state


@pytest.mark.parametrize(
    "change", [{"role": "broker"}, {"state": "won"}, {"disclosed": {"name": "Ana"}}, {"total": -1}]
)
def test_what_a_deal_cannot_be(change: dict[str, Any]):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"schema": "intentcast.deal/1", "deal": deal(**change)}, DealDocument)
