"""Neighbours and invites over the API: bodies are typed, answers are kept under no key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.errors import RefusedError
from node.runtime.invitations import InviteWish
from protocol import limits
from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_neighbours import FakeNeighbours


@pytest.fixture
def hood(citizen: FakeCitizen) -> FakeNeighbours:
    assert citizen.neighbours is not None
    return citizen.neighbours


async def post(asker: Asker, path: str, body: Any) -> tuple[int, Any]:
    response = await asker.ask("POST", path, json.dumps(body).encode())
    return response.status, told(response)


async def test_the_list(asker: Asker, hood: FakeNeighbours):
    response = await asker.ask("GET", "/v1/nearby")
    assert (response.status, told(response)["schema"]) == (200, "intentcast.nearby/1")
    assert (await asker.ask("GET", "/v1/nearby?all=1")).status == 422


@pytest.mark.parametrize("verb", ["allow", "refuse", "forget"])
async def test_a_decision(asker: Asker, hood: FakeNeighbours, verb: str):
    status, _ = await post(asker, f"/v1/nearby/{verb}", {"node": "node-7Q4M-K2XD"})
    assert (status, hood.calls[0]) == (200, (verb, "node-7Q4M-K2XD"))


async def test_an_invite(asker: Asker, hood: FakeNeighbours):
    status, found = await post(asker, "/v1/invites", {})
    assert (status, found["single"]) == (200, False)
    await post(asker, "/v1/invites", {"single": True, "for_s": 60, "address": "a.example:1"})
    assert hood.calls == [
        ("invite", InviteWish(single=False, for_ms=limits.invite_ttl_ms_max)),
        ("invite", InviteWish(single=True, for_ms=60_000, address="a.example:1")),
    ]


async def test_an_answer_with_a_token_is_kept_under_no_key(
    asker: Asker, citizen: FakeCitizen, hood: FakeNeighbours
):
    headers = {"Idempotency-Key": "once"}
    for _ in range(2):
        await asker.ask("POST", "/v1/invites", b"{}", headers)
    assert citizen.answers == {}
    assert len(hood.calls) == 2


async def test_joining(asker: Asker, hood: FakeNeighbours):
    status, found = await post(asker, "/v1/join", {"link": "intentcast://x", "private": True})
    assert (status, found["neighbour"]["how"]) == (200, "invite")
    assert hood.calls == [("join", "intentcast://x", True)]
    hood.fails = RefusedError("somebody has used it", code="E-INVITE-USED")
    status, problem = await post(asker, "/v1/join", {"link": "intentcast://x"})
    assert (status, problem["code"]) == (409, "E-INVITE-USED")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/nearby/allow", {}),
        ("/v1/nearby/allow", {"node": ""}),
        ("/v1/nearby/allow", {"node": "x" * 121}),
        ("/v1/nearby/allow", {"node": 7}),
        ("/v1/nearby/refuse", {"node": "x", "more": 1}),
        ("/v1/invites", {"for_s": 59}),
        ("/v1/invites", {"for_s": 604_801}),
        ("/v1/invites", {"for_s": "1d"}),
        ("/v1/invites", {"single": "yes"}),
        ("/v1/invites", {"address": ""}),
        ("/v1/join", {}),
        ("/v1/join", {"link": None}),
        ("/v1/join", {"link": "x" * 65_537}),
        ("/v1/join", []),
    ],
)
async def test_a_body_that_will_not_do(asker: Asker, hood: FakeNeighbours, path: str, body: Any):
    status, problem = await post(asker, path, body)
    assert (status, problem["code"]) == (422, "E-FIELD")
    assert hood.calls == []


async def test_a_node_without_neighbours(asker: Asker, citizen: FakeCitizen):
    citizen.neighbours = None
    assert (await asker.ask("GET", "/v1/nearby")).status == 404
