"""`intentcast token`: what programs show to use the local API, and who is logged in."""

from __future__ import annotations

from typing import Any, Final

import click

from node.cli.group import NounGroup
from node.cli.session import Session, session_options
from node.cli.spoken import moment, plural
from node.cli.table import table
from node.runtime.visitors import Scope

_DAYS_MAX: Final = 3_650


_NEW = """Make a token for a program and print it, this once.

\b
read       see what this node knows
draft      preview a request, and nothing that leaves the node
broadcast  send requests out and take them back
accept     accept offers, decide deals
admin      all else, and every other scope
"""
# The mark before the list keeps click from joining its lines.


@click.group(cls=NounGroup, short_help="Tokens of programs: make, list, revoke.")
def token() -> None:
    """Let programs use the local API, each with as much as it needs."""


@token.command("new", short_help="Make a token.", help=_NEW)
@click.argument("name", metavar="NAME")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([each.value for each in Scope]),
    help="What it may do; repeatable. `read` unless given.",
)
@click.option(
    "--days",
    type=click.IntRange(1, _DAYS_MAX),
    default=365,
    metavar="DAYS",
    help="How long it holds; 365 unless given.",
)
@session_options
def new(session: Session, *, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a token for a program and print it, this once."""
    body = {"name": name, "scopes": list(scopes) or [Scope.READ.value], "days": days}
    found = session.client().post("/v1/tokens", body)
    if session.as_json:
        session.console.document(found)
        return
    made = found["token"]
    session.console.data(found["secret"])
    session.console.say(
        f"Shown this once. It may: {', '.join(made['scopes'])}; until {moment(made['expires'])}."
    )
    session.console.say(f"Take it back:  intentcast token revoke {made['handle']}")


@token.command("list", short_help="List tokens and browsers.")
@session_options
def list_tokens(session: Session) -> None:
    """List tokens of programs and browsers that are logged in, the newest first."""
    found = session.client().get("/v1/tokens")
    if session.as_json:
        session.console.document(found)
        return
    headings = ("handle", "name", "may", "made", "until", "last used")
    rows = [_row(each) for each in found["tokens"]]
    if rows:
        lines = table(
            headings,
            rows,
            columns=session.console.width(),
            whole=("handle",),
            spare=("made", "last used"),
        )
        for line in lines:
            session.console.data(line)
    count = plural(len(rows), "token or browser", "tokens and browsers")
    session.console.say(f"{count}, besides the file api.token, which may do everything.")


def _row(each: dict[str, Any]) -> tuple[object, ...]:
    return (
        each["handle"],
        each["name"],
        "everything" if Scope.ADMIN in each["scopes"] else ", ".join(each["scopes"]),
        str(each["created"])[:10],
        str(each["expires"])[:10],
        each["used"] or "never",
    )


@token.command("revoke", short_help="End a token or a browser's session.")
@click.argument("handle", metavar="HANDLE")
@session_options
def revoke(session: Session, handle: str) -> None:
    """End a token or a browser's session at once, by its handle in the list."""
    found = session.client().post("/v1/tokens/revoke", {"handle": handle})
    if session.as_json:
        session.console.document(found)
        return
    session.console.say(session.console.tick(f"{found['handle']} is let in no more."))
