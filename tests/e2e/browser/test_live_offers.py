"""Offers that come while a person looks: told once, behind a button; nothing moves by itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from node.vendor.storekeeper import Storekeeper
from tests.e2e.browser.conftest import OpenTab
from tests.e2e.browser.town import SHOPS, Quarter, address_of, offers_of, rental_cast

HEADS = "table.compare thead th[id]"
PLACES = """() => [...document.querySelectorAll('main :is(h1, h2, th, td, a.button, form)')]
  .map((one) => [one.localName, one.id, one.textContent.slice(0, 20), one.getBoundingClientRect()])
  .map(([name, id, text, box]) => `${name} ${id} ${text}: ${box.x} ${box.y}`)"""
TELLINGS = """() => {
  window.tellings = [];
  const told = document.getElementById("told");
  new MutationObserver(() => window.tellings.push([performance.now(), told.textContent]))
    .observe(told, {childList: true, characterData: true, subtree: true});
}"""
TOLD_EVERY_MS = 10_000


class Counter:
    """Lets shops quote only when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open = asyncio.Semaphore(0)
        offer_for = Storekeeper.offer_for

        async def held(keeper: Storekeeper, *args: Any, **options: Any) -> Any:
            await self._open.acquire()
            return await offer_for(keeper, *args, **options)

        monkeypatch.setattr(Storekeeper, "offer_for", held)

    def close(self) -> None:
        """Let everybody quote, or shops of later tests wait for a counter that is gone."""
        self.let(1_000)

    def let(self, count: int) -> None:
        """Let so many shops quote."""
        for _ in range(count):
            self._open.release()


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    found = Counter(monkeypatch)
    yield found
    found.close()


async def places(page: Page) -> list[str]:
    """List where offers, rows and headings stand: name, left and upper edge."""
    found: list[str] = await page.evaluate(PLACES)
    return found


@pytest.mark.timeout(90)
async def test_offers_come_in_behind_a_button_and_move_nothing(
    town: Quarter, open_tab: OpenTab, counter: Counter
):
    house = await town.move_in("buyer_live")
    handle = await rental_cast(house)
    tab = await open_tab(address_of(house))
    page = tab.page
    await tab.log_in()
    await tab.go(f"/casts/{handle}")
    await expect(page.locator("#pulse")).to_have_text("Live")
    await expect(page.locator("main")).to_contain_text("No offers yet")
    before = await places(page)
    counter.let(1)
    await expect(page.locator("#news")).to_be_visible()
    assert await places(page) == before
    # A page without a table has nothing to put them into: it offers to be loaded anew.
    await page.click("#news a")
    await expect(page.locator(HEADS)).to_have_count(1)
    await expect(page.locator("#pulse")).to_have_text("Live")
    await expect(page.locator("#live")).to_be_hidden()
    before = await places(page)
    await page.evaluate(TELLINGS)
    counter.let(SHOPS - 1)
    button = page.locator("#live button")
    await expect(button).to_have_text(f"{SHOPS - 1} new offers: show them")
    assert await places(page) == before
    await tab.check_axe()
    await button.click()
    await expect(page.locator(HEADS)).to_have_count(SHOPS)
    await expect(page.locator("#live")).to_be_hidden()
    told = await page.evaluate("window.tellings")
    assert told
    moments = [moment for moment, _ in told]
    gaps = [later - sooner for sooner, later in itertools.pairwise(moments)]
    assert all(gap >= TOLD_EVERY_MS for gap in gaps), told


@pytest.mark.timeout(90)
async def test_an_offer_that_comes_while_the_page_looks_is_seen(
    town: Quarter, open_tab: OpenTab, counter: Counter
):
    house = await town.move_in("buyer_late")
    handle = await rental_cast(house)
    counter.let(1)
    await offers_of(house, handle, 1)
    tab = await open_tab(address_of(house))
    page = tab.page
    await tab.enter()
    answers: list[str] = []

    async def slow(route: Any) -> None:
        # The first look is answered with what there was; the other offers come meanwhile.
        answer = await route.fetch()
        answers.append(await answer.text())
        if len(answers) == 1:
            counter.let(SHOPS - 1)
            await offers_of(house, handle)
            await asyncio.sleep(0.5)
        await route.fulfill(response=answer)

    await page.route(f"**/v1/casts/{handle}", slow)
    await tab.go(f"/casts/{handle}")
    await expect(page.locator("#pulse")).to_have_text("Live")
    await page.evaluate("document.dispatchEvent(new CustomEvent('intentcast', {detail: {}}))")
    await expect(page.locator("#live button")).to_have_text(f"{SHOPS - 1} new offers: show them")
    await page.click("#live button")
    await expect(page.locator(HEADS)).to_have_count(SHOPS)


@pytest.mark.timeout(90)
async def test_an_offer_that_comes_before_the_script_does_is_seen(
    town: Quarter, open_tab: OpenTab, counter: Counter
):
    house = await town.move_in("buyer_early")
    handle = await rental_cast(house)
    counter.let(1)
    await offers_of(house, handle, 1)
    tab = await open_tab(address_of(house))
    page = tab.page
    await tab.enter()

    async def late(route: Any) -> None:
        # The others come while the script that counts them is on its way.
        counter.let(SHOPS - 1)
        await offers_of(house, handle)
        await route.continue_()

    await page.route("**/compare.js", late)
    await page.goto(f"{tab.address.url}/casts/{handle}", wait_until="commit")
    await expect(page.locator("#live button")).to_have_text(f"{SHOPS - 1} new offers: show them")
