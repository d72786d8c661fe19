"""A form that was refused: what is wrong has the focus, and is said."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from protocol.errors import LocalProtocolError
from tests.e2e.browser.conftest import OpenTab, StandIn
from tests.e2e.browser.watcher import Kind
from tests.unit.node.web.conftest import Neighbour


class Refusing(Neighbour):
    """Links to nobody."""

    async def add_peer(self, *_args: object, **_options: object) -> dict[str, Any]:
        raise LocalProtocolError("'nowhere' is no address", code="E-FIELD", fix="Write host:port")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_what_is_wrong_has_the_focus(open_tab: OpenTab, stand_in: StandIn, script: bool):
    address = await stand_in(Refusing())
    tab = await open_tab(address, script=script)
    page = tab.page
    tab.watcher.expects(Kind.CONSOLE, "422")
    await tab.enter()
    await tab.go("/network")
    await page.fill("#address", "nowhere")
    await page.press("#address", "Enter")
    error = page.locator("main .error")
    await expect(error).to_be_focused()
    assert await error.get_attribute("role") == "alert"
    await tab.check_axe()
    # From there the keyboard goes on into the form.
    await page.keyboard.press("Tab")
    inside = "!!document.activeElement.closest('main')"
    assert await page.evaluate(inside)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_page_that_is_a_refusal_has_it_too(
    open_tab: OpenTab, stand_in: StandIn, script: bool
):
    address = await stand_in(Neighbour())
    tab = await open_tab(address, script=script)
    tab.watcher.expects(Kind.CONSOLE, "404")
    await tab.enter()
    await tab.page.goto(f"{address.url}/no/such")
    await expect(tab.page.locator(".error")).to_be_focused()
    await tab.check_axe()
