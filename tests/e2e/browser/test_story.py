"""The whole story in a real browser: ask, compare, accept, keep the receipt.

Told with script, without, on a phone, and by keyboard alone; every page is looked at by the
accessibility rules on the way, and pictures of it are taken in both themes.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from node.cli.main import main
from node.web.pages import accepting
from tests.e2e.browser.conftest import OpenTab
from tests.e2e.browser.tab import PHONE_WIDTH, WIDE_WIDTH, Tab
from tests.e2e.browser.town import Quarter, address_of, offers_of
from tests.e2e.browser.watcher import Kind

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


async def looked_at(tab: Tab, name: str, *, pictures: bool) -> None:
    """Hold a page against the rules; nothing may stick out of the window."""
    await tab.check_axe()
    assert await tab.too_wide() == [], name
    if pictures:
        await tab.shots(name)


async def ask(tab: Tab, *, pictures: bool) -> None:
    """Fill in the three steps and send; the budget is wrong at first."""
    page = tab.page
    await tab.go("/ask")
    await looked_at(tab, "ask-1-what", pictures=pictures)
    for field, text in ASK.items():
        await page.fill(field, text)
    await page.select_option("#function", "rent")
    await page.click("button[value=what]")
    await page.check("input[name=category][value='travel/car-rental']")
    await page.click("button[value=limits]")
    await looked_at(tab, "ask-2-limits", pictures=pictures)
    for field, text in LIMITS.items():
        await page.fill(field, text)
    row = page.locator("tr", has=page.locator("input[value=drive]"))
    if await page.locator("details#wishes").count():
        await page.locator("details#wishes summary").click()
    await row.locator("select").nth(0).select_option("must")
    await row.locator("select").nth(2).select_option("4wd")
    await page.fill("#budget_max", "600")
    tab.watcher.expects(Kind.CONSOLE, "422")
    await page.click("button[value=seen]")
    await expect(page.locator("[role=alert]")).to_contain_text("E-MONEY")
    await looked_at(tab, "ask-2-error", pictures=pictures)
    await page.fill("#budget_max", "600 USD")
    await page.click("button[value=seen]")
    public = await page.inner_text("pre.public")
    assert "4WD SUV" in public
    assert "600" not in public
    await looked_at(tab, "ask-3-seen", pictures=pictures)
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


async def story(tab: Tab, folder: Path, quarter_house: object, *, pictures: bool) -> None:
    """Tell it from the first page to the checked receipt."""
    page = tab.page
    await tab.log_in()
    await looked_at(tab, "casts-empty", pictures=pictures)
    await ask(tab, pictures=pictures)
    handle = page.url.rpartition("/")[2]
    if tab.has_script:
        # What comes while it is looked at waits behind a button: `test_live_offers`.
        await expect(page.locator("#pulse")).to_have_text("Live")
    await offers_of(quarter_house, handle)  # type: ignore[arg-type]
    await tab.go(f"/casts/{handle}")
    await expect(page.locator("table.compare thead th")).to_have_count(4)
    await looked_at(tab, "compare", pictures=pictures)
    if tab.has_script:
        await weigh(tab)
    rows = await page.locator("table.compare tbody tr").count()
    await page.click("text=Show differences only")
    await expect(page.locator("#differences")).to_have_text("Show all rows")
    await expect(page.locator("table.compare tbody tr")).not_to_have_count(rows)
    await looked_at(tab, "compare-differences", pictures=pictures)
    await page.locator("a.button", has_text="Accept").first.click()
    await looked_at(tab, "accept", pictures=pictures)
    await page.check("input[name=say][value=now]")
    await page.fill("input[name=disclose_name]", "ana at home")
    await page.click("button:has-text('Accept for')")
    await looked_at(tab, "hold", pictures=pictures)
    await page.click("button:has-text('Undo')")
    await expect(page.locator("main")).to_contain_text("Nothing was signed")
    await looked_at(tab, "hold-undone", pictures=pictures)
    await tab.go(f"/casts/{handle}")
    await page.locator("a.button", has_text="Accept").first.click()
    await page.click("button:has-text('Accept for')")
    if not tab.has_script:
        await page.wait_for_timeout(3_000)
        await page.click("text=Look again")
    await page.wait_for_url(re.compile(r"/deals/deal-"), timeout=20_000)
    for _ in range(40):
        if await page.locator("text=Check every signature").count():
            break
        await page.wait_for_timeout(250)
        await page.reload()
    await looked_at(tab, "deal", pictures=pictures)
    async with page.expect_download() as saved:
        await page.click("text=Save as a page")
    receipt = folder / "receipt.html"
    await (await saved.value).save_as(receipt)
    await page.click("text=Check every signature")
    await expect(page.locator("main")).to_contain_text("verified")
    await looked_at(tab, "verified", pictures=pictures)
    await tab.go("/deals")
    await looked_at(tab, "deals", pictures=pictures)
    assert main(["verify", str(receipt)]) == 0


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("script", "width"),
    [(True, WIDE_WIDTH), (False, WIDE_WIDTH), (True, PHONE_WIDTH)],
    ids=["script", "no script", "phone"],
)
async def test_the_story(
    town: Quarter,
    open_tab: OpenTab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: bool,
    width: int,
):
    monkeypatch.setattr(accepting, "HOLD_S", 3)
    house = await town.move_in(f"buyer_{width}_{script}")
    tab = await open_tab(address_of(house), script=script, width=width)
    await story(tab, tmp_path, house, pictures=True)
    await town.move_out(house)
