"""The description is asked for like everything else, and made once."""

from __future__ import annotations

import pytest

from node.api import description
from node.api.contents import OPERATIONS
from node.api.openapi import describe
from tests.unit.node.api.conftest import Asker, told


async def test_it_is_served(asker: Asker):
    response = await asker.ask("GET", "/openapi.json")
    assert response.status == 200
    assert response.content_type == "application/json"
    assert told(response) == describe(OPERATIONS)


async def test_it_needs_a_token_and_takes_no_parameter(asker: Asker):
    assert (await asker.ask("GET", "/openapi.json", token=None)).status == 401
    assert (await asker.ask("GET", "/openapi.json?pretty=1")).status == 422


async def test_it_is_made_once(asker: Asker, monkeypatch: pytest.MonkeyPatch):
    first = await asker.ask("GET", "/openapi.json")
    monkeypatch.setattr(description, "describe", None)
    again = await asker.ask("GET", "/openapi.json")
    assert first.body == again.body


def test_it_describes_itself():
    assert OPERATIONS[0].name == "describe_api"
    assert "/openapi.json" in describe(OPERATIONS)["paths"]
