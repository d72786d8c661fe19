"""`intentcast testnet`: a small network on this machine, with bots that ask and quote."""

from __future__ import annotations

from typing import Any

import click

from node.cli.group import NounGroup
from node.cli.session import Session, session_options
from node.cli.spoken import plural
from node.cli.table import table


@click.group(cls=NounGroup, short_help="Run a small network on this machine.")
def testnet() -> None:
    """Run a small network on this machine; needs nothing else and leaves nothing behind."""


@testnet.command("up", short_help="Start relays, buyers and vendors.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63),
    default=7,
    show_default=True,
    metavar="N",
    help="The same seed makes the same keys.",
)
@click.option(
    "--relays",
    type=click.IntRange(1, 50),
    default=5,
    show_default=True,
    metavar="N",
    help="Nodes that pass on and keep letters.",
)
@click.option(
    "--buyers",
    type=click.IntRange(0, 50),
    default=3,
    show_default=True,
    metavar="N",
    help="Bots that ask.",
)
@click.option(
    "--vendors",
    type=click.IntRange(0, 50),
    default=4,
    show_default=True,
    metavar="N",
    help="Bots that quote.",
)
@click.option("--processes", is_flag=True, help="A process for each node.")
@click.option(
    "--faulty/--no-faulty",
    default=None,
    help="Let links be made faulty (intentcast testnet fault); so it is where there is a page.",
)
@click.option("--headless", is_flag=True, help="Say nothing until the end, and serve no page.")
@click.option(
    "--dashboard/--no-dashboard", default=None, help="Serve a page that shows it; or none."
)
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    metavar="N",
    help="Of that page; else the first free one from 8500.",
)
@click.option("--until", metavar="EXPR", help='End when it holds: "offers>=10".')
@click.option(
    "--timeout", type=click.FloatRange(0, 86_400), metavar="SECONDS", help="Give up after this."
)
@session_options
def up(session: Session, **options: Any) -> int:
    """Start relays, buyers and vendors with real sockets and real homes; Ctrl-C ends all."""
    from node.testnet.command import run

    return int(run(as_json=session.as_json, quiet=session.console.quiet, **options))


@testnet.command("open", short_help="Open the page of a running testnet.")
@click.option("--no-browser", is_flag=True, help="Only print the link and the code.")
@click.option("--at", metavar="DIR", help="Folder of the testnet, where several run.")
@session_options
def open_page(session: Session, *, no_browser: bool, at: str | None) -> None:
    """Print a link that lets one browser in, and its code for typing; open it where a screen is."""
    from node.cli.open import show_login
    from node.testnet.remote import login

    folder, found = login(at)
    show_login(session, found, folder, no_browser=no_browser)


@testnet.command("fault", short_help="Make links of a running testnet faulty, or heal them.")
@click.option("--link", metavar="A~B", help="Between whom; a name may hold *: 'buyer-1~relay-*'.")
@click.option("--delay", metavar="TIME", help="Each way: 300ms, 1.5s.")
@click.option("--jitter", metavar="TIME", help="At most so much more, drawn anew each time.")
@click.option("--loss", metavar="SHARE", help="Connections lost each second: 5%.")
@click.option("--bandwidth", metavar="RATE", help="Each way: 64kB/s; 0B/s lifts the limit.")
@click.option("--cut", is_flag=True, help="Nothing passes until it is healed.")
@click.option("--one-way", is_flag=True, help="With --cut: only what A sends to B.")
@click.option("--reset", is_flag=True, help="Cut, and reset connections.")
@click.option(
    "--cut-at",
    type=click.IntRange(1, 1_000_000_000),
    metavar="BYTES",
    help="Reset once, after so many more bytes.",
)
@click.option("--heal", is_flag=True, help="Make the link sound; without --link, all of them.")
@click.option("--list", "is_list", is_flag=True, help="List links; nothing is changed.")
@click.option("--at", metavar="DIR", help="Folder of the testnet, where several run.")
@session_options
def fault(session: Session, *, is_list: bool, at: str | None, **wanted: Any) -> None:
    """Make links of a testnet faulty; what is not named stays as it is.

    A testnet with a page lets its links be made so, and one started with --faulty.
    """
    from node.testnet.fault import Wish
    from node.testnet.remote import ask

    change = None if is_list or not any(wanted.values()) else Wish(**wanted).change()
    is_healing = change is not None and change.heal
    before = ask(at, None)["links"] if is_healing else []
    found = ask(at, change)
    if session.as_json:
        session.console.document(found)
        return
    was = {link["link"]: link["words"] for link in before}
    rows = [
        (link["link"], link["connections"], link["resets"], link["words"])
        for link in found["links"]
        if not is_healing or link["words"] != was.get(link["link"], link["words"])
    ]
    headings = ("link", "open", "resets", "fault")
    if rows or not is_healing:
        columns, right = session.console.width(), ("open", "resets")
        for line in table(headings, rows, columns=columns, right=right, whole=("link",)):
            session.console.data(line)
    if is_healing:
        session.console.say(_healed(len(rows)))
    elif not rows:
        session.console.say(f"No link is in use yet. Nodes: {', '.join(found['nodes'])}")


def _healed(count: int) -> str:
    return f"{plural(count, 'link')} healed." if count else "No link was faulty."
