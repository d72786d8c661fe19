"""The way from a terminal to the page: a browser that comes in by itself.

Enters: a login link. Leaves: a browser that was asked to open it, or none where there is no screen.
The link's code never stands in a list of processes, where other people of this machine could read
it and be faster: the browser is given the name of a file that only its owner can read, and the file
leads it on. Source: Jupyter Server, `write_browser_open_file`.
"""

from __future__ import annotations

import html
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from node.home import LOGIN_FILE, private_write

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={link}">
<title>intentcast</title>
<p><a href="{link}">Open the page of this node</a></p>
</html>
"""


def has_display(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Tell whether a window could be opened here: not over SSH, not on a server."""
    if platform in {"darwin", "win32"}:
        return "SSH_CONNECTION" not in environ
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def open_browser(home: Path, link: str) -> bool:
    """Ask the desktop to open a login link; tell whether it was asked.

    Args:
        home: the node's folder, where the file that leads on is written.
        link: with its code.
    """
    if not has_display(os.environ):
        return False
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if opener is None:
        return False
    page = home / LOGIN_FILE
    try:
        private_write(page, _PAGE.format(link=html.escape(link)).encode())
        # Some openers are the browser itself and stay: nobody waits for them.
        subprocess.Popen(  # noqa: S603 - the desktop's own opener, and a file of ours
            [opener, page.absolute().as_uri()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return True
