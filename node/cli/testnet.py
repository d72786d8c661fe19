"""`intentcast testnet`: a small network on this machine, with bots that ask and quote."""

from __future__ import annotations

from typing import Any

import click

from node.cli.group import NounGroup
from node.cli.session import Session, session_options


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
