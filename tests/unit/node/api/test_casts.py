"""Requests and offers: every path asks the handle exactly what was meant."""

from __future__ import annotations

import json

import pytest

from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import CAST, FakeCitizen

HANDLE = CAST["handle"]
EQUAL = {"preferences": 1, "total": 1, "date": 1, "distance": 1, "trust": 1}


@pytest.mark.parametrize(
    ("path", "call", "schema"),
    [
        ("/v1/casts", ("casts",), "intentcast.casts/1"),
        (f"/v1/casts/{HANDLE}", ("cast", HANDLE), "intentcast.cast/1"),
        (f"/v1/casts/{HANDLE}/offers", ("offers", HANDLE, EQUAL), "intentcast.offers/1"),
    ],
)
async def test_reads(asker: Asker, citizen: FakeCitizen, path: str, call, schema: str):
    response = await asker.ask("GET", path)
    assert response.status == 200
    assert told(response)["schema"] == schema
    assert citizen.calls == [call]
    assert (await asker.ask("GET", path + "?x=1")).status == 422
    assert len(citizen.calls) == 1


@pytest.mark.parametrize(
    ("path", "body", "call"),
    [
        ("/v1/casts", {"title": "x"}, ("create_cast", {"title": "x"})),
        ("/v1/casts/preview", {"title": "x"}, ("preview_cast", {"title": "x"})),
        (
            "/v1/offers/offer-1/accept",
            {"options": [2], "slot": 0, "disclose": {"name": "Ana"}, "anyway": True},
            ("accept", "offer-1", [2], 0, {"name": "Ana"}, True),
        ),
        ("/v1/offers/offer-1/accept", {}, ("accept", "offer-1", [], None, None, False)),
        ("/v1/revoke", {"handle": "cast-1"}, ("revoke", "cast-1")),
    ],
)
async def test_acts(asker: Asker, citizen: FakeCitizen, path: str, body, call):
    response = await asker.ask("POST", path, json.dumps(body).encode())
    assert response.status == 200
    assert citizen.calls == [call]
    assert (await asker.ask("POST", path + "?x=1", json.dumps(body).encode())).status == 422
    assert citizen.calls == [call]


async def test_offers_are_ordered_by_the_askers_weights(asker: Asker, citizen: FakeCitizen):
    path = f"/v1/casts/{HANDLE}/offers"
    assert (await asker.ask("GET", f"{path}?total=5&trust=0")).status == 200
    assert citizen.calls == [("offers", HANDLE, EQUAL | {"total": 5, "trust": 0})]
    for bad in ("total=101", "total=-1", "total=x", "price=3"):
        assert (await asker.ask("GET", f"{path}?{bad}")).status == 422
