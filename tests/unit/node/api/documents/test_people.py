"""Shops: what is said of one, and what cannot be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.people import PeopleDocument
from tests.unit.node.api.fake_people import FakePeople, shop


async def test_shops_and_blocked_ones_fit():
    found = msgspec.convert(await FakePeople().document(), PeopleDocument)
    assert (found.shops[0].deals, found.blocked[0].handle) == (0, "key-9TFA-WB3H")


@pytest.mark.parametrize(
    "change", [{"deals": -1}, {"key": "key-7Q4M"}, {"last_heard": "today"}, {"rating": 5}]
)
async def test_what_a_shop_cannot_be(change: dict[str, Any]):
    people = await FakePeople().document()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(people | {"shops": [shop(**change)]}, PeopleDocument)
