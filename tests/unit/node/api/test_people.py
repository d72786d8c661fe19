"""The paths of people: what they take, and whom they ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.errors import NotFoundError
from node.runtime.visitors import Scope
from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_doorkeeper import token_for


async def post(asker: Asker, path: str, body: Any) -> tuple[int, Any]:
    response = await asker.ask("POST", path, json.dumps(body).encode())
    return response.status, told(response)


async def test_the_list(asker: Asker):
    response = await asker.ask("GET", "/v1/people")
    assert (response.status, told(response)["schema"]) == (200, "intentcast.people/1")
    assert (await asker.ask("GET", "/v1/people?all=1")).status == 422


@pytest.mark.parametrize("verb", ["block", "unblock"])
async def test_a_word_on_a_shop(asker: Asker, citizen: FakeCitizen, verb: str):
    status, found = await post(asker, f"/v1/people/{verb}", {"key": "key-7Q4M-K2XD"})
    assert (status, found["schema"]) == (200, "intentcast.people/1")
    assert citizen.people is not None
    assert citizen.people.calls == [(verb, "key-7Q4M-K2XD")]
    citizen.people.fails = NotFoundError("nobody goes by that name")
    status, problem = await post(asker, f"/v1/people/{verb}", {"key": "key-0000"})
    assert (status, problem["code"]) == (404, "E-NOT-FOUND")


@pytest.mark.parametrize("body", [{}, {"key": ""}, {"key": "x" * 121}, {"key": 7}, []])
async def test_a_body_that_will_not_do(asker: Asker, citizen: FakeCitizen, body: Any):
    status, problem = await post(asker, "/v1/people/block", body)
    assert (status, problem["code"]) == (422, "E-FIELD")
    assert citizen.people is not None
    assert citizen.people.calls == []


async def test_a_reader_may_look_and_decides_nothing(asker: Asker):
    token = token_for(Scope.READ)
    assert (await asker.ask("GET", "/v1/people", token=token)).status == 200
    response = await asker.ask("POST", "/v1/people/block", b'{"key": "key-7Q4M"}', token=token)
    assert response.status == 403


async def test_a_node_without_a_list(asker: Asker, citizen: FakeCitizen):
    citizen.people = None
    assert (await asker.ask("GET", "/v1/people")).status == 404
