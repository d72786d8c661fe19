"""`intentcast casts`: what this home asked for."""

from __future__ import annotations

import click

from node.cli.session import Session, session_options
from node.cli.spoken import moment
from node.cli.table import table


@click.command(short_help="List what you asked for.")
@session_options
def casts(session: Session) -> None:
    """List what you asked for, newest first."""
    found = session.client().get("/v1/casts")
    if session.as_json:
        session.console.document(found)
        return
    if not found["casts"]:
        session.console.say('Nothing asked for yet. Begin:  intentcast cast "what you want"')
        return
    rows = [
        (
            cast["handle"] or cast.get("draft"),
            f"{cast['state']}, held" if cast.get("held") else cast["state"],
            cast["offers"],
            moment(cast["decide_by"]),
            cast["title"],
        )
        for cast in found["casts"]
    ]
    headings = ("cast", "state", "offers", "decide by", "title")
    lines = table(
        headings,
        rows,
        columns=session.console.width(),
        right=("offers",),
        whole=("cast",),
        spare=("decide by",),
    )
    for line in lines:
        session.console.data(line)
    if any(cast.get("held") for cast in found["casts"]):
        session.console.say("Held: promises nothing after the restore until:  intentcast reopen")
