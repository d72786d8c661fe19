"""`intentcast revoke`: takes back a cast or an offer before there is an agreement."""

from __future__ import annotations

import click

from node.cli.names import complete_revocable
from node.cli.session import Session, session_options


@click.command(short_help="Take back a cast, a draft or an offer.")
@click.argument("handle", metavar="CAST|DRAFT|OFFER", shell_complete=complete_revocable)
@session_options
def revoke(session: Session, handle: str) -> int | None:
    """Take back a cast or an offer, everybody who holds it drops it; or throw a draft away."""
    client = session.client()
    if not session.confirm(f"Take back {handle}?"):
        session.console.say("Nothing was changed.")
        return None
    found = client.post("/v1/revoke", {"handle": handle})
    if session.as_json:
        session.console.document(found)
    else:
        session.console.say(session.console.tick(f"The {found['kind']} is {found['state']}."))
    return None
