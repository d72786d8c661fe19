"""`intentcast people`: the shops that sent offers, and the owner's word on each."""

from __future__ import annotations

from typing import Any

import click

from node.cli.group import NounGroup
from node.cli.session import Session, session_options
from node.cli.spoken import moment, plural
from node.cli.table import table


@click.group(cls=NounGroup, invoke_without_command=True, short_help="Shops; block and unblock.")
@session_options
def people(session: Session) -> None:
    """List the shops that sent offers to your requests, and those you blocked."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    found = session.client().get("/v1/people")
    if session.as_json:
        session.console.document(found)
        return
    rows = [_row(shop) for shop in found["shops"] if not shop["blocked"]]
    rows += [(each["name"], each["handle"], None, None, "blocked") for each in found["blocked"]]
    if not rows:
        session.console.say("No shop has sent an offer yet.")
        return
    headings = ("shop", "key", "deals", "last heard", "state")
    whole, spare = ("key",), ("last heard",)
    for line in table(headings, rows, columns=session.console.width(), whole=whole, spare=spare):
        session.console.data(line)


def _row(shop: dict[str, Any]) -> tuple[object, ...]:
    heard = shop["last_heard"]
    return (
        shop["name"],
        shop["handle"],
        shop["deals"],
        moment(heard) if heard else None,
        shop["trust"],
    )


def _decide(session: Session, verb: str, key: str) -> dict[str, Any]:
    found = session.client().post(f"/v1/people/{verb}", {"key": key})
    if session.as_json:
        session.console.document(found)
    return found


@people.command("block", short_help="Hear a shop no more.")
@click.argument("key", metavar="KEY")
@session_options
def block(session: Session, key: str) -> None:
    """Show no offer of the shop with KEY any more; deals that were begun go on."""
    found = _decide(session, "block", key)
    if not session.as_json:
        said = f"Blocked; {plural(len(found['blocked']), 'shop')} in all. It is told nothing."
        session.console.say(session.console.tick(said))


@people.command("unblock", short_help="Hear a shop again.")
@click.argument("key", metavar="KEY")
@session_options
def unblock(session: Session, key: str) -> None:
    """Show offers of the shop with KEY again, those it sent meanwhile too."""
    _decide(session, "unblock", key)
    if not session.as_json:
        session.console.say(session.console.tick("Unblocked. See: intentcast people"))
