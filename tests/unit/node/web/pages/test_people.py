"""People and shops: who was heard, who is near, and the owner's word on each."""

from __future__ import annotations

import re
from typing import Any

import pytest

from node.errors import NotFoundError, RefusedError
from node.runtime.invitations import InviteWish
from tests.unit.node.api.fake_neighbours import NODE, FakeNeighbours
from tests.unit.node.api.fake_neighbours import neighbour as node
from tests.unit.node.api.fake_people import KEY, FakePeople, shop
from tests.unit.node.web.conftest import Browser, Neighbour, text_of, words_of
from tests.unit.node.web.papers import EVIL, EVIL_SHOWN


@pytest.fixture
def people(neighbour: Neighbour) -> FakePeople:
    assert neighbour.people is not None
    return neighbour.people


@pytest.fixture
def hood(neighbour: Neighbour) -> FakeNeighbours:
    assert neighbour.neighbours is not None
    return neighbour.neighbours


async def test_shops_are_told_by_what_is_known(browser: Browser, people: FakePeople):
    people.shops = [
        shop(deals=3, requests=4, domain="shop.example"),
        shop(name="vendor_di's", first_contact=None, last_heard=None),
        shop(name="vendor_cy's", blocked=True),
    ]
    text = words_of(await browser.get("/people"))
    assert "3 deals, answered 4 requests" in text
    assert "no deal yet, answered 1 request" in text
    assert "says it is shop.example (not checked)" in text
    assert "20 Feb 2027, 12:00 UTC" in text
    # The blocked one stands in its own list alone.
    assert text.count("vendor_cy&#39;s") == 2
    assert "since 22 Feb 2027" in text


async def test_nobody_was_heard(browser: Browser, people: FakePeople):
    people.shops, people.blocked = [], []
    text = words_of(await browser.get("/people"))
    assert "No shop has sent you an offer yet" in text
    assert "Unblock" not in text


async def test_names_are_texts(browser: Browser, people: FakePeople):
    people.shops = [shop(name=EVIL, domain=EVIL)]
    people.blocked = [people.blocked[0] | {"name": EVIL}]
    text = text_of(await browser.get("/people"))
    assert text.count(EVIL_SHOWN) >= 4
    assert "<script>alert" not in text


@pytest.mark.parametrize(
    ("verb", "said"), [("block", "told nothing"), ("unblock", "What it sent meanwhile")]
)
async def test_a_word_on_a_shop(browser: Browser, people: FakePeople, verb: str, said: str):
    done = await browser.post("/people/shops", key=KEY, do=verb)
    assert (done.status, done.headers["Location"]) == (303, f"/people?done={verb}")
    assert people.calls == [(verb, KEY)]
    assert said in words_of(await browser.get(f"/people?done={verb}"))


async def test_a_shop_nobody_knows(browser: Browser, people: FakePeople):
    people.fails = NotFoundError("no shop here goes by that", fix="Take one of the list")
    found = await browser.post("/people/shops", key=KEY, do="block")
    assert found.status == 404
    assert "Take one of the list" in words_of(found)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/people/shops", {"key": KEY, "do": "praise"}),
        ("/people/shops", {"do": "block"}),
        ("/people/shops", {"key": "x" * 121, "do": "block"}),
        ("/people/nearby", {"node": NODE}),
        ("/people/nearby", {"node": NODE, "do": "dial"}),
        ("/people/nearby", {"do": "allow"}),
        ("/people/invite", {"for_s": "59"}),
        ("/people/invite", {"for_s": "a day"}),
        ("/people/invite", {"address": "x" * 301}),
        ("/people/join", {"link": "x" * 65_537}),
    ],
)
async def test_a_form_that_will_not_do(
    browser: Browser, people: FakePeople, hood: FakeNeighbours, path: str, fields: dict[str, str]
):
    found = await browser.post(path, **fields)
    assert (found.status, "E-FIELD" in text_of(found)) == (422, True)
    assert people.calls == []
    assert [call for call in hood.calls if call[0] != "nearby"] == []


@pytest.mark.parametrize("verb", ["allow", "refuse", "forget"])
async def test_a_word_on_a_node(browser: Browser, hood: FakeNeighbours, verb: str):
    done = await browser.post("/people/nearby", node=NODE, do=verb)
    assert (done.status, done.headers["Location"]) == (303, f"/people?done={verb}")
    assert (verb, NODE) in hood.calls


@pytest.mark.parametrize(
    ("changes", "said", "buttons"),
    [
        ({}, "waits for your yes; nothing was sent to it", ["Allow", "Refuse"]),
        ({"linked": True}, "waits for your yes; linked already", ["Allow", "Refuse"]),
        ({"state": "kept", "linked": True}, "yours; linked", ["Forget"]),
        ({"state": "kept", "trouble": "no answer"}, "yours; not linked : no answer", ["Forget"]),
        ({"state": "guest"}, "came by your invite; not linked", ["Allow", "Refuse", "Forget"]),
        ({"state": "guest", "linked": True}, "by your invite; linked", ["Allow", "Forget"]),
        ({"state": "refused"}, "1 refused node", ["Forget"]),
    ],
)
async def test_a_node_near_is_told_in_words(
    browser: Browser, hood: FakeNeighbours, changes: dict[str, Any], said: str, buttons: list[str]
):
    hood.nodes = [node(**changes)]
    found = await browser.get("/people")
    assert said.replace(" :", ":") in words_of(found).replace(" :", ":")
    part = text_of(found).split('action="/people/nearby"', 1)[1].split("</form>")[0]
    for word in buttons:
        assert f">{word}<" in part


async def test_nobody_near_and_nobody_looking(browser: Browser, hood: FakeNeighbours):
    hood.nodes, hood.changes = [], {"notice": "Multicast is off."}
    text = words_of(await browser.get("/people"))
    assert "Nobody near you announces a node" in text
    assert "Multicast is off." in text
    hood.changes = {"lan": "off"}
    assert "intentcast up --lan" in words_of(await browser.get("/people"))


async def test_a_node_without_neighbours(browser: Browser, neighbour: Neighbour):
    neighbour.neighbours = None
    assert "does not look around" in words_of(await browser.get("/people"))
    assert (await browser.post("/people/join", link="x")).status == 404


async def test_an_invite_is_shown_once_as_text_and_squares(browser: Browser, hood: FakeNeighbours):
    found = await browser.post("/people/invite", single="1", for_s="3600", address="a.example:1")
    assert (
        "invite",
        InviteWish(single=True, for_ms=3_600_000, address="a.example:1"),
    ) in hood.calls
    text = text_of(found)
    link = f"intentcast://{NODE}@relay.example:9401?invite=abc"
    assert f"readonly>{link}</textarea>" in text
    assert re.search(r'<svg class="qr" viewBox="0 0 (\d+) \1" role="img"', text)
    assert "style=" not in text
    assert "Good for one node, once, until 20 Feb 2027, 12:00 UTC" in text
    assert link not in text_of(await browser.get("/people"))
    found = await browser.post("/people/invite", for_s="604800")
    assert "Good for everybody who has it" in text_of(found)
    assert ("invite", InviteWish(single=False, for_ms=604_800_000)) in hood.calls


async def test_a_link_too_long_for_a_camera_is_text(
    browser: Browser, hood: FakeNeighbours, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("node.qr.CHARS_MAX", 10)
    text = text_of(await browser.post("/people/invite", for_s="3600"))
    assert "readonly>intentcast://" in text
    assert "<svg" not in text


async def test_an_invite_that_leads_nowhere_keeps_the_form(
    browser: Browser, hood: FakeNeighbours, monkeypatch: pytest.MonkeyPatch
):
    fails = RefusedError("nobody can dial it", code="E-INVITE-NOWHERE", fix="Listen first")

    async def invite(_wish: Any) -> Any:
        raise fails

    monkeypatch.setattr(hood, "invite", invite)
    found = await browser.post("/people/invite", for_s="3600", address="b.example:2")
    text = text_of(found)
    assert (found.status, "E-INVITE-NOWHERE" in text, 'value="b.example:2"' in text) == (
        409,
        True,
        True,
    )
    assert '<option value="3600" selected>' in text
    assert not re.search(r'name="single" value="1" checked', text)


async def test_joining(browser: Browser, hood: FakeNeighbours):
    done = await browser.post("/people/join", link=" intentcast://x ", private="1")
    assert (done.status, done.headers["Location"]) == (303, "/people?done=join")
    assert ("join", "intentcast://x", True) in hood.calls
    assert "kept over restarts" in words_of(await browser.get("/people?done=join"))


async def test_words_of_an_address_are_not_repeated(browser: Browser):
    assert "hello" not in text_of(await browser.get("/people?done=hello"))
