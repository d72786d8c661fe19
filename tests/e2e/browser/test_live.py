"""The socket of a page: how it comes back, when it gives up, and what it makes of a gap."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.e2e.browser.conftest import OpenTab, StandIn
from tests.e2e.browser.tab import PHONE_WIDTH, WIDE_WIDTH, Tab
from tests.e2e.browser.watcher import Kind
from tests.unit.node.web.conftest import Neighbour
from tests.unit.node.web.papers import CAST, offer

SOCKET = re.compile(r"/v1/events/socket$")
FULL = 1013
_HASTE = """(() => {
  const wait = window.setTimeout;
  window.waits = [];
  window.setTimeout = (what, ms) => { window.waits.push(ms); return wait(what, ms / 50); };
})()"""
"""Fifty times as fast; how long would have been waited is kept."""
HOUR_MS = 3_600_000
QUIET = (
    *("session.opened", "session.ended", "token.made", "token.revoked"),
    *("letter_put", "letter_acked", "box.moved", "cast.republished"),
    *("thread.moved", "thread.asked", "thread.told", "thread.recalled"),
)


async def refused(page: Page, *, live_first: int = 0) -> list[WebSocketRoute]:
    """Let every socket open and be closed at once, as a node does that has too many."""
    sockets: list[WebSocketRoute] = []

    async def refuse(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if len(sockets) <= live_first:
            socket.send('{"cursor": 0, "live": true}')
        await socket.close(code=FULL, reason="too many")

    await page.route_web_socket(SOCKET, refuse)
    return sockets


async def held(page: Page) -> asyncio.Future[WebSocketRoute]:
    """Let the first socket of a page open, and say what the test says."""
    first: asyncio.Future[WebSocketRoute] = asyncio.get_running_loop().create_future()

    def hold(socket: WebSocketRoute) -> None:
        if not first.done():
            first.set_result(socket)

    await page.route_web_socket(SOCKET, hold)
    return first


async def entered(tab: Tab) -> Page:
    await tab.page.add_init_script(_HASTE)
    await tab.enter()
    return tab.page


async def waited(page: Page, count: int) -> list[float]:
    """Give how long the page waited before it came back, ms, once it did so often."""
    async with asyncio.timeout(10):
        while True:
            found: list[float] = await page.evaluate("waits.filter((ms) => ms >= 500)")
            if len(found) >= count:
                return found
            await page.wait_for_timeout(20)


async def test_a_socket_that_is_closed_at_once_is_tried_ever_more_seldom(
    open_tab: OpenTab, stand_in: StandIn
):
    address = await stand_in(Neighbour())
    tab = await open_tab(address)
    page = await entered(tab)
    await refused(page)
    await tab.go("/people")
    waits = await waited(page, 8)
    for wait, due in zip(waits, (500, 1_000, 2_000, 5_000, 10_000, 10_000), strict=False):
        assert due <= wait <= 2 * due, waits
    # Many pages do not come back at the same moment.
    assert len(set(waits[4:])) > 1


async def test_offline_since_says_when_it_began(open_tab: OpenTab, stand_in: StandIn):
    address = await stand_in(Neighbour())
    tab = await open_tab(address)
    page = await entered(tab)
    await refused(page, live_first=1)
    await page.add_init_script(
        f"Date.prototype.toLocaleTimeString = () => `time ${{window.waits.length * {HOUR_MS}}}`"
    )
    await tab.go("/people")
    pulse = page.locator("#pulse")
    await expect(pulse).to_contain_text("Offline since")
    first = await pulse.inner_text()
    await waited(page, 5)
    assert await pulse.inner_text() == first


async def test_who_is_logged_out_is_told_so_and_asked_no_more(open_tab: OpenTab, stand_in: StandIn):
    citizen = Neighbour()
    address = await stand_in(citizen)
    tab = await open_tab(address)
    page = await entered(tab)
    await tab.go("/people?x=1")
    pulse = page.locator("#pulse")
    await expect(pulse).to_have_text("Live")
    assert citizen.access is not None
    citizen.access.is_session_open = False
    citizen.chronicle.add("offer")  # type: ignore[attr-defined]
    await expect(pulse).to_have_text("Logged out: log in again")
    link = pulse.locator("a")
    assert await link.get_attribute("href") == "/login?next=%2Fpeople%3Fx%3D1"
    assert await waited(page, 0) == []
    await tab.check_axe()
    await link.click()
    await expect(page.locator("input[name=next]")).to_have_value("/people?x=1")


async def test_a_session_that_ended_while_nobody_was_connected(
    open_tab: OpenTab, stand_in: StandIn
):
    citizen = Neighbour()
    address = await stand_in(citizen)
    tab = await open_tab(address)
    page = await entered(tab)
    tab.watcher.expects(Kind.CONSOLE, "401")
    tab.watcher.expects(Kind.CONSOLE, "HTTP Authentication failed")
    await tab.go("/people")
    await expect(page.locator("#pulse")).to_have_text("Live")
    # As after a night: the upgrade itself is refused.
    assert citizen.access is not None
    citizen.access.is_session_open = False
    await page.evaluate("import(document.querySelector('script').src + '?again')")
    await expect(page.locator("#pulse")).to_have_text("Logged out: log in again")


async def test_a_gap_offers_the_page_anew(open_tab: OpenTab, stand_in: StandIn):
    citizen = Neighbour()
    citizen.offer_list = [offer(1), offer(2)]
    address = await stand_in(citizen)
    for path, news in (("/people", "#news a"), (f"/casts/{CAST['handle']}", "#live button")):
        tab = await open_tab(address)
        page = tab.page
        asked: list[str] = []

        async def gap(socket: WebSocketRoute, asked: list[str] = asked) -> None:
            def hear(message: str | bytes) -> None:
                asked.append(str(message))
                socket.send('{"gap": true, "cursor": 41}')
                socket.send('{"cursor": 41, "live": true}')

            socket.on_message(hear)

        await page.route_web_socket(SOCKET, gap)
        citizen.access.codes.add("ACDE-FGHJ")  # type: ignore[union-attr]
        await tab.enter()
        await tab.go(path)
        await expect(page.locator(news)).to_have_text("Something happened: show it")
        assert asked == ['{"after":0}']
        await page.click(news)
        if news == "#live button":
            # The comparison asks for everything anew where it stands.
            await expect(page.locator("#live")).to_be_hidden()


_PLACES = """() => [...document.querySelectorAll('body *:not(.news, .news *, #told *)')]
  .map((one) => [one.localName, one.getBoundingClientRect()])
  .map(([name, box]) => `${name} ${box.y}`).join()"""


@pytest.mark.parametrize("width", [PHONE_WIDTH, 800, WIDE_WIDTH])
async def test_news_move_nothing(open_tab: OpenTab, stand_in: StandIn, width: int):
    citizen = Neighbour()
    address = await stand_in(citizen)
    tab = await open_tab(address, width=width)
    page = tab.page
    await tab.enter()
    # What the page says of its connection is of different lengths; nothing moves by it either.
    opened = await held(page)
    await tab.go("/people")
    socket = await opened
    before = await page.evaluate(_PLACES)
    socket.send('{"cursor": 0, "live": true}')
    await expect(page.locator("#pulse")).to_have_text("Live")
    assert await page.evaluate(_PLACES) == before
    socket.send('{"n": 1, "at": "", "what": "offer", "ids": []}')
    await expect(page.locator("#news a")).to_be_in_viewport()
    assert await page.evaluate(_PLACES) == before
    await tab.check_axe()
    # What is last on the page can still be seen above the news.
    await page.locator("footer button").scroll_into_view_if_needed()
    await page.keyboard.press("End")
    news = await page.locator(".news").bounding_box()
    last = await page.locator("footer button").bounding_box()
    assert news
    assert last
    assert last["y"] + last["height"] <= news["y"]


async def test_a_press_is_not_caught_by_news_that_just_came(open_tab: OpenTab, stand_in: StandIn):
    address = await stand_in(Neighbour())
    tab = await open_tab(address)
    page = tab.page
    await tab.enter()
    opened = await held(page)
    await tab.go("/people")
    socket = await opened
    socket.send('{"n": 1, "at": "", "what": "offer", "ids": []}')
    await expect(page.locator("#news")).to_be_visible()
    caught = "getComputedStyle(document.getElementById('news')).pointerEvents"
    assert await page.evaluate(caught) == "none"
    await page.click("#news a")
    await page.wait_for_url("**/people")


async def test_what_changes_nothing_a_person_sees_is_no_news(open_tab: OpenTab, stand_in: StandIn):
    address = await stand_in(Neighbour())
    tab = await open_tab(address)
    page = tab.page
    await tab.enter()
    opened = await held(page)
    await tab.go("/people")
    socket = await opened
    for n, what in enumerate(QUIET, 1):
        socket.send(f'{{"n": {n}, "at": "", "what": "{what}", "ids": []}}')
    socket.send('{"cursor": 20, "live": true}')
    await expect(page.locator("#pulse")).to_have_text("Live")
    await expect(page.locator("#news")).to_have_count(0)
    socket.send('{"n": 21, "at": "", "what": "deal.agreed", "ids": []}')
    await expect(page.locator("#news a")).to_have_text("Something happened: show it")


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ["Something happened: show it", "2 things happened: show them"]),
        ("de", ["Es gibt Neues: zeigen", "2 Neuigkeiten: zeigen"]),
    ],
)
async def test_news_are_counted_in_the_reader_s_language(
    open_tab: OpenTab, stand_in: StandIn, language: str, told: list[str]
):
    address = await stand_in(Neighbour())
    tab = await open_tab(address, locale=language)
    await tab.enter()
    opened = await held(tab.page)
    await tab.go("/people")
    socket = await opened
    for n, words in enumerate(told, 1):
        socket.send(f'{{"n": {n}, "at": "", "what": "offer", "ids": []}}')
        await expect(tab.page.locator("#news a")).to_have_text(words)
