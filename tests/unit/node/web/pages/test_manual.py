"""The API's reference as a page."""

from __future__ import annotations

from tests.unit.node.web.conftest import Browser, text_of, words_of


async def test_every_path_can_be_read_about(browser: Browser):
    page = await browser.get("/manual")
    assert page.status == 200
    text = text_of(page)
    assert 'id="call-hold_offer"' in text
    assert 'href="#record-HoldDocument"' in text
    assert 'id="record-HoldDocument"' in text
    assert 'href="/openapi.json"' in text
    assert "Take a held acceptance back" in words_of(page)
