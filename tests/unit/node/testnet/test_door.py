"""The door over HTTP: what is sent, and what is made of the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import pytest
from aiohttp import ClientConnectionError

from node.errors import TransportError
from node.testnet.door import HttpDoor

JSON, PROBLEM = "application/json", "application/problem+json"


class Answer:
    """One answer."""

    def __init__(self, body: bytes, content_type: str) -> None:
        self._body = body
        self.content_type = content_type

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        pass

    async def read(self) -> bytes:
        return self._body


class Wire:
    """Stands where the session stands."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.answer = Answer(b'{"schema": "x/1", "cursor": 9}', JSON)
        self.breaks = False

    def request(self, method: str, path: str, **parts: Any) -> Answer:
        self.asked.append((method, path, parts))
        if self.breaks:
            raise ClientConnectionError("gone")
        return self.answer


@pytest.fixture
async def door() -> HttpDoor:
    found = HttpDoor("http://127.0.0.1:9", "token")
    await found.close()
    found._session = Wire()  # type: ignore[assignment]
    return found


def wire(door: HttpDoor) -> Wire:
    found = door._session
    assert isinstance(found, Wire)
    return found


async def test_every_question_has_its_path(door: HttpDoor):
    for ask in (door.status, door.peers, door.casts, door.deals):
        assert (await ask())["schema"] == "x/1"
    await door.offers("cast-1/..")
    await door.deal("deal-1")
    await door.preview_cast({"title": "t"})
    await door.create_cast({"title": "t"})
    await door.accept("o", options=(1,), slot=None, disclose=None, anyway=False)
    assert [(method, path) for method, path, _ in wire(door).asked] == [
        ("GET", "/v1/status"),
        ("GET", "/v1/peers"),
        ("GET", "/v1/casts"),
        ("GET", "/v1/deals"),
        ("GET", "/v1/casts/cast-1%2F../offers"),
        ("GET", "/v1/deals/deal-1"),
        ("POST", "/v1/casts/preview"),
        ("POST", "/v1/casts"),
        ("POST", "/v1/offers/o/accept"),
    ]
    assert wire(door).asked[-1][2]["json"] == {
        "options": [1],
        "slot": None,
        "disclose": None,
        "anyway": False,
    }


async def test_what_is_disclosed_is_sent_as_given(door: HttpDoor):
    await door.accept("o", options=(), slot=2, disclose={"name": "n"}, anyway=True)
    assert wire(door).asked[-1][2]["json"]["disclose"] == {"name": "n"}


async def test_a_feed_is_sent_whole_with_its_options_as_texts(door: HttpDoor, tmp_path: Path):
    feed = tmp_path / "feed.csv"
    feed.write_bytes(b"id,title\n")
    await door.vendor_import(feed, {"source": "s", "decimal_comma": True, "encoding": None})
    method, path, parts = wire(door).asked[-1]
    assert (method, path, parts["data"]) == ("POST", "/v1/vendor/import", b"id,title\n")
    assert parts["params"] == {"source": "s", "decimal_comma": "true"}


async def test_waiting_gives_the_cursor_and_never_asks_for_longer_than_is_allowed(door: HttpDoor):
    assert await door.wait_changed(3, 1_000.0) == 9
    assert wire(door).asked[-1][2]["params"] == {"after": "3", "wait": "50.000"}


async def test_an_agreement_comes_as_bytes(door: HttpDoor):
    wire(door).answer = Answer(b"\x96", "application/octet-stream")
    assert await door.agreement("deal-1") == ("deal-1.agreement", b"\x96")


async def test_the_words_of_a_refusal_are_kept(door: HttpDoor):
    problem = {"title": "no", "code": "E-MUST", "fix": "look"}
    wire(door).answer = Answer(json.dumps(problem).encode(), PROBLEM)
    with pytest.raises(TransportError) as caught:
        await door.status()
    assert (caught.value.sentence, caught.value.code, caught.value.fix) == ("no", "E-MUST", "look")


async def test_a_node_that_is_gone_and_one_that_is_none_are_told_apart(door: HttpDoor):
    wire(door).answer = Answer(b"<html>", "text/html")
    with pytest.raises(TransportError, match="something else"):
        await door.status()
    wire(door).answer = Answer(b"[]", JSON)
    with pytest.raises(TransportError, match="something else"):
        await door.status()
    wire(door).breaks = True
    with pytest.raises(TransportError) as caught:
        await door.status()
    assert caught.value.code == "E-NODE-DOWN"


async def test_what_happened_comes_one_by_one(door: HttpDoor):
    events = [{"n": 8, "what": "offer"}, {"n": 9, "what": "deal.agreed"}]
    wire(door).answer = Answer(json.dumps({"events": events, "cursor": 9}).encode(), JSON)
    assert [event async for event in door.events(7)] == events
    method, path, parts = wire(door).asked[-1]
    assert (method, path) == ("GET", "/v1/events")
    assert parts["params"] == {"after": "7", "wait": "0"}


async def test_a_way_in_is_asked_for(door: HttpDoor):
    await door.begin_login()
    assert wire(door).asked[-1][:2] == ("POST", "/v1/login")
