"""`intentcast unlock`: gives the running node its keys back."""

from __future__ import annotations

import click

from node.cli.secret_lines import no_arguments, passphrase_option, the_passphrase
from node.cli.session import Session, session_options


@click.command(short_help="Unlock the keys with the passphrase.")
@no_arguments
@passphrase_option
@session_options
def unlock(session: Session, passphrase_file: str | None) -> None:
    """Unlock the keys of the running node; asks for the passphrase without showing it."""
    client = session.client()
    found = client.get("/v1/keys")
    was_locked = found["locked"]
    if was_locked:
        given = the_passphrase(session.console, passphrase_file)
        found = client.post("/v1/keys/unlock", {"passphrase": given.reveal().decode()})
    if session.as_json:
        session.console.document(found)
    else:
        said = "Unlocked." if was_locked else "The keys were not locked."
        session.console.say(session.console.tick(said))
