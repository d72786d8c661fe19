"""`intentcast outbox`: letters on their way, and the ones that did not arrive."""

from __future__ import annotations

import click

from node.cli.session import Session, session_options
from node.cli.spoken import moment, short
from node.cli.table import table

_FOR_COPIES = "for another copy of this home, if there is one"


@click.command(short_help="List letters on their way.")
@session_options
def outbox(session: Session) -> None:
    """List letters on their way, and the ones that expired."""
    found = session.client().get("/v1/outbox")
    if session.as_json:
        session.console.document(found)
        return
    if not found["letters"]:
        session.console.say("No letter is on its way.")
        return
    rows = [
        (
            letter["kind"],
            short(letter["to"]),
            letter["state"],
            letter["tries"],
            moment(letter["next_at"]) if letter["state"] == "pending" else None,
            letter.get("reason") or (_FOR_COPIES if letter["kind"] == "note" else None),
        )
        for letter in found["letters"]
    ]
    headings = ("kind", "to", "state", "tries", "next try", "reason")
    for line in table(headings, rows, columns=session.console.width(), right=("tries",)):
        session.console.data(line)
