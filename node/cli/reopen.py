"""`intentcast reopen`: after a restore, asks who may know of promises, then lets a home promise."""

from __future__ import annotations

from typing import Any

import click

from node.cli.client import Document
from node.cli.exits import Exit
from node.cli.names import complete_casts
from node.cli.session import Session, session_options
from node.cli.spoken import moment, plural

_WAIT_S_MAX = 60
_SLACK_S = 15.0


@click.command(short_help="After a restore: ask the others, then promise again.")
@click.argument("handle", metavar="[CAST|vendor]", required=False, shell_complete=complete_casts)
@click.option(
    "--wait",
    "wait_s",
    type=click.IntRange(0, _WAIT_S_MAX),
    default=15,
    show_default=True,
    metavar="SECONDS",
    help="How long answers are waited for.",
)
@session_options
def reopen(session: Session, handle: str | None, wait_s: int) -> int | None:
    """Ask everybody this home may have promised something, show what they say, and go on."""
    client = session.client()
    body: Document = {"handle": handle, "sure": False, "wait_s": wait_s}
    found = client.post("/v1/reopen", body, wait_s=wait_s + _SLACK_S)
    if session.as_json and not found["open"] and session.yes:
        found = client.post("/v1/reopen", {**body, "sure": True, "wait_s": 0})
    if session.as_json:
        session.console.document(found)
        return None if found["open"] else Exit.REFUSED
    _show(session, found)
    if found["open"]:
        _verdict(session, found)
        return None
    closed = [one for one in found["identities"] if not one["open"]]
    session.console.say("What they told is kept here, whatever you answer.")
    # Said before the question: where nobody can be asked, it is the last word.
    session.console.say(f"Without a yes no new promise is made for:  {_names(closed)}")
    if not session.confirm(f"Some of it stays unknown. Let {_names(closed)} promise again?"):
        _verdict(session, found)
        return Exit.REFUSED
    found = client.post("/v1/reopen", {**body, "sure": True, "wait_s": 0})
    _verdict(session, found)
    return None


def _show(session: Session, found: Document) -> None:
    console = session.console
    if not found["identities"]:
        console.say("Nothing here waits to be reopened.")
        return
    if found["restored"]:
        backup = f", backup of {moment(found['backup'])}" if found["backup"] else ", from words"
        console.say(f"Restored on {moment(found['restored'])}{backup}.")
    for one in found["identities"]:
        for line in _lines(one):
            console.data(line)


def _verdict(session: Session, found: Document) -> None:
    """Say what promises again, and what is held still."""
    console = session.console
    opened = [one for one in found["identities"] if one["was_held"] and one["open"]]
    held = [one for one in found["identities"] if not one["open"]] + found.get("still_held", [])
    if opened:
        who = _names(opened) if held else "This home"
        console.say(console.tick(f"{who} promise{'' if held and len(opened) > 1 else 's'} again."))
    if held:
        console.say(f"Still held: {_names(held)}. Ask for them:  intentcast reopen")


def _names(some: list[dict[str, Any]]) -> str:
    return ", ".join("the shop" if one["kind"] == "vendor" else one["handle"] for one in some)


def _lines(one: dict[str, Any]) -> list[str]:
    name = "The shop" if one["kind"] == "vendor" else f"{one['handle']}  {one['title']}"
    if not one["was_held"]:
        return [f"{name}: is open"]
    lines = [name, f"  asked {one['asked']}, answered {len(one['answered'])}"]
    if one["kind"] == "cast":
        lines.append(f"  {plural(one['offers'], 'offer')} known")
    lines += [
        f"  deal {deal['handle']} with {deal['counterparty']}: {deal['state']}"
        for deal in one["deals"]
    ]
    lines += [f"  no answer from {name}" for name in one["silent"]]
    return [*lines, *(f"  ! {sentence}" for sentence in one["unknown"])]
