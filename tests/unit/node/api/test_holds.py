"""A held yes: begun, looked at, undone."""

from __future__ import annotations

from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen


async def test_an_offer_is_held_and_then_accepted(asker: Asker, citizen: FakeCitizen):
    body = b'{"options": [2], "disclose": {"name": "Ana"}, "hold_s": 7}'
    response = await asker.ask("POST", "/v1/offers/offer-1/hold", body)
    assert told(response)["state"] == "held"
    assert citizen.holds is not None
    assert citizen.holds.calls == [("begin", "offer-1", 7)]
    assert citizen.calls == []
    await citizen.holds.act()
    assert citizen.calls == [("accept", "offer-1", [2], None, {"name": "Ana"}, False)]


async def test_a_hold_is_looked_at_and_undone(asker: Asker, citizen: FakeCitizen):
    assert told(await asker.ask("GET", "/v1/holds/abc"))["id"] == "abc"
    undone = await asker.ask("POST", "/v1/holds/abc/undo", b"{}")
    assert told(undone)["state"] == "undone"
    citizen.holds = None
    assert (await asker.ask("GET", "/v1/holds/abc")).status == 404


async def test_the_time_has_bounds(asker: Asker, citizen: FakeCitizen):
    for bad in (b'{"hold_s": 61}', b'{"hold_s": -1}', b'{"hold_s": "9"}', b'{"for": 9}'):
        response = await asker.ask("POST", "/v1/offers/offer-1/hold", bad)
        assert (response.status, told(response)["code"]) == (422, "E-FIELD")
    assert citizen.calls == []
