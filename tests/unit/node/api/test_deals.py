"""Deals and agreements: every path asks the handle exactly what was meant."""

from __future__ import annotations

import json

import pytest

from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen


@pytest.mark.parametrize(
    ("path", "call", "schema"),
    [
        ("/v1/deals", ("deals",), "intentcast.deals/1"),
        ("/v1/deals/d%20x", ("deal", "d x"), "intentcast.deal/1"),
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
        ("/v1/deals/d/decide", {"confirm": True}, ("decide_deal", "d", True, "")),
        (
            "/v1/deals/d/decide",
            {"confirm": False, "reason": "out_of_stock"},
            ("decide_deal", "d", False, "out_of_stock"),
        ),
    ],
)
async def test_acts(asker: Asker, citizen: FakeCitizen, path: str, body, call):
    response = await asker.ask("POST", path, json.dumps(body).encode())
    assert response.status == 200
    assert citizen.calls == [call]
    assert (await asker.ask("POST", path + "?x=1", json.dumps(body).encode())).status == 422
    assert citizen.calls == [call]


async def test_agreement_is_a_file_with_a_harmless_name(asker: Asker):
    response = await asker.ask("GET", "/v1/deals/d/agreement")
    assert response.body == b"\x93bytes"
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="the__deal___.agreement"'
    )
