"""The comparison on a phone: a card for each term, an offer on each line, nothing to scroll to."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.e2e.browser.conftest import OpenTab, StandIn
from tests.e2e.browser.tab import PHONE_WIDTH, Tab
from tests.unit.node.web.conftest import Neighbour
from tests.unit.node.web.papers import CAST, offer

LONG = "Alpine Wheels and Snow Chains of the Upper Valley, Kimball Junction"
DOMAIN = "a-club-of-careful-drivers.and-their-cars.example"
PATH = f"/casts/{CAST['handle']}"
_LINES = """() => [...document.querySelectorAll('table.compare tbody tr')].map((row) => ({
  head: row.querySelector('th').getBoundingClientRect().toJSON(),
  cells: [...row.querySelectorAll('td')].map((cell) => ({
    ...cell.getBoundingClientRect().toJSON(),
    vendor: cell.dataset.vendor,
    said: getComputedStyle(cell, '::before').content,
    cut: getComputedStyle(cell, '::before').textOverflow,
  })),
}))"""
_SPILLS = """() => [...document.querySelectorAll('.mark')].filter((mark) => {
  const room = mark.closest('td, th').getBoundingClientRect();
  const box = mark.getBoundingClientRect();
  return box.right > room.right + 1 || box.right > innerWidth;
}).map((mark) => mark.textContent)"""
_STOPS = """() => [...document.querySelectorAll('table.compare :is(summary, a)')]
  .map((one) => `${one.localName} ${one.closest('td').cellIndex}`)"""


def answered() -> Neighbour:
    """Three offers, the second by a vendor of many words."""
    citizen = Neighbour()
    vendor = offer(2)["vendor"] | {"name": LONG, "domain": DOMAIN}
    citizen.offer_list = [offer(1), offer(2, vendor=vendor), offer(3)]
    return citizen


async def check_cards(tab: Tab) -> None:
    """A card a term: its name above, below it the offers in their order, each by name."""
    page = tab.page
    room = await page.evaluate(
        "() => { const wide = document.querySelector('.wide'); "
        "return [wide.scrollWidth, wide.clientWidth]; }"
    )
    assert room[0] <= room[1]
    rows: list[dict[str, Any]] = await page.evaluate(_LINES)
    assert len(rows) > 10
    for row in rows:
        tops = [row["head"]["top"], *(cell["top"] for cell in row["cells"])]
        assert tops == sorted(set(tops))
        names = [cell["vendor"] for cell in row["cells"]]
        assert names == ["1. vendor_1", f"2. {LONG}", "3. vendor_3"]
        assert [cell["said"] for cell in row["cells"]] == [f'"{name}"' for name in names]
        assert {cell["cut"] for cell in row["cells"]} == {"ellipsis"}
    assert await page.evaluate(_SPILLS) == []
    assert await tab.too_wide() == []
    await tab.check_axe()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_each_term_is_a_card(open_tab: OpenTab, stand_in: StandIn, script: bool):
    address = await stand_in(answered())
    tab = await open_tab(address, script=script, width=PHONE_WIDTH)
    await tab.enter()
    await tab.go(PATH)
    await check_cards(tab)
    stops = await tab.page.evaluate(_STOPS)
    assert stops == [f"{name} {n}" for name in ("summary", "a") for n in (1, 2, 3)]
    await tab.shots(f"phone-cards-{script}")
    if not script:
        return
    # The same once the script has laid it out.
    await tab.page.locator("#w_total").fill("9")
    await expect(tab.page.locator("#compared")).to_have_attribute("data-is-live", "yes")
    await check_cards(tab)
    assert await tab.page.evaluate(_STOPS) == stops


async def test_a_long_mark_stays_within_its_column(open_tab: OpenTab, stand_in: StandIn):
    address = await stand_in(answered())
    tab = await open_tab(address)
    await tab.enter()
    await tab.go(PATH)
    await expect(tab.page.locator(".mark", has_text=DOMAIN)).to_be_visible()
    assert await tab.page.evaluate(_SPILLS) == []
