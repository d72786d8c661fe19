"""One browser for all tests of a run, a fresh context for each, and a small town to look at.

`open_tab` gives tabs under watch; whatever must not happen in a browser fails the test at its end.
All tests here share one loop, since browser and town live as long as the run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.e2e.browser.chromium import WHY_NOT, find_chromium, launch
from tests.e2e.browser.site import Site
from tests.e2e.browser.standin import standing_in
from tests.e2e.browser.tab import HEIGHT, WIDE_WIDTH, Address, Tab
from tests.e2e.browser.town import Quarter
from tests.e2e.browser.watcher import Watcher
from tests.unit.node.web.conftest import Neighbour

SHOTS = "INTENTCAST_SHOTS"
"""Folder for pictures that stay; pytest's own temporary folder otherwise."""
PAGE_MS = 10_000
"""Longest wait for anything on a page."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let all tests of this folder run in one loop."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One chromium; skips where there is none."""
    program = find_chromium()
    if program is None:
        pytest.skip(WHY_NOT)
    async with async_playwright() as playwright:
        found = await launch(playwright, program)
        yield found
        await found.close()


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go."""
    named = os.environ.get(SHOTS)
    folder = Path(named) if named else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def watcher() -> Watcher:
    """Sees everything in the tabs of one test."""
    return Watcher()


class OpenTab(Protocol):
    """Opens a tab in a context of its own."""

    def __call__(
        self,
        address: Address | str,
        *,
        script: bool = True,
        width: int = WIDE_WIDTH,
        **options: Any,
    ) -> Awaitable[Tab]: ...


@pytest_asyncio.fixture(loop_scope="session")
async def open_tab(
    browser: Browser, watcher: Watcher, shots: Path, site: object, stand_in: object
) -> AsyncIterator[OpenTab]:
    """Give a way to open tabs; they are closed, and what was seen in them judged, at the end.

    A test's own sites stay up until then: a browser asks for an icon when nobody waits for it.
    """
    contexts = []

    async def opened(
        address: Address | str,
        *,
        script: bool = True,
        width: int = WIDE_WIDTH,
        **options: Any,
    ) -> Tab:
        where = Address(address.rstrip("/"), "") if isinstance(address, str) else address
        watcher.allow(where.url)
        context = await browser.new_context(
            java_script_enabled=script, viewport={"width": width, "height": HEIGHT}, **options
        )
        contexts.append(context)
        context.set_default_timeout(PAGE_MS)
        await watcher.watch(context)
        return Tab(await context.new_page(), context, where, watcher, shots, has_script=script)

    yield opened
    for context in contexts:
        await watcher.settle(context)
        await context.close()
    watcher.check()


class StandIn(Protocol):
    """Serves a stand-in's page until the tabs are closed: a page whose node is gone says so."""

    def __call__(self, citizen: Neighbour) -> Awaitable[Address]: ...


@pytest_asyncio.fixture(loop_scope="session")
async def stand_in() -> AsyncIterator[StandIn]:
    """Give a way to serve a page without a node."""
    async with AsyncExitStack() as stack:

        async def serve(citizen: Neighbour) -> Address:
            return await stack.enter_async_context(standing_in(citizen))

        yield serve


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Give a way to open sites of the test's own."""
    opened: list[Site] = []

    async def open_one(**sheets: Any) -> Site:
        found = Site(sheets)
        await found.start()
        opened.append(found)
        return found

    yield open_one
    for each in opened:
        await each.stop()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def quarter(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Quarter]:
    """Relays and shops in this process; who moves in by `move_in` stays until `move_out`."""
    folder = tmp_path_factory.mktemp("town")
    async with Quarter.running(folder) as found:
        yield found
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(loop_scope="session")
async def town(quarter: Quarter) -> AsyncIterator[Quarter]:
    """The same, where whoever moved in during a test moves out after it.

    To be asked for before `open_tab`: a page whose node is gone first complains of that.
    """
    there = list(quarter.houses)
    yield quarter
    for house in [each for each in quarter.houses if each not in there]:
        await quarter.move_out(house)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def process_town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Quarter]:
    """The same, a process for each node."""
    folder = tmp_path_factory.mktemp("process-town")
    async with Quarter.running(folder, processes=True) as found:
        yield found
    shutil.rmtree(folder, ignore_errors=True)
