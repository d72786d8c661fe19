"""`intentcast demo`: the Park City story, played on this machine."""

from __future__ import annotations

import click

from node.cli.session import Session, session_options


@click.command(short_help="Play the Park City story on this machine.")
@click.option("--processes", is_flag=True, help="A process for each node.")
@click.option("--keep", metavar="DIR", help="Keep every home and the agreement there.")
@session_options
def demo(session: Session, processes: bool, keep: str | None) -> int:  # noqa: FBT001
    """Play the Park City story: five relays, four vendors, one buyer; a relay dies midway."""
    from node.testnet.demo import run

    return int(run(processes=processes, keep=keep, as_json=session.as_json))
