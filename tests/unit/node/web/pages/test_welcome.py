"""The first steps: shown once by themselves, each can be skipped, and all for good."""

from __future__ import annotations

import pytest

from node.errors import TransportError
from tests.unit.node.api.fake_neighbours import NODE
from tests.unit.node.api.fake_people import FakeWelcome
from tests.unit.node.web.conftest import Browser, Neighbour, text_of, words_of


@pytest.fixture
def welcome(neighbour: Neighbour) -> FakeWelcome:
    assert neighbour.welcome is not None
    neighbour.welcome.due = True
    return neighbour.welcome


async def test_a_fresh_home_is_led_there_once(browser: Browser, welcome: FakeWelcome):
    first = await browser.get("/")
    assert (first.status, first.headers["Location"]) == (303, "/welcome")
    assert (await browser.get("/")).status == 200


async def test_a_no_lasts(browser: Browser, welcome: FakeWelcome):
    done = await browser.post("/welcome/dismiss")
    assert (done.status, done.headers["Location"], welcome.due) == (303, "/", False)
    assert (await browser.get("/")).status == 200


@pytest.mark.parametrize(
    ("step", "heading", "onward"),
    [
        ("1", "First steps: Keep your keys", 'href="/welcome?step=2">Skip this step'),
        ("2", "First steps: Find others", 'href="/welcome?step=3">'),
        ("3", "First steps: Say what you want", 'href="/ask">Say what you want'),
        ("4", "First steps: Keep your keys", 'href="/welcome?step=2">'),
        ("\u0662", "First steps: Keep your keys", 'href="/welcome?step=2">'),
    ],
)
async def test_each_step_can_be_skipped(browser: Browser, step: str, heading: str, onward: str):
    text = text_of(await browser.get(f"/welcome?step={step}"))
    assert f"<h1>{heading}</h1>" in text
    assert onward in text
    assert 'action="/welcome/dismiss"' in text
    assert text.count('aria-current="step"') == 1


async def test_keys(browser: Browser, neighbour: Neighbour):
    custody = neighbour.custody
    assert custody is not None
    custody.keys |= {"locked": False, "passphrase": False}
    text = words_of(await browser.get("/welcome"))
    assert "intentcast words" in text
    assert "Set it" in text
    done = await browser.post("/welcome/passphrase", new="two words", again="two words")
    assert (done.status, done.headers["Location"]) == (303, "/welcome?step=1")
    custody.keys |= {"words_confirmed": True}
    text = words_of(await browser.get("/welcome"))
    assert "It is set: a stolen disk alone is not you." in text
    assert "showed that you have them" in text
    assert "On to the others" in text
    found = await browser.post("/welcome/passphrase", new="two words", again="too words")
    assert (found.status, "E-PASSPHRASE" in text_of(found)) == (422, True)
    assert "Keep your keys" in text_of(found)


async def test_others(browser: Browser, neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch):
    hood = neighbour.neighbours
    assert hood is not None
    for path, fields, call in (
        ("nearby", {"node": NODE, "do": "allow"}, ("allow", NODE)),
        ("join", {"link": "intentcast://x"}, ("join", "intentcast://x", False)),
    ):
        done = await browser.post(f"/welcome/{path}", **fields)
        assert (done.status, done.headers["Location"]) == (303, "/welcome?step=2")
        assert call in hood.calls
    done = await browser.post("/welcome/peers", address="relay.example:1")
    assert done.headers["Location"] == "/welcome?step=2"
    assert ("add_peer", "relay.example:1") in neighbour.calls

    async def add_peer(_address: str) -> object:
        raise TransportError("no node answers there", code="E-PEER-LOST", fix="Is it up?")

    monkeypatch.setattr(neighbour, "add_peer", add_peer)
    found = await browser.post("/welcome/peers", address="relay.example:2")
    text = text_of(found)
    assert (found.status, "E-PEER-LOST" in text, "Find others" in text) == (424, True, True)
    assert 'value="relay.example:2"' in text


async def test_links_decide_what_is_said(
    browser: Browser, neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch
):
    whole = await neighbour.status()
    peers = {"count": 0}

    async def status() -> object:
        return whole | {"peers": peers["count"]}

    monkeypatch.setattr(neighbour, "status", status)
    text = words_of(await browser.get("/welcome?step=2"))
    assert "Not linked to anybody" in text
    assert "Skip this step" in text
    peers["count"] = 2
    text = words_of(await browser.get("/welcome?step=2"))
    assert "Linked to 2 nodes: that is enough to begin." in text
    assert "Skip this step" not in text
