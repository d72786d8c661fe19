"""What every operation has in common: keys, names, bodies."""

from __future__ import annotations

import pytest

from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen


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
