"""The network, as it is."""

from __future__ import annotations

from typing import Any

import pytest

from node.errors import TransportError
from tests.unit.node.web.conftest import Browser, Neighbour, text_of, words_of
from tests.unit.node.web.papers import EVIL, EVIL_SHOWN


def letter(**changes: Any) -> dict[str, Any]:
    found = {
        "kind": "acceptance",
        "to": "key-7Q4M-K2XD-9TFA-WB3H-AAAA",
        "state": "pending",
        "tries": 3,
        "mailboxes": 2,
        "put": 1,
        "next_at": "2027-02-20T12:00:00Z",
        "expires_at": "2027-02-27T12:00:00Z",
        "reason": "",
    }
    return found | changes


def nobody(neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch) -> None:
    async def peers() -> Any:
        return {
            "schema": "intentcast.peers/1",
            "peers": [],
            "unlinked": [],
            "known": 0,
            "dependent_on": None,
        }

    monkeypatch.setattr(neighbour, "peers", peers)


async def test_links(browser: Browser):
    text = words_of(await browser.get("/network"))
    assert "Linked to 1 node. It knows 5 mailboxes." in text
    for word in ("127.0.0.1:9401", "this node", "relay, mailbox", "3 ms", "1 minute", "2 KiB in"):
        assert word in text
    assert "No letter waits." in text


async def test_nobody_is_said_as_it_is(
    browser: Browser, neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch
):
    nobody(neighbour, monkeypatch)
    text = words_of(await browser.get("/network"))
    assert "Not linked to anybody: what you send waits here." in text


async def test_letters(browser: Browser, neighbour: Neighbour):
    neighbour.letters = [
        letter(),
        letter(state="expired", mailboxes=1, put=0),
        letter(state="refused", reason=EVIL),
    ]
    found = await browser.get("/network")
    text = words_of(found)
    assert "on its way 1 of 2 mailboxes 3 20 Feb 2027, 12:00 UTC 27 Feb 2027" in text
    assert "given up: its time has passed 0 of 1 mailbox 3" in text
    assert EVIL_SHOWN in text_of(found)


async def test_one_more_address(browser: Browser, neighbour: Neighbour):
    done = await browser.post("/network/peers", address=" relay.example:9401 ")
    assert (done.status, done.headers["Location"]) == (303, "/network?done=peer")
    assert ("add_peer", "relay.example:9401") in neighbour.calls
    assert "for as long as this node runs" in words_of(await browser.get("/network?done=peer"))


async def test_an_address_that_does_not_answer_stays_in_the_form(
    browser: Browser, neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch
):
    async def add_peer(_address: str) -> Any:
        raise TransportError("no node answers there", code="E-PEER-LOST", fix="Is it up?")

    monkeypatch.setattr(neighbour, "add_peer", add_peer)
    found = await browser.post("/network/peers", address='x" autofocus:1')
    assert (found.status, "E-PEER-LOST" in text_of(found)) == (424, True)
    assert 'value="x&#34; autofocus:1"' in text_of(found)
    found = await browser.post("/network/peers", address="")
    assert (found.status, "E-FIELD" in text_of(found)) == (422, True)


async def test_the_node_is_looked_over_when_asked(browser: Browser, neighbour: Neighbour):
    examiner = neighbour.examiner
    assert examiner is not None
    assert "Proof" not in words_of(await browser.get("/network"))
    text = words_of(await browser.post("/network/doctor", look="quick"))
    assert "Everything that was looked at works." in text
    assert "Links works ok so 4711 bytes" in text
    assert "Clock not looked at not looked at intentcast up" in text
    examiner.states |= {"disk": "warn"}
    text = words_of(await browser.post("/network/doctor", look="scrub"))
    assert "All works; 1 thing deserves a look." in text
    examiner.states |= {"database": "bad", "something new": "bad"}
    text = words_of(await browser.post("/network/doctor"))
    assert "2 things do not work." in text
    assert "something new does not work" in text
    assert examiner.asked == [False, True, False]


async def test_a_scrub_is_said_to_take_a_while(browser: Browser):
    assert "takes a while" in words_of(await browser.get("/network"))


async def test_nothing_to_examine(browser: Browser, neighbour: Neighbour):
    neighbour.examiner = None
    assert (await browser.post("/network/doctor")).status == 404
