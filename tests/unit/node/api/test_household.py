"""The node itself: links, letters, news."""

from __future__ import annotations

import json

import pytest

from node.api.household import EVENTS_MAX
from node.api.visitors import DOORKEEPER
from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen


@pytest.mark.parametrize(
    ("path", "call", "schema"),
    [
        ("/v1/status", ("status",), "intentcast.status/1"),
        ("/v1/peers", ("peers",), "intentcast.peers/1"),
        ("/v1/outbox", ("outbox",), "intentcast.outbox/1"),
    ],
)
async def test_reads(asker: Asker, citizen: FakeCitizen, path: str, call, schema: str):
    response = await asker.ask("GET", path)
    assert response.status == 200
    assert told(response)["schema"] == schema
    assert citizen.calls[0] == call
    assert (await asker.ask("GET", path + "?x=1")).status == 422
    assert len(citizen.calls) == 1


@pytest.mark.parametrize(
    ("path", "body", "call"),
    [
        ("/v1/peers", {"address": "127.0.0.1:1"}, ("add_peer", "127.0.0.1:1")),
    ],
)
async def test_acts(asker: Asker, citizen: FakeCitizen, path: str, body, call):
    response = await asker.ask("POST", path, json.dumps(body).encode())
    assert response.status == 200
    assert citizen.calls[0] == call
    assert (await asker.ask("POST", path + "?x=1", json.dumps(body).encode())).status == 422
    assert citizen.calls[0] == call


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
    assert len(found["events"]) == EVENTS_MAX
    assert found["cursor"] == EVENTS_MAX
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


async def test_whoever_is_revoked_while_waiting_hears_nothing(
    asker: Asker, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    async def revoked_meanwhile(_after: int, _timeout_s: float) -> int:
        asker.app[DOORKEEPER].owner_token = "another"  # type: ignore[attr-defined]
        return 9

    monkeypatch.setattr(citizen, "wait_changed", revoked_meanwhile)
    refused = await asker.ask("GET", "/v1/events?after=4&wait=9")
    assert (refused.status, told(refused)["code"]) == (401, "E-TOKEN")
