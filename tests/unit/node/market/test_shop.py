"""What a shop says to the seller."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from node.market.shop import Shop, Skipped
from node.vendor.storekeeper import Storekeeper


def test_a_shop_does_not_say_when_it_skipped():
    skipped = Skipped(reason="stock", words="Nothing left")
    assert skipped.at_ms == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        skipped.at_ms = 1  # type: ignore[misc]


@pytest.mark.parametrize("asked", ["offer_for", "refusal", "confirms_by_itself"])
def test_the_shop_of_a_feed_answers_what_a_seller_asks(asked: str):
    wanted = inspect.signature(getattr(Shop, asked)).parameters
    assert list(inspect.signature(getattr(Storekeeper, asked)).parameters) == list(wanted)
