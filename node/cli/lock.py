"""`intentcast lock`: the running node forgets the keys until they are unlocked."""

from __future__ import annotations

import click

from node.cli.session import Session, session_options


@click.command(short_help="Lock the keys; the node goes on relaying.")
@session_options
def lock(session: Session) -> None:
    """Lock the keys: the node relays and keeps letters, but signs, opens and quotes nothing."""
    found = session.client().post("/v1/keys/lock", {})
    if session.as_json:
        session.console.document(found)
    else:
        session.console.say(session.console.tick("Locked. Go on with:  intentcast unlock"))
