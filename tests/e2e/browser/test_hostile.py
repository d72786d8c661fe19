"""Hostile texts in every field that is shown: nothing happens but that they are shown."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.browser.hostile import Supply, hostile_texts
from tests.e2e.browser.inspection import (
    check_hostile,
    crawl,
    hostile_faults,
    kind_of,
    texts_shown,
    walk,
)
from tests.e2e.browser.planting import Planting
from tests.e2e.browser.site import Sheet
from tests.e2e.browser.tab import PHONE_WIDTH
from tests.e2e.browser.town import Quarter, address_of
from tests.e2e.browser.watcher import Kind, Watcher
from tests.integration.fair import House

OFFERS = 120 if os.environ.get("INTENTCAST_LONG") else 10
"""Hostile vendors; each brings about two hundred texts."""


def test_there_are_five_hundred_texts_and_no_two_alike():
    texts = [each.text for each in hostile_texts()]
    assert len(texts) == len(set(texts)) >= 500
    assert len({each.family for each in hostile_texts()}) >= 18
    for text in texts:
        text.encode()


def test_every_size_of_field_gets_every_text_that_fits():
    supply = Supply()
    fitting = {each.text for each in hostile_texts() if each.fits(40) and each.text.strip()}
    assert {supply.text(40) for _ in range(3 * len(fitting))} == fitting
    assert all(len(supply.text(12)) <= 12 for _ in range(300))


# --- the inspection itself ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<p onclick='x()'>x</p>", "attribute"),
        ("<p style='color:red'>x</p>", "attribute"),
        ("<a href='javascript:alert(1)'>x</a>", "address"),
        ("<a href='//evil.test/'>x</a>", "address"),
        ("<a href='http://['>x</a>", "address"),
        ("<form action='http://evil.test'></form>", "address"),
        ("<b id=hostile>x</b>", "hostile element"),
        ("<iframe></iframe>", "element"),
        ("<svg><animate></animate></svg>", "element"),
        ("<script>1</script>", "script"),
        ("<meta http-equiv=refresh content='9;url=//evil.test'>", "refresh"),
        ("<p>before \u202eafter <b>more</b></p>", "loose direction"),
        ("<p>a <span>\u202eb</span> c</p>", "loose direction"),
    ],
)
async def test_what_a_text_could_make_is_found(body: str, why: str, open_tab, site, watcher):
    home = await site(**{"/": Sheet(f"<!doctype html><body>{body}", kind="text/html")})
    tab = await open_tab(home.url())
    await tab.go("/")
    found = await hostile_faults(tab)
    assert any(f": {why}: " in each for each in found), found
    watcher.retire()


async def test_a_page_that_shows_texts_as_texts_passes(open_tab, site):
    body = "<p>&lt;script>alert(1)&lt;/script></p><p><bdi>\u202eb</bdi> c</p><p>\u202ealone</p>"
    body += "<a href='/x?y=javascript:alert(1)'>x</a><meta http-equiv=refresh content='9;url=/x'>"
    home = await site(**{"/": Sheet(f"<!doctype html><body>{body}")})
    tab = await open_tab(home.url())
    await check_hostile(tab, "/")
    assert await texts_shown(tab, ["<script>alert(1)</script>", "nowhere"]) == [
        "<script>alert(1)</script>"
    ]


async def test_pages_are_found_by_their_links(open_tab, site):
    links = "".join(f"<a href='/casts/cast-AAAA-{n}{n}{n}{n}'>x</a>" for n in range(5))
    home = await site(
        **{
            "/": Sheet(f"{links}<a href='/deals#top'>x</a><a href='http://evil.test/'>x</a>"),
            "/deals": Sheet("<a href='/'>x</a><a href='/raw'>x</a>"),
            "/raw": Sheet("x", kind="text/plain"),
            **{f"/casts/cast-AAAA-{n}{n}{n}{n}": Sheet("<p>x</p>") for n in range(5)},
        }
    )
    tab = await open_tab(home.url())
    found = await crawl(tab)
    assert found == ["/", "/casts/cast-AAAA-0000", "/casts/cast-AAAA-1111", "/deals"]
    assert kind_of("/casts/cast-AAAA-0000?x=1") == "/casts/*"


# --- the product ----------------------------------------------------------------------------------


@dataclass
class Planted:
    """A home full of hostile texts."""

    house: House
    planting: Planting
    handle: str


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def planted(quarter: Quarter) -> AsyncIterator[Planted]:
    """One home for all tests of this file."""
    house = await quarter.move_in("buyer_ana")
    planting = Planting(house)
    handle = await planting.cast()
    await planting.offers(handle, OFFERS)
    second = await planting.cast()
    [offer] = await planting.offers(second, 1)
    found = (await house.handle.offers(second))["offers"]
    assert [each["valid"] for each in found] == [True], found[0]["problems"]
    facts: dict[str, Any] = {"options": [], "slot": None, "disclose": None, "anyway": False}
    await house.handle.accept(found[0]["handle"], **facts)
    assert found[0]["id"]
    assert offer.id
    await planting.confirm()
    yield Planted(house, planting, handle)
    await quarter.move_out(house)


async def test_enough_texts_were_planted(planted: Planted):
    assert len(planted.planting.supply.given) >= 500
    found = (await planted.house.handle.offers(planted.handle))["offers"]
    # The town's own shops may answer, too.
    assert len(found) >= OFFERS


@pytest.mark.timeout(180)
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_no_page_is_made_of_what_strangers_write(
    planted: Planted, open_tab, script: bool, watcher: Watcher
):
    tab = await open_tab(address_of(planted.house), script=script)
    await tab.enter()
    texts = planted.planting.supply.given
    faults, seen = [], set()
    async for _ in walk(tab):
        faults += await hostile_faults(tab)
        seen |= set(await texts_shown(tab, texts))
    assert not faults, "\n".join(faults)
    assert len(seen) > 100, len(seen)
    assert not watcher.of(Kind.DIALOG)


async def test_a_receipt_that_is_kept_is_made_of_texts_alone(planted: Planted, open_tab, site):
    """Opened from a disk it has no policy of the node's around it."""
    address = address_of(planted.house)
    [deal] = (await planted.house.handle.deals())["deals"]
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {address.token}"}) as session,
        session.get(f"{address.url}/deals/{deal['handle']}/receipt") as answer,
    ):
        assert answer.status == 200
        text = await answer.text()
    home = await site(**{"/": Sheet(text)})
    tab = await open_tab(home.url())
    await tab.go("/")
    assert await hostile_faults(tab, is_file=True) == []
    assert len(await texts_shown(tab, planted.planting.supply.given)) > 10
    assert await tab.axe() == []
    await tab.shots("receipt-hostile")


async def test_no_word_is_too_long_for_a_phone(planted: Planted, open_tab):
    tab = await open_tab(address_of(planted.house), width=PHONE_WIDTH)
    await tab.enter()
    wide = {}
    async for path in walk(tab, each_kind=1):
        if found := await tab.too_wide():
            wide[path] = found
            await tab.shots(f"too-wide-{len(wide)}")
    assert wide == {}
