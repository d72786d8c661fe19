"""A testnet's page in a real browser: seen, reached by keyboard, kept fresh without moving."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio
from playwright.async_api import expect

from node.clock import SystemClock
from node.entropy import SystemEntropy
from node.testnet.dashboard import served
from node.testnet.fault import Change
from node.testnet.goal import Counts
from tests.e2e.browser.conftest import OpenTab
from tests.e2e.browser.tab import PHONE_WIDTH, Address, Tab
from tests.unit.node.testnet.village import Village


@asynccontextmanager
async def shown(village: Village, folder: Path) -> AsyncIterator[Address]:
    clock = SystemClock()
    async with served(
        village.scene, folder, clock=clock, entropy=SystemEntropy(), port=None
    ) as page:
        token = (folder / "dashboard" / "api.token").read_text("ascii")
        yield Address(page.url, token)


class Show(Protocol):
    """Serves the page of a village."""

    def __call__(self, village: Village) -> Awaitable[Address]: ...


@pytest_asyncio.fixture(loop_scope="session")
async def show(tmp_path: Path) -> AsyncIterator[Show]:
    """Give a way to serve a village's page; to be asked for before `open_tab`, it ends after."""
    async with AsyncExitStack() as stack:

        async def serve(village: Village) -> Address:
            return await stack.enter_async_context(shown(village, tmp_path))

        yield serve


def lively(*, faulty: bool = True) -> Village:
    village = Village(faulty=faulty)
    for other in ("relay-2", "alpine-wheels", "buyer-1"):
        village.link("relay-1", other)
    village.door("buyer-1").happens("cast.open")
    village.door("alpine-wheels").happens("offer.sent", "2027-02-20T12:00:01Z")
    return village


async def looked_at(tab: Tab, name: str) -> None:
    await tab.check_axe()
    assert await tab.too_wide() == [], name
    await tab.shots(name)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_fault_is_set_and_lifted(show: Show, open_tab: OpenTab, script: bool):
    address = await show(lively())
    tab = await open_tab(address, script=script, width=PHONE_WIDTH)
    await tab.log_in()
    page = tab.page
    await looked_at(tab, f"testnet-phone-{script}")
    await page.select_option("#fault-first", "relay-1")
    await page.select_option("#fault-second", "relay-2")
    await page.fill("#fault-delay", "300ms")
    await page.click("button:has-text('Make it so')")
    fault = page.locator("[data-fault='relay-1~relay-2']")
    await expect(fault).to_have_text("delay 300 ms")
    await expect(page.locator("line.faulty")).to_have_count(1)
    await tab.wide()
    await looked_at(tab, f"testnet-{script}")
    await page.click("button[name=heal][value='relay-1~relay-2']")
    await expect(page.locator("line.faulty")).to_have_count(0)
    await page.click("tr#node-buyer-1 button")
    await expect(page.locator("a.button")).to_have_attribute(
        "href", "http://buyer-1/login#ACDEFGHJ"
    )
    await looked_at(tab, f"testnet-node-{script}")


@pytest.mark.timeout(60)
async def test_numbers_stay_fresh_and_nothing_moves(show: Show, open_tab: OpenTab):
    village = lively()
    address = await show(village)
    tab = await open_tab(address)
    await tab.follow_link()
    page = tab.page
    row = page.locator("tr#node-buyer-1")
    before = await row.bounding_box()
    village.tally.update("buyer-1", Counts(casts=7))
    village.door("buyer-1").linked.clear()
    village.clock.advance(2_000)
    await expect(page.locator("[data-count=casts]")).to_have_text("7")
    await expect(page.locator("[data-node=buyer-1]")).to_have_text("0")
    await expect(page.locator("#news")).to_be_hidden()
    assert await row.bounding_box() == before
    events = await page.locator(".timeline li").count()
    village.door("buyer-1").happens("offer", "2027-02-20T12:00:02Z")
    village.clock.advance(2_000)
    await expect(page.locator("#news")).to_be_visible()
    assert await row.bounding_box() == before
    assert await page.locator(".timeline li").count() == events
    await tab.check_axe()
    await page.click("#news a")
    await expect(page.locator(".timeline li")).to_have_count(events + 1)
    # By keyboard: a node of the picture is reached, named, and leads to its row.
    node = page.locator("svg a[aria-label^='buyer-1']")
    await node.focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{address.url}/#node-buyer-1")


@pytest.mark.timeout(60)
async def test_a_fault_from_another_terminal_shows(show: Show, open_tab: OpenTab):
    village = lively()
    assert village.crossing is not None
    address = await show(village)
    tab = await open_tab(address)
    await tab.log_in()
    await expect(tab.page.locator("line.faulty")).to_have_count(0)
    village.crossing.change(Change(link="relay-1~relay-2", loss=0.05))
    village.clock.advance(2_000)
    await expect(tab.page.locator("line.faulty")).to_have_count(1)
    await expect(tab.page.locator("#news")).to_be_visible()


@pytest.mark.timeout(60)
async def test_sound_lines(show: Show, open_tab: OpenTab):
    address = await show(lively(faulty=False))
    tab = await open_tab(address)
    await tab.log_in()
    await expect(tab.page.locator("main")).to_contain_text("was started without --faulty")
    await looked_at(tab, "testnet-sound")


@pytest.mark.timeout(60)
async def test_a_session_that_ended_is_no_testnet_that_ended(show: Show, open_tab: OpenTab):
    address = await show(lively())
    tab = await open_tab(address)
    await tab.log_in()
    pulse = tab.page.locator("#pulse")
    await expect(pulse).to_have_text("Numbers are live.")
    await tab.context.clear_cookies()
    await expect(pulse).to_have_text("Logged out: log in again")
    await expect(tab.page.locator("#told")).to_have_text("Logged out: log in again")
    await pulse.locator("a").click()
    await expect(tab.page.locator("h1")).to_have_text("Log in to your node")
