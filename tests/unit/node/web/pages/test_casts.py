"""My requests."""

from __future__ import annotations

import pytest

from tests.unit.node.web.conftest import Browser, Neighbour, text_of, words_of
from tests.unit.node.web.papers import CAST, EVIL, EVIL_SHOWN


async def test_live_ones_and_ended_ones(browser: Browser, neighbour: Neighbour):
    neighbour.cast_list = [
        CAST,
        CAST | {"state": "awarded", "title": "Done", "note": "An offer is accepted."},
        CAST | {"handle": None, "state": "draft", "title": "Waits", "held": True},
    ]
    text = words_of(await browser.get("/"))
    assert text.index("Live") < text.index(CAST["title"]) < text.index("Ended") < text.index("Done")
    assert text.index("Waits") < text.index("Ended")
    assert "2 offers" in text
    assert "held after a restore" in text


async def test_an_empty_home_says_what_to_do(browser: Browser, neighbour: Neighbour):
    neighbour.cast_list = []
    text = words_of(await browser.get("/"))
    assert "No request is out" in text
    assert "Say what you want" in text


async def test_titles_are_texts(browser: Browser, neighbour: Neighbour):
    neighbour.cast_list = [CAST | {"title": EVIL}]
    text = text_of(await browser.get("/"))
    assert EVIL_SHOWN in text
    assert "<script>alert" not in text


async def test_taking_back_asks_first(browser: Browser, neighbour: Neighbour):
    path = f"/casts/{CAST['handle']}/revoke"
    asked = await browser.get(path)
    assert "none can be accepted any more" in words_of(asked)
    assert neighbour.calls == []
    done = await browser.post(path)
    assert (done.status, done.headers["Location"]) == (303, "/")
    assert neighbour.calls == [("revoke", CAST["handle"])]


@pytest.mark.parametrize("handle", ["x" * 121, "%0a"])
async def test_strange_names(browser: Browser, handle: str):
    assert (await browser.get(f"/casts/{handle}/revoke")).status == 404
