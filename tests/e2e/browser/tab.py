"""One tab of the browser, as a test holds it: go somewhere, log in, look, take pictures.

Enters: a page of the browser, where a node answers. Leaves: what a person sees there.
Pictures go to a folder outside the checkout.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page, Response

from node.home import ADDRESS_FILE, TOKEN_FILE
from tests.e2e.browser.watcher import Watcher

PHONE_WIDTH = 390
WIDE_WIDTH = 1280
HEIGHT = 844
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LOGIN_PATH = "/login"
LOGINS_PATH = "/v1/login"
_AXE = Axe()
_AXE_S = 15.0
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RULES = {
    "runOnly": list(_TAGS),
    "resultTypes": ["violations"],
    # Style sheets are read where they are in force, not fetched again.
    "preload": False,
}
_TIMERS = """() => {
  window.setTimeout = (what, ms = 0) => {
    if (ms < 100) Promise.resolve().then(what);
    return 0;
  };
}"""
"""Short waits end at once; long ones, which would give up on something, never."""


@dataclass(frozen=True)
class Address:
    """Where a node answers its owner."""

    url: str
    """Without a slash at the end."""
    token: str

    @classmethod
    def of(cls, home: Path) -> Address:
        """Read it from the home of a running node."""
        url = json.loads((home / ADDRESS_FILE).read_text("ascii"))["url"]
        return cls(url, (home / TOKEN_FILE).read_text("ascii").strip())

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask the API as a program of the owner's; gives status and document."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, f"{self.url}{path}", json=body) as answer,
        ):
            return answer.status, json.loads(await answer.read() or b"null")

    async def login(self) -> dict[str, Any]:
        """Ask for a login: its link and its code of 8 characters."""
        status, found = await self.ask("POST", LOGINS_PATH, {})
        assert status == 200, found
        return dict(found)


@dataclass
class Tab:
    """One tab."""

    page: Page
    context: BrowserContext
    address: Address
    watcher: Watcher
    shots_folder: Path
    has_script: bool = True

    @property
    def kind(self) -> str:
        """Name how this tab looks at pages, for the names of pictures."""
        size = self.page.viewport_size
        if size and size["width"] == PHONE_WIDTH:
            return "phone"
        return "script" if self.has_script else "no-script"

    async def go(self, path: str) -> Response:
        """Open a path of the node; an answer of 400 and above fails the test."""
        found = await self.page.goto(f"{self.address.url}{path}")
        assert found is not None, path
        assert found.status < 400, f"{found.status} {path}"
        return found

    async def log_in(self) -> None:
        """Type the code of 8 characters into the page's form, as a person without script does."""
        login = await self.address.login()
        await self.go(LOGIN_PATH)
        await self.page.fill("input[name=code]", login["code"])
        await self.page.press("input[name=code]", "Enter")
        await self.page.wait_for_url(lambda url: LOGIN_PATH not in url)

    async def follow_link(self) -> None:
        """Log in by the one-time link whose secret stands in the fragment."""
        login = await self.address.login()
        await self.go(login["link"].removeprefix(self.address.url))
        await self.page.wait_for_url(lambda url: LOGIN_PATH not in url)

    async def enter(self) -> None:
        """Be logged in by the cookie alone, for tests that are not about the door."""
        body = {"code": (await self.address.login())["code"]}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.address.url}{LOGIN_PATH}", json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            [made] = answer.cookies.values()
        await self.context.add_cookies(
            [
                {
                    "name": made.key,
                    "value": made.value,
                    "url": self.address.url,
                    "httpOnly": True,
                    "sameSite": "Strict",
                }
            ]
        )

    async def axe(self) -> list[str]:
        """List what the accessibility rules find wrong: rule, impact, places.

        Where no script runs, the rules alone may; timers do not run there even for them.
        """
        if not self.has_script:
            await self.page.evaluate(_TIMERS)
        found = await asyncio.wait_for(_AXE.run(self.page, options=_RULES), _AXE_S)
        return [
            f"{each['id']} ({each['impact']}): {each['help']}: "
            + "; ".join(str(node["target"]) for node in each["nodes"][:5])
            for each in found.response["violations"]
        ]

    async def check_axe(self) -> None:
        """Fail with every accessibility violation, a line each."""
        found = await self.axe()
        assert not found, f"{self.page.url}:\n" + "\n".join(found)

    async def shots(self, name: str) -> list[Path]:
        """Take a picture of the whole page in both themes: `NAME-light.png`, `NAME-dark.png`."""
        made = []
        for scheme in SCHEMES:
            await self.page.emulate_media(color_scheme=scheme)
            path = self.shots_folder / f"{name}-{scheme}.png"
            await self.page.screenshot(path=path, full_page=True, animations="disabled")
            made.append(path)
        await self.page.emulate_media(color_scheme=None)
        return made

    async def phone(self) -> None:
        """Make the window as wide as a phone's."""
        await self.page.set_viewport_size({"width": PHONE_WIDTH, "height": HEIGHT})

    async def wide(self) -> None:
        """Make the window as wide as a small laptop's."""
        await self.page.set_viewport_size({"width": WIDE_WIDTH, "height": HEIGHT})

    async def too_wide(self) -> list[str]:
        """List elements that stick out of the window and cannot be scrolled to within a parent.

        Empty where the page as a whole needs no scrolling sideways.
        """
        found: list[str] = await self.page.evaluate(
            """() => {
              const room = document.documentElement.clientWidth;
              if (document.documentElement.scrollWidth <= room) return [];
              return [...document.body.querySelectorAll('*')]
                .filter((one) => {
                  for (let above = one.parentElement; above; above = above.parentElement) {
                    if (above !== document.body && above !== document.documentElement &&
                        getComputedStyle(above).overflowX !== 'visible') return false;
                  }
                  const box = one.getBoundingClientRect();
                  const spills = getComputedStyle(one).overflowX === 'visible';
                  const wide = spills ? Math.max(box.width, one.scrollWidth) : box.width;
                  return box.width > 0 && box.left + wide > room + 1;
                })
                .filter((one, _, all) => !all.some((other) => other !== one && one.contains(other)))
                .slice(0, 8)
                .map((one) => `${one.localName}.${one.className} ${one.textContent.slice(0, 30)}`);
            }"""
        )
        return found

    async def seen_text(self) -> str:
        """Give the text a person sees."""
        return await self.page.inner_text("body")
