"""The shop's pages in a real browser: looked at, and a feed tried before it is imported."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from node.testnet.plan import Part
from tests.e2e.browser.conftest import OpenTab
from tests.e2e.browser.tab import PHONE_WIDTH, Address, Tab
from tests.e2e.browser.town import Quarter, offers_of, rental_cast
from tests.e2e.browser.watcher import Kind
from tests.integration.fair import eventually

PATHS = ("/shop", "/shop/inbox", "/shop/catalogue", "/shop/offers")
FEED = (
    "id,title,price,category\n"
    "X-1,Roof box <b>wide</b>,49.00 USD,travel/car-rental\n"
    "X-2,Snow chains,soon,travel/car-rental\n"
)


def shop_of(town: Quarter) -> Address:
    return Address.of(town.town.of(Part.VENDOR)[0].home)


async def heard(shop: Address, title: str) -> bool:
    _, found = await shop.ask("GET", "/v1/vendor/inbox")
    return title in {each["title"] for each in found["requests"]}


async def looked_at(tab: Tab, name: str) -> None:
    await tab.check_axe()
    assert await tab.too_wide() == [], name
    await tab.shots(name)


@pytest.mark.timeout(120)
async def test_the_shop_is_looked_at(town: Quarter, open_tab: OpenTab):
    house = await town.move_in("buyer_shopper")
    found = await offers_of(house, await rental_cast(house))
    cake = {"category": "food", "title": "A cake", "items": [{"name": "cake"}], "function": "buy"}
    await rental_cast(house, **cake, when=[])
    await house.handle.accept(
        found[0]["handle"], options=[], slot=None, disclose=None, anyway=False
    )
    await eventually(lambda: heard(shop_of(town), "A cake"), "the shop has heard of the cake")
    tab = await open_tab(shop_of(town))
    await tab.log_in()
    for path in PATHS:
        await tab.go(path)
        await looked_at(tab, f"shop{path.removeprefix('/shop').replace('/', '-')}")
    phone = await open_tab(shop_of(town), width=PHONE_WIDTH, script=False)
    await phone.log_in()
    for path in PATHS:
        await phone.go(path)
        await looked_at(phone, f"shop-phone{path.removeprefix('/shop').replace('/', '-')}")
    # Without script the way for a feed is the command, and no form pretends otherwise.
    await phone.go("/shop/catalogue")
    await expect(phone.page.locator("#feed")).to_be_hidden()
    await expect(phone.page.locator("pre").first).to_contain_text("vendor import FEED --dry-run")


@pytest.mark.timeout(60)
async def test_a_feed_is_tried_and_then_imported(town: Quarter, open_tab: OpenTab, tmp_path: Path):
    feed = tmp_path / "extra.csv"
    feed.write_text(FEED, encoding="utf-8")
    tab = await open_tab(shop_of(town))
    await tab.log_in()
    await tab.go("/shop/catalogue")
    page = tab.page
    importing = page.locator("button[value=apply]")
    await expect(importing).to_be_disabled()
    await page.set_input_files("#feed-file", feed)
    await page.click("button[value=try]")
    await expect(page.locator("#feed-said")).to_contain_text("Nothing is changed yet.")
    await expect(page.locator("[data-member=added]")).to_have_text("1")
    await expect(page.locator("[data-member=refused]")).to_have_text("1")
    await expect(page.locator("#feed-problems")).to_contain_text("row refused")
    await looked_at(tab, "shop-feed")
    # Another currency is another question: it is looked at before it is done.
    await page.fill("#feed-currency", "EUR")
    await expect(importing).to_be_disabled()
    await page.fill("#feed-currency", "")
    await page.click("button[value=try]")
    await expect(importing).to_be_enabled()
    await importing.click()
    await expect(page.locator("#feed-said")).to_contain_text("It is done.")
    await tab.go("/shop/catalogue?words=roof+box")
    await expect(page.locator("tbody tr").first).to_contain_text("Roof box <b>wide</b>")


@pytest.mark.timeout(60)
async def test_a_late_answer_allows_no_import_of_something_else(
    town: Quarter, open_tab: OpenTab, tmp_path: Path
):
    feed = tmp_path / "late.csv"
    feed.write_text(FEED, encoding="utf-8")
    tab = await open_tab(shop_of(town))
    await tab.log_in()
    await tab.go("/shop/catalogue")
    page = tab.page
    importing, said = page.locator("button[value=apply]"), page.locator("#feed-said")
    going_on = {"": asyncio.Event(), "EUR": asyncio.Event()}

    async def late(route: Route) -> None:
        await going_on["EUR" if "currency=EUR" in route.request.url else ""].wait()
        await route.continue_()

    await page.route("**/v1/vendor/import?*", late)
    await page.set_input_files("#feed-file", feed)
    await page.click("button[value=try]")
    await expect(said).to_have_text("Reading the file")
    await page.fill("#feed-currency", "EUR")
    going_on[""].set()
    await expect(said).to_contain_text("Nothing is changed yet.")
    await expect(importing).to_be_disabled()
    # Of two questions on their way only the later one's answer counts.
    going_on[""].clear()
    await page.fill("#feed-currency", "")
    await page.click("button[value=try]")
    await page.fill("#feed-currency", "EUR")
    await page.click("button[value=try]")
    async with page.expect_response(lambda answer: "currency" not in answer.url):
        going_on[""].set()
    await expect(said).to_have_text("Reading the file")
    await expect(importing).to_be_disabled()
    going_on["EUR"].set()
    await expect(importing).to_be_enabled()


@pytest.mark.timeout(60)
async def test_a_file_that_is_no_feed_is_refused_in_words(
    town: Quarter, open_tab: OpenTab, tmp_path: Path
):

    wrong = tmp_path / "feed.csv"
    wrong.write_bytes(b"PK\x03\x04 not a table")
    tab = await open_tab(shop_of(town))
    await tab.log_in()
    await tab.go("/shop/catalogue")
    tab.watcher.expects(Kind.CONSOLE, "422")
    await tab.page.set_input_files("#feed-file", wrong)
    await tab.page.click("button[value=try]")
    await expect(tab.page.locator("#feed-said")).to_contain_text("E-FEED")
    await expect(tab.page.locator("button[value=apply]")).to_be_disabled()
