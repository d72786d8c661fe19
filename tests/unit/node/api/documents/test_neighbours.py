"""Neighbours: who is near, what was decided, and invites."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.neighbours import InviteDocument, NearbyDocument
from tests.unit.node.api.fake_neighbours import NODE, FakeNeighbours, neighbour


@pytest.mark.parametrize("lan", ["on", "look", "off"])
async def test_every_way_of_looking_fits(lan: str):
    found = msgspec.convert(await FakeNeighbours().nearby() | {"lan": lan}, NearbyDocument)
    assert found.nodes[0].node == NODE


@pytest.mark.parametrize("change", [{"state": "friend"}, {"how": "dns"}, {"near": 1}])
async def test_what_a_neighbour_cannot_be(change: dict[str, Any]):
    nearby = await FakeNeighbours().nearby()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(nearby | {"nodes": [neighbour(**change)]}, NearbyDocument)


def test_an_invite_ends():
    invite = {
        "schema": "intentcast.invite/1",
        "link": "intentcast://x",
        "node": NODE,
        "net": "main",
        "address": "relay.example:9401",
        "single": True,
        "until": None,
    }
    with pytest.raises(msgspec.ValidationError, match="until"):
        msgspec.convert(invite, InviteDocument)
