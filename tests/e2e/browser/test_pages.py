"""Every page there is, found by its links: empty, live and refused, by the rules of accessibility.

Pictures of each in both themes are left for people to look at.
"""

from __future__ import annotations

import pytest

from tests.e2e.browser.conftest import OpenTab
from tests.e2e.browser.inspection import crawl, kind_of
from tests.e2e.browser.tab import Tab
from tests.e2e.browser.town import Quarter, address_of, offers_of, rental_cast
from tests.e2e.browser.watcher import Kind

EXPECTED = {"/", "/ask", "/deals", "/people", "/network", "/settings", "/shop", "/manual"}


async def hold_against_the_rules(tab: Tab, paths: list[str], state: str) -> None:
    """Look at every page, on a wide screen and on a phone."""
    faults: list[str] = []
    for path in paths:
        await tab.go(path)
        name = kind_of(path).strip("/").replace("/", "-").replace("*", "one") or "home"
        faults += [f"{path}: {each}" for each in await tab.axe()]
        await tab.shots(f"{state}-{name}")
        await tab.phone()
        faults += [f"{path} on a phone: {each}" for each in await tab.too_wide()]
        faults += [f"{path} on a phone: {each}" for each in await tab.axe()]
        await tab.wide()
    assert faults == []


@pytest.mark.timeout(180)
async def test_an_empty_home(town: Quarter, open_tab: OpenTab):
    house = await town.move_in("buyer_new")
    tab = await open_tab(address_of(house))
    await tab.log_in()
    # A fresh home is shown its first steps, once.
    steps = tab.page.url.removeprefix(tab.address.url)
    await hold_against_the_rules(tab, [steps], "first")
    paths = await crawl(tab, "/deals")
    assert {kind_of(path) for path in paths} >= EXPECTED
    await hold_against_the_rules(tab, paths, "empty")


@pytest.mark.timeout(180)
async def test_a_home_that_is_lived_in(town: Quarter, open_tab: OpenTab):
    house = await town.move_in("buyer_old")
    handle = await rental_cast(house)
    found = await offers_of(house, handle)
    await rental_cast(house, title="Another week")
    await house.handle.accept(
        found[0]["handle"], options=[], slot=None, disclose=None, anyway=False
    )
    tab = await open_tab(address_of(house))
    await tab.log_in()
    paths = await crawl(tab, "/", each_kind=1)
    kinds = {kind_of(path) for path in paths}
    assert kinds >= EXPECTED | {"/casts/*", "/deals/*"}
    await hold_against_the_rules(tab, paths, "live")


async def test_refusals_are_pages_too(town: Quarter, open_tab: OpenTab):
    house = await town.move_in("buyer_lost")
    tab = await open_tab(address_of(house))
    await tab.log_in()
    for path, status in (("/casts/cast-0000", 404), ("/no/such", 404), ("/holds/none", 404)):
        tab.watcher.expects(Kind.CONSOLE, str(status))
        found = await tab.page.goto(f"{tab.address.url}{path}")
        assert found is not None
        assert found.status == status
        await tab.check_axe()
    await tab.shots("refused")


@pytest.mark.timeout(120)
async def test_answers_to_forms_are_held_against_the_rules(town: Quarter, open_tab: OpenTab):
    house = await town.move_in("buyer_forms")
    tab = await open_tab(address_of(house))
    page = tab.page

    async def looked_at(name: str) -> None:
        await tab.check_axe()
        assert await tab.too_wide() == [], name
        await tab.shots(f"answer-{name}")

    await tab.go("/login")
    tab.watcher.expects(Kind.CONSOLE, "401")
    await page.fill("input[name=code]", "AAAA-AAAA")
    await page.press("input[name=code]", "Enter")
    await page.click("text=Try another code", trial=True)
    await looked_at("wrong-code")
    await tab.enter()
    await tab.go("/settings")
    await page.fill("#name", "status board")
    await page.click("button:has-text('Make a token')")
    await page.wait_for_selector("#secret")
    await looked_at("token")
    await tab.go("/settings")
    await page.click("button:has-text('Write a backup')")
    await page.wait_for_selector("text=Check it now")
    await looked_at("backup")
    await page.click("button:has-text('Check this file')")
    await page.wait_for_selector("text=Sound.")
    await looked_at("backup-checked")
    await tab.go("/network")
    await page.click("button:has-text('Look now')")
    await page.wait_for_selector("text=What to do")
    await looked_at("doctor")
    handle = await rental_cast(
        house,
        title="Nobody here sells it",
        category="education/tutoring",
        items=[{"name": "Lessons"}],
    )
    await tab.go(f"/casts/{handle}")
    await looked_at("no-offers")
