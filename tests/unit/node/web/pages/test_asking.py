"""A request in three steps."""

from __future__ import annotations

import re

from protocol.errors import LocalProtocolError
from tests.unit.node.web.conftest import Browser, Neighbour, text_of, words_of

CAMERA = "electronics/cameras/digital-cameras"
FILLED = {"title": "A camera <b>", "category": CAMERA, "near": "Berlin", "terms": ["SD-BASE"]}


async def test_the_first_step_is_empty(browser: Browser):
    page = await browser.get("/ask")
    assert page.status == 200
    assert "What do you want" in words_of(page)
    assert 'name="category"' not in text_of(page)


async def test_categories_are_found_before_the_second(browser: Browser, neighbour: Neighbour):
    page = await browser.post("/ask", go="limits", title="digital camera")
    text = text_of(page)
    assert f'value="{CAMERA}" checked' in text
    assert "Most you will pay" not in text
    none = await browser.post("/ask", go="what", words="zzzzqqq")
    assert "Nothing is found" in words_of(none)
    assert neighbour.calls == []


async def test_the_second_offers_what_the_category_knows(browser: Browser):
    text = text_of(await browser.post("/ask", go="limits", **FILLED))
    assert 'name="wish:resolution:level"' in text
    assert 'name="title" value="A camera &lt;b&gt;"' in text
    assert 'value="Berlin"' in text
    assert '<details id="wishes">' in text
    chosen = await browser.post("/ask", go="limits", **{"wish:x:level": "must"}, **FILLED)
    assert '<details id="wishes" open>' in text_of(chosen)
    assert "does not know it: x" in words_of(chosen)


async def test_enter_never_leads_back(browser: Browser):
    for fields in ({}, {"go": "limits"} | FILLED, {"go": "seen"} | FILLED):
        page = text_of(await browser.post("/ask", **fields))
        first = re.search(r'<form method="post" action="/ask.*?(<button[^>]*>)', page, re.DOTALL)
        assert first is not None
        assert 'tabindex="-1" aria-hidden="true"' in first[1]
        assert 'value="what"' not in first[1]


async def test_terms_nobody_ticked_stay_unticked(browser: Browser):
    fields = {name: value for name, value in FILLED.items() if name != "terms"}
    usual = text_of(await browser.post("/ask", go="limits", **fields))
    assert len(re.findall(r'name="terms" value="[^"]*" checked', usual)) == 2
    none = text_of(await browser.post("/ask", go="limits", terms_shown="1", **fields))
    assert 'name="terms" value="SD-BASE">' in none
    assert not re.findall(r'name="terms" value="[^"]*" checked', none)


async def test_the_third_shows_the_exact_text_and_sends_nothing(
    browser: Browser, neighbour: Neighbour
):
    page = await browser.post("/ask", go="seen", **FILLED)
    assert page.status == 200
    (call,) = neighbour.calls
    assert call[0] == "preview_cast"
    assert call[1]["where"]["near"] == "Berlin"
    text = words_of(page)
    assert "Everyone on the network" in text
    assert "Sign and send" in text
    assert re.search(r'name="key" value="[0-9a-f]{32}"', text_of(page))


async def test_what_is_wrong_is_said_where_it_can_be_mended(
    browser: Browser, neighbour: Neighbour, monkeypatch
):
    wrong = (("budget.max", "limits"), ("title", "what"), ("items[0].name", "what"))
    for field, heading in wrong:

        async def refuse(_draft, field=field):
            raise LocalProtocolError("no", code="E-X", fix="Do this", field=field)

        monkeypatch.setattr(neighbour, "preview_cast", refuse)
        page = await browser.post("/ask", go="seen", **FILLED)
        assert page.status == 422
        assert 'aria-invalid="true"' in text_of(page)
        assert f"New request: {heading}" in words_of(page)
        assert "E-X" in words_of(page)
        assert "Do this" in words_of(page)
        assert "A camera &lt;b&gt;" in text_of(page)


async def test_it_is_sent_once_for_its_key(browser: Browser, neighbour: Neighbour):
    for _ in range(2):
        done = await browser.post("/ask/send", key="k1", **FILLED)
        assert done.status == 303
        assert done.headers["Location"].startswith("/casts/cast-")
    assert [call[0] for call in neighbour.calls] == ["create_cast"]


async def test_a_refusal_at_the_end_keeps_what_was_filled_in(
    browser: Browser, neighbour: Neighbour, monkeypatch
):
    async def refuse(_draft):
        raise LocalProtocolError("the clock is off", code="E-CLOCK", fix="Set it")

    monkeypatch.setattr(neighbour, "create_cast", refuse)
    page = await browser.post("/ask/send", **FILLED)
    assert page.status == 422
    assert "E-CLOCK" in words_of(page)
    assert 'value="Berlin"' in text_of(page)


async def test_an_unknown_step_is_the_first(browser: Browser):
    assert "What do you want" in words_of(await browser.post("/ask", go="../etc"))


async def test_a_number_that_is_none(browser: Browser):
    page = await browser.post("/ask", go="seen", radius_km="far", **FILLED)
    assert (page.status, "is not a whole number" in words_of(page)) == (422, True)
