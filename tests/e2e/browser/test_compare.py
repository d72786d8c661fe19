"""The comparison as it changes in place: answers late, lost or refused, and what is said then."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio
from playwright.async_api import Page, Request, Route, expect

from tests.e2e.browser.conftest import OpenTab, StandIn
from tests.e2e.browser.tab import Tab
from tests.e2e.browser.watcher import Kind
from tests.unit.node.web.conftest import Neighbour
from tests.unit.node.web.papers import CAST, offer, wish

PATH = f"/casts/{CAST['handle']}"
COMPARED = "**/compared?*"
HEADS = "table.compare thead th[id]"
ROWS = "table.compare tbody tr"
PAUSE_MS = 150


@dataclass
class Shown:
    """A comparison in a tab, and the stand-in behind it."""

    citizen: Neighbour
    tab: Tab
    asked: list[str]
    """Addresses asked for in place."""

    @property
    def page(self) -> Page:
        return self.tab.page

    async def slide(self, *values: int) -> None:
        """Move the slider of the price, step by step, at once."""
        await self.page.evaluate(
            """(values) => values.forEach((value) => {
              const slider = document.getElementById('w_total');
              slider.value = value;
              slider.dispatchEvent(new Event('input', {bubbles: true}));
            })""",
            list(values),
        )


@pytest_asyncio.fixture(loop_scope="session")
async def shown(open_tab: OpenTab, stand_in: StandIn) -> AsyncIterator[Shown]:
    """Two offers that differ in two wishes of one name."""
    citizen = Neighbour()
    twice = [wish(item="lamp"), wish(item="oven", status="unmet", fact="12 V")]
    citizen.offer_list = [offer(1, musts=twice), offer(2, musts=twice[::-1])]
    address = await stand_in(citizen)
    tab = await open_tab(address)
    asked: list[str] = []

    def hear(request: Request) -> None:
        if "/compared" in request.url:
            asked.append(request.url)

    tab.page.on("request", hear)
    await tab.enter()
    await tab.go(PATH)
    await expect(tab.page.locator("#pulse")).to_have_text("Live")
    yield Shown(citizen, tab, asked)


async def test_no_answer_changes_nothing_and_says_what_to_do(shown: Shown):
    page = shown.page
    trouble = page.locator("#unanswered a")
    await expect(trouble).to_be_hidden()
    shown.tab.watcher.expects(Kind.CONSOLE, "ERR_FAILED")
    await page.route(COMPARED, lambda route: route.abort())
    rows = await page.locator(ROWS).count()
    await page.click("#differences")
    await expect(trouble).to_have_text("The node does not answer: load the page anew")
    await expect(page.locator("#told")).to_have_text("The node does not answer: load the page anew")
    assert await trouble.get_attribute("href") == f"{PATH}?show=differences"
    await expect(page.locator("#differences")).to_have_text("Show differences only")
    assert await page.locator(ROWS).count() == rows
    await shown.tab.check_axe()
    await page.unroute(COMPARED)
    await page.click("#differences")
    await expect(page.locator("#differences")).to_have_text("Show all rows")
    await expect(trouble).to_be_hidden()
    assert await page.locator(ROWS).count() < rows


async def test_a_refusal_and_the_end_of_a_session_are_told_apart(shown: Shown):
    page = shown.page
    trouble = page.locator("#unanswered a")
    shown.tab.watcher.expects(Kind.CONSOLE, "400")
    await page.route(COMPARED, lambda route: route.fulfill(status=400, body="no"))
    await shown.slide(7)
    await expect(trouble).to_have_text("The node could not do that: load the page anew")
    await page.unroute(COMPARED)
    assert shown.citizen.access is not None
    shown.citizen.access.is_session_open = False
    await shown.slide(8)
    await expect(trouble).to_have_text("Logged out: log in again")
    assert (await trouble.get_attribute("href") or "").startswith("/login?next=%2Fcasts%2F")


async def test_a_slider_asks_when_it_rests_and_only_the_last_answer_counts(shown: Shown):
    page = shown.page
    lost: list[str] = []
    page.on("requestfailed", lambda one: lost.append(one.url))
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        if "w_total=9" in route.request.url:
            await held.wait()
        await route.continue_()

    await page.route(COMPARED, hold)
    await shown.slide(*range(2, 10))
    await page.wait_for_timeout(3 * PAUSE_MS)
    assert [each.partition("w_total=")[2][0] for each in shown.asked] == ["9"]
    await shown.slide(3)
    await expect(page).to_have_url(re.compile("w_total=3"))
    assert ["w_total=9" in each for each in lost] == [True]
    held.set()
    assert "w_total=3" in page.url


async def test_the_form_does_not_bring_differences_back(shown: Shown):
    page = shown.page
    await shown.tab.go(f"{PATH}?show=differences")
    await page.click("#differences")
    await expect(page.locator("#differences")).to_have_text("Show differences only")
    rows = await page.locator(ROWS).count()
    await shown.slide(5)
    await expect(page).to_have_url(re.compile("w_total=5"))
    assert "show=" not in page.url
    assert await page.locator(ROWS).count() == rows


async def test_a_new_order_is_said_and_a_slider_says_its_weight(shown: Shown):
    page = shown.page
    slider = page.locator("#w_total")
    await expect(slider).to_have_attribute("aria-valuetext", "1 of 10")
    shown.citizen.offer_list.reverse()
    await shown.slide(2, 9)
    await expect(slider).to_have_attribute("aria-valuetext", "9 of 10")
    await expect(page.locator("#told")).to_have_text("First now: vendor_2, 220.00 EUR")


async def test_the_picture_goes_with_the_table(shown: Shown):
    page = shown.page
    await expect(page.locator("svg.plot circle")).to_have_count(2)
    shown.citizen.offer_list = [offer(n, position=n) for n in (3, 1, 2)]
    await shown.slide(9)
    await expect(page.locator("svg.plot circle")).to_have_count(3)
    await expect(page.locator("h2", has_text="Price and date")).to_have_count(1)
    served = await page.locator("#plotted").inner_text()
    drawn = await page.locator("#plotted a").evaluate_all(
        "all => all.map((one) => [one.getAttribute('href'), one.getAttribute('aria-label')])"
    )
    await page.reload()
    # What the script drew is what the node writes.
    assert await page.locator("#plotted").inner_text() == served
    assert drawn == await page.locator("#plotted a").evaluate_all(
        "all => all.map((one) => [one.getAttribute('href'), one.getAttribute('aria-label')])"
    )
    await page.locator("#plotted a").last.click()
    await expect(page).to_have_url(re.compile("#offer-offer-AAAA-0002$"))
    shown.citizen.offer_list = [offer(1)]
    await shown.slide(2)
    await expect(page.locator("#plotted")).to_be_empty()


async def test_wishes_of_one_name_keep_their_rows(shown: Shown):
    page = shown.page
    cells = "all => all.map((one) => one.textContent.trim())"
    before = await page.locator(f"{ROWS}.must td").evaluate_all(cells)
    assert len(before) == 4
    for words in ("Show all rows", "Show differences only"):
        await page.click("#differences")
        await expect(page.locator("#differences")).to_have_text(words)
    assert await page.locator(f"{ROWS}.must td").evaluate_all(cells) == before
