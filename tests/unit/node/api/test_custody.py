"""The paths of keys and backups: what they take, and that no secret is kept under a key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import PASSPHRASE, FakeCitizen


async def posted(citizen: FakeCitizen, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    response = await Asker(citizen).ask("POST", path, json.dumps(body).encode(), dict(headers))
    return response.status, told(response)


async def test_how_the_keys_are(citizen: FakeCitizen):
    response = await Asker(citizen).ask("GET", "/v1/keys")
    assert (response.status, told(response)["schema"]) == (200, "intentcast.keys/1")
    response = await Asker(citizen).ask("GET", "/v1/keys?more=1")
    assert response.status == 422


async def test_unlocking_and_locking(citizen: FakeCitizen):
    status, found = await posted(citizen, "/v1/keys/unlock", {"passphrase": PASSPHRASE})
    assert (status, found["locked"]) == (200, False)
    status, found = await posted(citizen, "/v1/keys/lock", {})
    assert (status, found["locked"]) == (200, True)
    status, found = await posted(citizen, "/v1/keys/unlock", {"passphrase": "another one"})
    assert (status, found["code"], found["kind"]) == (423, "E-PASSPHRASE-WRONG", "locked")


async def test_no_answer_is_kept_with_a_hash_of_the_passphrase(citizen: FakeCitizen):
    for _ in range(2):
        await posted(
            citizen, "/v1/keys/unlock", {"passphrase": PASSPHRASE}, **{"Idempotency-Key": "one"}
        )
    assert citizen.answers == {}
    assert citizen.custody is not None
    assert citizen.custody.calls == [("unlock",), ("unlock",)]


@pytest.mark.parametrize(
    ("body", "call"),
    [
        ({"new": "a new passphrase"}, ("set_passphrase", None, "a new passphrase")),
        ({"old": "old", "new": None}, ("set_passphrase", "old", None)),
    ],
)
async def test_changing_the_passphrase(citizen: FakeCitizen, body: Any, call: tuple[Any, ...]):
    status, _ = await posted(citizen, "/v1/keys/passphrase", body)
    assert status == 200
    assert citizen.custody is not None
    assert citizen.custody.calls == [call]


async def test_a_backup_needs_a_whole_path(citizen: FakeCitizen):
    status, found = await posted(citizen, "/v1/backups", {"path": "/tmp/one.icb"})
    assert (status, found["schema"]) == (200, "intentcast.backup/1")
    for path in ("one.icb", "../one.icb", "", "/nul\0.icb"):
        status, found = await posted(citizen, "/v1/backups", {"path": path})
        assert (status, found["code"]) == (422, "E-FIELD")


async def test_backups_are_listed_and_proved(citizen: FakeCitizen):
    response = await Asker(citizen).ask("GET", "/v1/backups")
    assert (response.status, told(response)["schema"]) == (200, "intentcast.backups/1")
    status, found = await posted(citizen, "/v1/backups/verify", {"path": "/tmp/one.icb"})
    assert (status, found["schema"]) == (200, "intentcast.backup-proof/1")
    status, found = await posted(citizen, "/v1/backups/verify", {"path": "one.icb"})
    assert (status, found["code"], found["field"]) == (422, "E-FIELD", "path")


@pytest.mark.parametrize("path", ["unlock", "lock", "passphrase"])
async def test_a_body_that_does_not_fit_is_refused_without_repeating_it(
    citizen: FakeCitizen, path: str
):
    secret = "long secret " * 100
    for body in ({"passphrase": secret, "old": secret}, {"passphrase": [secret]}, [secret]):
        status, found = await posted(citizen, f"/v1/keys/{path}", body)
        assert status == 422
        assert "long secret" not in json.dumps(found)


async def test_a_node_without_keys_says_so(citizen: FakeCitizen):
    citizen.custody = None
    response = await Asker(citizen).ask("GET", "/v1/keys")
    assert response.status == 404
