"""The browser of these tests: Debian's chromium, found, started once, and kept off every network.

Enters: the machine. Leaves: a running browser, or the reason why there is none. It resolves no name
but loopback and the names of `test`, which all mean this machine: a page that asks for anything
else is seen to fail by `watcher`, and nothing leaves.
"""

from __future__ import annotations

import os
import shutil

from playwright.async_api import Browser, Playwright

CHROMIUM = "INTENTCAST_CHROMIUM"
"""Names another program than the ones looked for."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WHY_NOT = (
    "no chromium here: apt-get install --no-install-recommends chromium fonts-dejavu-core,"
    f" or name one with {CHROMIUM}"
)
REBOUND = "rebound.test"
"""A name its owner has pointed at this machine."""
FOREIGN = "evil.test"
"""A site of somebody else."""

# Everything is loopback: addresses as they are, names of `test` to here, all others to nowhere.
_RULES = (
    "MAP *.test 127.0.0.1",
    "MAP *.test. 127.0.0.1",
    "MAP * ~NOTFOUND",
    "EXCLUDE 127.0.0.1",
    "EXCLUDE 0.0.0.0",
    "EXCLUDE localhost",
    "EXCLUDE *.localhost",
)
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    f"--host-resolver-rules={', '.join(_RULES)}",
)


def find_chromium() -> str | None:
    """Give the path of a browser, or None."""
    named = os.environ.get(CHROMIUM)
    return next((path for path in map(shutil.which, [named] if named else NAMES) if path), None)


async def launch(playwright: Playwright, program: str) -> Browser:
    """Start the browser; the caller closes it."""
    return await playwright.chromium.launch(
        executable_path=program,
        args=list(FLAGS),
        # As root there is no sandbox to be had, and CI is root.
        chromium_sandbox=os.getuid() != 0,
    )
