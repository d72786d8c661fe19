"""The page as a whole: headers, files, refusals, who may come in."""

from __future__ import annotations

import gzip

import pytest

from node.web.assets import assets
from node.web.site import HEADERS
from tests.unit.node.web.conftest import SAME_SITE, Browser, text_of, words_of


def test_a_page_may_load_nothing_from_elsewhere():
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["Cache-Control"] == "no-store"
    assert HEADERS["Cross-Origin-Opener-Policy"] == "same-origin"
    # With `no-referrer` forms come with `Origin: null`, which the gate refuses.
    assert HEADERS["Referrer-Policy"] == "same-origin"


async def test_files_are_kept_for_ever_under_their_version(browser: Browser):
    css = assets()["app.css"]
    found = await browser.get(css.path)
    assert found.body == css.raw
    assert "immutable" in found.headers["Cache-Control"]
    packed = await browser.get(css.path, **{"Accept-Encoding": "gzip, br"})
    assert isinstance(packed.body, bytes)
    assert gzip.decompress(packed.body) == css.raw
    assert packed.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    "path",
    ["/static/000000000000/app.css", "/static/{v}/none.js", "/static/{v}/../site.py", "/static/"],
)
async def test_there_is_nothing_else(browser: Browser, path: str):
    version = assets()["app.css"].version
    found = await browser.get(path.format(v=version), Accept="text/html")
    assert found.status == 404
    assert "<h1>" in text_of(found)


async def test_a_refusal_is_a_page_a_person_can_read(browser: Browser):
    found = await browser.get("/no/such/page", Accept="text/html")
    assert found.status == 404
    assert "E-NOT-FOUND" in words_of(found)
    assert "What to do" in words_of(found)


async def test_nobody_is_led_to_the_door(browser: Browser):
    asked = await browser.asker.ask("GET", "/deals", token=None)
    assert asked.status == 303
    assert asked.headers["Location"] == "/login?next=/deals"


async def test_a_form_of_another_site_does_nothing(browser: Browser):
    headers = SAME_SITE | {
        "Sec-Fetch-Site": "cross-site",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    found = await browser.asker.ask("POST", "/ask/send", b"title=x", headers, token=None)
    assert found.status == 403
    assert browser.citizen.calls == []


async def test_a_page_a_form_was_answered_with_can_be_loaded_anew(browser: Browser):
    for path, where in (("/settings/tokens", "/settings"), ("/welcome/peers", "/welcome")):
        page = await browser.get(path)
        assert (page.status, page.headers["Location"]) == (303, where)


async def test_news_take_nothing_away_that_was_filled_in(browser: Browser):
    assert " data-keeps" in text_of(await browser.get("/ask"))
    assert " data-keeps" in text_of(await browser.post("/settings/tokens", name=""))
    assert " data-keeps" not in text_of(await browser.get("/"))
