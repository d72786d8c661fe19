"""Offers: ranked, itemised; what is unknown is null and never zero."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.offers import OffersDocument
from tests.unit.node.api.fake_citizen import CAST, offer


def offers(**changes: Any) -> dict[str, Any]:
    found = offer(1) | changes
    return {"schema": "intentcast.offers/1", "cast": CAST, "offers": [found]}


def test_an_offer_fits_and_what_is_not_said_is_null():
    found = msgspec.convert(offers(), OffersDocument).offers[0]
    assert (found.due_now_text, found.warranty_months, found.vendor.domain) == (None, None, None)
    assert found.options[0].index == 2


@pytest.mark.parametrize(
    "change",
    [
        {"position": 0},
        {"score": 1_001},
        {"state": "agreed"},
        {"total": -1},
        {"cur": "eur"},
        {"marks": [{"code": "paid_placement", "sentence": ""}]},
        {"problems": [{"reason": "because", "sentence": ""}]},
        {"sponsored": True},
    ],
)
def test_what_an_offer_cannot_be(change: dict[str, Any]):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(offers(**change), OffersDocument)
