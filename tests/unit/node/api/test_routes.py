"""Every path asks the handle exactly what was meant."""

from __future__ import annotations

import json

import pytest

from node.api.routes import _EVENTS_MAX
from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import CAST, FakeCitizen

HANDLE = CAST["handle"]


@pytest.mark.parametrize(
    ("path", "call", "schema"),
    [
        ("/v1/status", ("status",), "intentcast.status/1"),
        ("/v1/casts", ("casts",), "intentcast.casts/1"),
        (f"/v1/casts/{HANDLE}", ("cast", HANDLE), "intentcast.cast/1"),
        (f"/v1/casts/{HANDLE}/offers", ("offers", HANDLE), "intentcast.offers/1"),
        ("/v1/deals", ("deals",), "intentcast.deals/1"),
        ("/v1/deals/d%20x", ("deal", "d x"), "intentcast.deal/1"),
        ("/v1/peers", ("peers",), "intentcast.peers/1"),
        ("/v1/outbox", ("outbox",), "intentcast.outbox/1"),
        ("/v1/vendor", ("vendor_status",), "intentcast.vendor/1"),
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
        ("/v1/deals/d/decide", {"confirm": True}, ("decide_deal", "d", True, "")),
        (
            "/v1/deals/d/decide",
            {"confirm": False, "reason": "out_of_stock"},
            ("decide_deal", "d", False, "out_of_stock"),
        ),
        ("/v1/revoke", {"handle": "cast-1"}, ("revoke", "cast-1")),
        ("/v1/peers", {"address": "127.0.0.1:1"}, ("add_peer", "127.0.0.1:1")),
    ],
)
async def test_acts(asker: Asker, citizen: FakeCitizen, path: str, body, call):
    response = await asker.ask("POST", path, json.dumps(body).encode())
    assert response.status == 200
    assert citizen.calls == [call]


async def test_a_key_does_a_thing_once(asker: Asker, citizen: FakeCitizen):
    key = {"Idempotency-Key": "abc"}
    first = await asker.ask("POST", "/v1/casts", b'{"title": "x"}', key)
    again = await asker.ask("POST", "/v1/casts", b'{"title": "x"}', key)
    assert told(first) == told(again)
    assert len(citizen.calls) == 1
    other = await asker.ask("POST", "/v1/casts", b'{"title": "y"}', key)
    assert (other.status, told(other)["code"]) == (409, "E-IDEMPOTENCY")
    elsewhere = await asker.ask("POST", "/v1/revoke", b'{"handle": "x"}', key)
    assert elsewhere.status == 409


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 129])
async def test_a_key_has_a_shape(asker: Asker, citizen: FakeCitizen, key: str):
    response = await asker.ask("POST", "/v1/casts", b"{}", {"Idempotency-Key": key})
    assert (response.status, told(response)["field"]) == (422, "Idempotency-Key")
    assert citizen.calls == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 422),
        (b"1", 422),
        (b'{"title": 1, "title": 2}', 400),
        (b'{"x": NaN}', 400),
        (b'{"x": 1e999}', 400),
        (b"[" * 10_000, 400),
        (b'{"x": "\\ud800"}', 400),
    ],
)
async def test_bad_bodies_change_nothing(
    asker: Asker, citizen: FakeCitizen, body: bytes, status: int
):
    response = await asker.ask("POST", "/v1/casts", body)
    assert response.status == status
    assert told(response)["fix"]
    assert citizen.calls == []


@pytest.mark.parametrize("handle", ["%00", "x" * 121, "%0a", "..%2f..%2fetc", "%1b[2J"])
async def test_strange_names_are_not_found(asker: Asker, citizen: FakeCitizen, handle: str):
    response = await asker.ask("GET", f"/v1/casts/{handle}")
    assert response.status == 404
    assert told(response)["code"] == "E-NOT-FOUND"


async def test_agreement_is_a_file_with_a_harmless_name(asker: Asker):
    response = await asker.ask("GET", "/v1/deals/d/agreement")
    assert response.body == b"\x93bytes"
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="the__deal___.agreement"'
    )


async def test_events_wait_and_move_the_cursor(asker: Asker, citizen: FakeCitizen):
    citizen.happened = [{"n": 4, "at": "", "what": "cast"}]
    empty = await asker.ask("GET", "/v1/events?after=4&wait=1.5")
    assert told(empty) == {"schema": "intentcast.events/1", "events": [], "cursor": 4}
    assert citizen.calls == [("wait_changed", 4, 1.5)]
    citizen.happened = [{"n": n, "at": "", "what": "offer"} for n in (3, 5, 6)]
    found = told(await asker.ask("GET", "/v1/events?after=4"))
    assert [event["n"] for event in found["events"]] == [5, 6]
    assert found["cursor"] == 6


async def test_many_events_come_in_parts(asker: Asker, citizen: FakeCitizen):
    citizen.happened = [{"n": n, "at": "", "what": "offer"} for n in range(1, 400)]
    found = told(await asker.ask("GET", "/v1/events"))
    assert len(found["events"]) == _EVENTS_MAX
    assert found["cursor"] == _EVENTS_MAX
    rest = told(await asker.ask("GET", f"/v1/events?after={found['cursor']}"))
    assert rest["events"][-1]["n"] == rest["cursor"] == 399


async def test_a_short_page_is_no_gap(
    asker: Asker, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    async def page(after: int):
        for n in range(after + 1, after + 3):
            yield {"n": n}

    citizen.happened = [{"n": 9}]
    monkeypatch.setattr(citizen, "events", page)
    found = told(await asker.ask("GET", "/v1/events?after=4"))
    assert ([event["n"] for event in found["events"]], found["cursor"]) == ([5, 6], 6)


@pytest.mark.parametrize("query", ["after=-1", "wait=61", "after=x", "wait=1&wait=2", "until=1"])
async def test_bad_parameters(asker: Asker, citizen: FakeCitizen, query: str):
    assert (await asker.ask("GET", f"/v1/events?{query}")).status == 422
    assert citizen.calls == []
