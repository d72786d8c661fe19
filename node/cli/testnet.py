"""`intentcast testnet`: a small network on this machine, with bots that ask and quote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from node.cli.group import NounGroup
from node.cli.session import Session, session_options
from node.cli.table import table
from protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from node.testnet.fault import Change


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
@click.option("--faulty", is_flag=True, help="Let links be made faulty: intentcast testnet fault.")
@click.option("--headless", is_flag=True, help="Say nothing until the end.")
@click.option("--until", metavar="EXPR", help='End when it holds: "offers>=10".')
@click.option(
    "--timeout", type=click.FloatRange(0, 86_400), metavar="SECONDS", help="Give up after this."
)
@session_options
def up(session: Session, **options: Any) -> int:
    """Start relays, buyers and vendors with real sockets and real homes; Ctrl-C ends all."""
    from node.testnet.command import run

    return int(run(as_json=session.as_json, quiet=session.console.quiet, **options))


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
    """Make links of a testnet started with --faulty faulty; what is not named stays as it is."""
    from node.testnet.remote import ask

    change = None if is_list or not any(wanted.values()) else _change(**wanted)
    found = ask(at, change)
    if session.as_json:
        session.console.document(found)
        return
    rows = [
        (link["link"], link["connections"], link["resets"], link["words"])
        for link in found["links"]
    ]
    headings = ("link", "open", "resets", "fault")
    for line in table(headings, rows, columns=session.console.width(), right=("open", "resets")):
        session.console.data(line)
    if not rows:
        session.console.say(f"No link is in use yet. Nodes: {', '.join(found['nodes'])}")


def _change(
    *,
    link: str | None,
    delay: str | None,
    jitter: str | None,
    loss: str | None,
    bandwidth: str | None,
    cut: bool,
    one_way: bool,
    reset: bool,
    cut_at: int | None,
    heal: bool,
) -> Change:
    """Read what is wanted of a link.

    Raises:
        LocalProtocolError: E-USAGE, E-FAULT.
    """
    from node.testnet import fault as faults

    if link is None and not heal:
        raise LocalProtocolError(
            "--link is missing: between whom?",
            code="E-USAGE",
            fix="Write:  --link buyer-1~relay-2        all links:  --link '*~*'",
        )
    if one_way and reset:
        raise LocalProtocolError(
            "--one-way and --reset do not go together: a reset reaches both ends",
            code="E-FAULT",
            fix="Leave one of them out",
        )
    if one_way and not cut:
        # Alone it would turn a whole cut into half of one, unasked.
        raise LocalProtocolError(
            "--one-way says which half of a cut; --cut is missing",
            code="E-USAGE",
            fix="Write:  --link buyer-1~relay-2 --cut --one-way",
        )
    way = faults.Cut.RESET if reset else faults.Cut.SILENT if cut else None
    change = faults.Change(
        link=link or "*~*",
        heal=heal,
        delay_ms=faults.read_length(delay, "delay"),
        jitter_ms=faults.read_length(jitter, "jitter"),
        loss=faults.read_share(loss),
        cut=way,
        one_way=one_way if way else None,
        bytes_per_s=faults.read_rate(bandwidth),
        cut_at=cut_at,
    )
    change.check()
    return change
