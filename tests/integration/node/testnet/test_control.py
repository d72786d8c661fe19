"""From another terminal: found, believed only when it is ours and lives, answered in words."""

from __future__ import annotations

import asyncio
import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from node.testnet import remote
from node.testnet.crossing import Crossing
from node.testnet.fault import CONTROL_FILE, Change, Cut
from protocol.errors import IntentcastError


async def ask(at: str | None = None, change: Change | None = None) -> dict[str, Any]:
    return await asyncio.to_thread(remote.ask, at, change)


async def refused(at: str | None = None, change: Change | None = None) -> IntentcastError:
    with pytest.raises(IntentcastError) as caught:
        await ask(at, change)
    assert caught.value.fix
    return caught.value


async def test_it_is_found_and_changed(crossing: Crossing, folder: Path):
    found = await ask()
    assert found == {
        "schema": "intentcast.faults/1",
        "net": "testnet-3",
        "nodes": ["relay-1", "shop"],
        "links": [],
    }
    found = await ask(None, Change(link="shop~relay-1", cut=Cut.SILENT))
    assert [link["words"] for link in found["links"]] == ["cut"]
    assert (await ask(str(folder)))["links"] == found["links"]


async def test_its_word_is_for_its_owner_alone(crossing: Crossing, folder: Path):
    assert (folder / CONTROL_FILE).stat().st_mode & 0o077 == 0


async def test_a_refusal_keeps_its_words(crossing: Crossing):
    error = await refused(None, Change(link="shop~relay-2", cut=Cut.SILENT))
    assert error.code == "E-LINK"
    assert "relay-2" in error.sentence
    error = await refused(None, Change(link="shop~relay-1", delay_ms=10**6))
    assert error.code == "E-FAULT"


def raw(folder: Path, method: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, Any]:
    word = json.loads((folder / CONTROL_FILE).read_text())
    given = {"Authorization": f"Bearer {word['token']}"} | headers
    connection = http.client.HTTPConnection("127.0.0.1", int(word["url"].rpartition(":")[2]))
    connection.request(method, "/v1/faults", body=body, headers=given)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"Authorization": "Bearer wrong"}, b"{}", 401, "E-TOKEN"),
        ({"Authorization": ""}, b"{}", 401, "E-TOKEN"),
        ({"Authorization": "Bearer \xff"}, b"{}", 401, "E-TOKEN"),
        ({"Host": "testnet.example"}, b"{}", 421, "E-HOST"),
        ({}, b"not json", 422, "E-FAULT"),
        ({}, b'{"delay": 1}', 422, "E-FAULT"),
        ({}, b'{"delay_ms": "1"}', 422, "E-FAULT"),
        ({}, b'{"link": "\xff"}', 422, "E-FAULT"),
    ],
)
async def test_whoever_may_not_ask_or_cannot(
    crossing: Crossing, folder: Path, headers: dict[str, str], body: bytes, status: int, code: str
):
    found = await asyncio.to_thread(raw, folder, "POST", headers, body)
    assert (found[0], found[1]["code"]) == (status, code)
    assert crossing.views() == []
