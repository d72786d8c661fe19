"""The story by keyboard alone: no pointer is ever used, and the focus is always seen."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from node.web.pages import accepting
from tests.e2e.browser.conftest import OpenTab
from tests.e2e.browser.tab import Tab
from tests.e2e.browser.town import Quarter, address_of, offers_of

STOPS_MAX = 250
"""Longest way to anything on a page, in presses of Tab."""
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const words = (one.getAttribute('aria-label') || one.innerText || one.value || '').trim();
  return {tag: one.tagName, name: one.name || '', id: one.id, value: one.value || '',
    // A field for a date shows its focus at the part that is typed into; a point, at its circle.
    words, ring: style.outlineStyle !== 'none' || one.type === 'date' || one.tagName === 'a',
    seen: box.width > 0 && box.height > 0};
}"""


async def walk_to(tab: Tab, wanted: str) -> None:
    """Press Tab until what is wanted has the focus; whatever has it must show that it has."""
    page = tab.page
    for _ in range(STOPS_MAX):
        await page.keyboard.press("Tab")
        found = await page.evaluate(FOCUSED)
        if found is None:
            continue
        assert found["seen"], found
        assert found["ring"], found
        if wanted in {f"#{found['id']}", f"{found['name']}={found['value']}", found["words"]}:
            return
        if found["words"].startswith(wanted):
            return
    raise AssertionError(f"{wanted} cannot be reached at {page.url}")


async def write(tab: Tab, field: str, text: str) -> None:
    await walk_to(tab, field)
    await tab.page.keyboard.type(text)


async def press(tab: Tab, words: str) -> None:
    await walk_to(tab, words)
    async with tab.page.expect_navigation():
        await tab.page.keyboard.press("Enter")


@pytest.mark.timeout(180)
async def test_no_pointer_is_needed(
    town: Quarter, open_tab: OpenTab, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(accepting, "HOLD_S", 2)
    house = await town.move_in("buyer_keys")
    tab = await open_tab(address_of(house))
    page, keys = tab.page, tab.page.keyboard
    login = await tab.address.login()
    await tab.go("/login")
    await write(tab, "#code", login["code"])
    await keys.press("Enter")
    await page.wait_for_url(lambda url: "/login" not in url)
    await press(tab, "To the content")
    assert await page.evaluate("document.activeElement.id") == "main"
    await tab.go("/ask")
    await write(tab, "#title", "4WD SUV for a ski week")
    await walk_to(tab, "#function")
    await keys.press("r")
    await write(tab, "#words", "car rental")
    await press(tab, "Find")
    await walk_to(tab, "category=travel/car-rental")
    await keys.press("Space")
    await press(tab, "On to the limits")
    await walk_to(tab, "Choose among")
    await keys.press("Enter")
    await write(tab, "#budget_max", "600 USD")
    await write(tab, "#near", "Park City, UT")
    await walk_to(tab, "#precision")
    await keys.press("ArrowRight")
    await walk_to(tab, "#start")
    await keys.type("03202027")
    await walk_to(tab, "#end")
    await keys.type("03252027")
    await press(tab, "On to who sees what")
    await expect(page.locator("main")).to_contain_text("about 36 km2")
    await press(tab, "Sign and send")
    await page.wait_for_url(re.compile(r"/casts/cast-"))
    handle = page.url.rpartition("/")[2]
    await offers_of(house, handle)
    await tab.go(f"/casts/{handle}")
    await press(tab, "Accept")
    await press(tab, "Accept for")
    await page.wait_for_url(re.compile(r"/deals/deal-"), timeout=20_000)
