"""Paths that follow a restore, and those of the shop's identity."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen

POSTS: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = [
    ("/v1/reopen", {}, ("reopen", None, False, 15)),
    (
        "/v1/reopen",
        {"handle": "cast-1", "sure": True, "wait_s": 0},
        ("reopen", "cast-1", True, 0),
    ),
    ("/v1/identity/this-one", {}, ("this_one",)),
    ("/v1/identity/rotate", {"generation": 3}, ("rotate", 3)),
    ("/v1/identity/revocation", {}, ("certificate", "unspecified")),
    ("/v1/identity/revoke", {"reason": "lost"}, ("revoke", None, "lost")),
    ("/v1/identity/revoke", {"certificate": "text"}, ("revoke", "text", "unspecified")),
]


def calls(citizen: FakeCitizen) -> list[tuple[Any, ...]]:
    assert citizen.recovery is not None
    assert citizen.identity is not None
    return [*citizen.recovery.calls, *citizen.identity.calls]


@pytest.mark.parametrize(("path", "body", "call"), POSTS)
async def test_what_is_asked_is_done(
    asker: Asker, citizen: FakeCitizen, path: str, body: dict[str, Any], call: tuple[Any, ...]
):
    response = await asker.ask("POST", path, json.dumps(body).encode())
    assert response.status == 200
    assert told(response)["schema"].startswith("intentcast.")
    assert calls(citizen) == [call]


async def test_the_identity_is_read(asker: Asker):
    assert told(await asker.ask("GET", "/v1/identity"))["schema"] == "intentcast.identity/1"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/reopen", {"wait_s": 61}),
        ("/v1/reopen", {"handle": ""}),
        ("/v1/reopen", {"sur": True}),
        ("/v1/identity/rotate", {}),
        ("/v1/identity/rotate", {"generation": -1}),
        ("/v1/identity/revocation", {"reason": ""}),
        ("/v1/identity/revoke", {"certificate": "x" * 20_001}),
        ("/v1/identity/this-one", {"yes": True}),
    ],
)
async def test_anything_else_is_refused(asker: Asker, citizen: FakeCitizen, path: str, body: Any):
    response = await asker.ask("POST", path, json.dumps(body).encode())
    assert response.status == 422
    assert told(response)["code"] == "E-FIELD"
    assert calls(citizen) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/reopen"), ("GET", "/v1/identity"), ("POST", "/v1/identity/revoke")],
)
async def test_a_node_without_them_says_so(
    asker: Asker, citizen: FakeCitizen, method: str, path: str
):
    citizen.recovery = citizen.identity = None
    response = await asker.ask(method, path, b"{}" if method == "POST" else None)
    assert response.status == 404
