"""The whole story in a real browser, from a home that does not exist yet to the checked receipt.

The buyer's node is started by the command, as a person would; relays and shops are processes, too.
Told with script, without, and on a phone; every page is held against the accessibility rules on
the way, and pictures of it are taken in both themes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Error, expect

from tests.e2e.browser.conftest import OpenTab
from tests.e2e.browser.newcomer import Newcomer
from tests.e2e.browser.tab import PHONE_WIDTH, WIDE_WIDTH, Tab
from tests.e2e.browser.town import SHOPS, Quarter
from tests.e2e.browser.watcher import Kind

HEADS = "table.compare thead th[id]"
COME_S = 60
DEAL_S = 60

ASK = {
    "#title": "4WD SUV for a ski week in Park City",
    "#item": "4WD SUV",
    "#words": "car rental",
}
LIMITS = {
    "#near": "Park City, UT",
    "#start": "2027-03-20",
    "#end": "2027-03-25",
    "#memberships": "Avis Wizard\nBudget FastBreak",
}


async def looked_at(tab: Tab, name: str) -> None:
    """Hold a page against the rules; nothing may stick out of the window."""
    await tab.check_axe()
    assert await tab.too_wide() == [], name
    await tab.shots(f"story-{tab.kind}-{name}")


async def settle_in(tab: Tab, code: str, relay: str) -> None:
    """Type the code, and go through the first steps, which come by themselves."""
    page = tab.page
    await tab.go("/")
    await expect(page.locator("h1")).to_have_text("Log in to your node")
    await looked_at(tab, "login")
    await page.fill("input[name=code]", code)
    await page.press("input[name=code]", "Enter")
    await expect(page.locator("h1")).to_contain_text("Keep your keys")
    await looked_at(tab, "first-1-keys")
    await page.click("text=Skip this step")
    await expect(page.locator("main")).to_contain_text("Not linked to anybody")
    await looked_at(tab, "first-2-others")
    await page.fill("#address", relay)
    await page.click("button:has-text('Link')")
    await expect(page.locator("main")).to_contain_text("Linked to")
    await page.click("text=On to what you want")
    await looked_at(tab, "first-3-want")
    await page.click("a.button:has-text('Say what you want')")
    await page.wait_for_url(re.compile("/ask"))


async def ask(tab: Tab) -> None:
    """Fill in the three steps and send; the budget is wrong at first."""
    page = tab.page
    await looked_at(tab, "ask-1-what")
    for field, text in ASK.items():
        await page.fill(field, text)
    await page.select_option("#function", "rent")
    await page.click("button[value=what]:not(.unseen)")
    await page.check("input[name=category][value='travel/car-rental']")
    await page.click("button[value=limits]:not(.unseen)")
    await looked_at(tab, "ask-2-limits")
    for field, text in LIMITS.items():
        await page.fill(field, text)
    if await page.locator("details#wishes").count():
        await page.locator("details#wishes summary").click()
    await page.select_option("select[name='wish:drive:level']", "must")
    await page.select_option("select[name='wish:drive:value']", "4wd")
    await page.fill("#budget_max", "600")
    tab.watcher.expects(Kind.CONSOLE, "422")
    await page.click("button[value=seen]:not(.unseen)")
    await expect(page.locator("[role=alert]")).to_contain_text("E-MONEY")
    await looked_at(tab, "ask-2-error")
    await page.fill("#budget_max", "600 USD")
    await page.click("button[value=seen]:not(.unseen)")
    public = await page.inner_text("pre.public")
    assert "4WD SUV" in public
    assert "600" not in public
    await looked_at(tab, "ask-3-seen")
    await page.fill("#disclose_name", "buyer_ana")
    await page.click("button:has-text('Sign and send')")
    await page.wait_for_url(re.compile(r"/casts/cast-"))


async def weigh(tab: Tab) -> None:
    """Move a weight: the table is ordered anew where it stands, and the address says how."""
    page = tab.page
    before = await page.inner_text("table.compare tr.why td >> nth=0")
    await page.locator("#w_trust").fill("0")
    await page.locator("#w_total").fill("10")
    await expect(page.locator("table.compare tr.why td").first).not_to_have_text(before)
    await expect(page.locator("table.compare thead th")).to_have_count(4)
    await expect(page).to_have_url(re.compile("w_total=10"))
    await page.locator("table.compare summary").first.click()
    await expect(page.locator("table.compare tr.why li").first).to_be_visible()


async def see_offers_come(tab: Tab) -> None:
    """Stay on the page until every shop has answered: by what it tells, or by loading it anew."""
    page = tab.page
    news = page.locator("#news a:visible, #live button:visible")
    async with asyncio.timeout(COME_S):
        while await page.locator(HEADS).count() < SHOPS:
            if not tab.has_script:
                await page.wait_for_timeout(250)
                await page.reload()
            elif await news.count():
                # It is gone again where what it told of has come in with what was asked for before.
                with suppress(Error):
                    await news.first.click(timeout=1_000)
            else:
                await page.wait_for_timeout(50)


async def story(tab: Tab, newcomer: Newcomer, relay: str, folder: Path) -> None:
    """Tell it from the first page to the checked receipt."""
    page = tab.page
    await settle_in(tab, await newcomer.code(), relay)
    await tab.go("/")
    await looked_at(tab, "casts-empty")
    await tab.go("/ask")
    await ask(tab)
    cast = page.url
    if tab.has_script:
        await expect(page.locator("#pulse")).to_have_text("Live")
    await see_offers_come(tab)
    await tab.go(cast.removeprefix(tab.address.url))
    await looked_at(tab, "compare")
    if tab.has_script:
        await weigh(tab)
    rows = await page.locator("table.compare tbody tr").count()
    await page.click("text=Show differences only")
    await expect(page.locator("#differences")).to_have_text("Show all rows")
    await expect(page.locator("table.compare tbody tr")).not_to_have_count(rows)
    await looked_at(tab, "compare-differences")
    await page.locator("a.button", has_text="Accept").first.click()
    await looked_at(tab, "accept")
    await page.check("input[name=say][value=now]")
    await page.fill("input[name=disclose_name]", "ana at home")
    await page.click("button:has-text('Accept for')")
    await looked_at(tab, "hold")
    await page.click("button:has-text('Undo')")
    await expect(page.locator("main")).to_contain_text("Nothing was signed")
    await looked_at(tab, "hold-undone")
    await page.goto(cast)
    await page.locator("a.button", has_text="Accept").first.click()
    await page.click("button:has-text('Accept for')")
    await agreed(tab)
    await looked_at(tab, "deal")
    async with page.expect_download() as saved:
        await page.click("text=Save as a page")
    receipt = folder / "receipt.html"
    await (await saved.value).save_as(receipt)
    await page.click("text=Check every signature")
    await expect(page.locator("main")).to_contain_text("verified")
    await looked_at(tab, "verified")
    await tab.go("/deals")
    await looked_at(tab, "deals")
    assert "verified" in await newcomer.run("verify", str(receipt))
    # Kept on a disk, it is a page that needs no node.
    tab.watcher.expects(Kind.FOREIGN, receipt.as_uri())
    await page.goto(receipt.as_uri())
    await looked_at(tab, "receipt")


async def agreed(tab: Tab) -> None:
    """Wait out the seconds in which one may undo, and then for the shop's word."""
    page = tab.page
    async with asyncio.timeout(DEAL_S):
        while not re.search(r"/deals/deal-", page.url):
            await page.wait_for_timeout(250)
            if not tab.has_script and await page.locator("text=Look again").count():
                await page.click("text=Look again")
        while not await page.locator("text=Check every signature").count():
            await page.wait_for_timeout(250)
            await page.reload()


@pytest_asyncio.fixture(loop_scope="session")
async def newcomer(tmp_path: Path) -> AsyncIterator[Newcomer]:
    """Who follows the story; to be asked for before `open_tab`, the daemon ends after the tabs."""
    async with Newcomer.moving_in(tmp_path / "home") as found:
        yield found


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("script", "width"),
    [(True, WIDE_WIDTH), (False, WIDE_WIDTH), (True, PHONE_WIDTH)],
    ids=["script", "no script", "phone"],
)
async def test_the_story(
    process_town: Quarter,
    newcomer: Newcomer,
    open_tab: OpenTab,
    tmp_path: Path,
    script: bool,
    width: int,
):
    tab = await open_tab(newcomer.address, script=script, width=width)
    await story(tab, newcomer, process_town.addresses()[0], tmp_path)
