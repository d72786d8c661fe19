"""The frame around every page."""

from __future__ import annotations

import pytest

from node.entropy import SeededEntropy
from node.web.shell import Shell
from tests.unit.node.web.conftest import Browser, Neighbour, text_of, words_of
from tests.unit.node.web.papers import CLOCK, STATUS


async def test_the_frame_tells_how_the_node_is(browser: Browser, neighbour: Neighbour):
    page = await browser.get("/")
    text = text_of(page)
    assert page.status == 200
    assert page.content_type == "text/html"
    assert text.count("<h1>") == 1
    assert 'aria-current="page"' in text
    assert "Write down &lt;b&gt;your&lt;/b&gt; words" in text
    assert f"network {STATUS['net']}" in words_of(page)
    assert 'data-cursor="' in text
    assert "Log out" in text


async def test_what_happens_while_a_page_is_made_is_told_to_it_again(
    browser: Browser, neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch
):
    before = neighbour.chronicle.newest
    casts = neighbour.casts

    async def casts_and_news():
        found = await casts()
        neighbour.chronicle.add("offer.received")  # type: ignore[attr-defined]
        return found

    monkeypatch.setattr(neighbour, "casts", casts_and_news)
    page = text_of(await browser.get("/"))
    assert neighbour.chronicle.newest == before + 1
    assert f'data-cursor="{before}"' in page


async def test_what_a_form_says_is_kept_as_a_hash(neighbour: Neighbour, monkeypatch):
    kept: list[bytes] = []

    async def idempotent(_key, body_hash, make):
        kept.append(body_hash)
        return await make()

    async def make():
        return {}

    monkeypatch.setattr(neighbour, "idempotent", idempotent)
    shell = Shell(citizen=neighbour, entropy=SeededEntropy("x", net="test"), clock=CLOCK)
    for said in ("a name and a budget", "a name and another"):
        await shell.done_once("key", said, make)
    assert [len(each) for each in kept] == [32, 32]
    assert len(set(kept)) == 2


async def test_a_form_is_carried_out_once_for_its_key(neighbour: Neighbour):
    shell = Shell(citizen=neighbour, entropy=SeededEntropy("x", net="test"), clock=CLOCK)
    done: list[int] = []

    async def make():
        done.append(1)
        return {"done": len(done)}

    key = shell.fresh_key()
    assert key != shell.fresh_key()
    first = await shell.done_once(key, "said", make)
    assert await shell.done_once(key, "said", make) == first
    assert len(done) == 1
    await shell.done_once("", "said", make)
    assert len(done) == 2
