"""`intentcast open`: the page of the running node, in a browser that is let in."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.client import Document
from node.cli.session import Session, session_options
from node.cli.spoken import moment
from node.cli.table import pairs


@click.command("open", short_help="Open the node's page in a browser.")
@click.option("--no-browser", is_flag=True, help="Only print the link and the code.")
@session_options
def open_page(session: Session, *, no_browser: bool) -> None:
    """Print a link that lets one browser in, and its code for typing; open it where a screen is.

    Both are good once, for five minutes.
    """
    found = session.client().post("/v1/login", {})
    show_login(session, found, session.home, no_browser=no_browser)


def show_login(session: Session, found: Document, home: Path, *, no_browser: bool) -> None:
    """Print a way in, and open it where a screen is.

    Args:
        session: of the command line.
        found: `intentcast.login-link/1`.
        home: private folder of whoever gave it.
        no_browser: only print it.
    """
    from node.cli.browser import open_browser

    if session.as_json:
        session.console.document(found)
        return
    for line in pairs([("Link", found["link"]), ("Code", found["code"])]):
        session.console.data(line)
    page = found["link"].partition("#")[0]
    session.console.say(
        f"Good for one browser, once, until {moment(found['expires'])}. "
        f"Without script, type the code at {page}"
    )
    if not no_browser and open_browser(home, found["link"]):
        session.console.say("Your browser was asked to open it.")
