"""`intentcast status`: how the node is, in a few lines."""

from __future__ import annotations

from typing import Any

import click

from node.cli.session import Session, session_options
from node.cli.spoken import counted, duration, moment, plural
from node.cli.table import pairs


@click.command(short_help="Show how the node is.")
@session_options
def status(session: Session) -> None:
    """Show how the node is: links, what is under way, and what needs a look."""
    found = session.client().get("/v1/status")
    if session.as_json:
        session.console.document(found)
        return
    for line in pairs(_rows(found)):
        session.console.data(session.console.hint(line))
    for notice in found.get("notices", []):
        session.console.say(f"! {notice}")


def _rows(found: dict[str, Any]) -> list[tuple[str, object]]:
    outbox = found.get("outbox", {})
    late = [f"{outbox[name]} {name}" for name in ("expired", "refused") if outbox.get(name)]
    late += [f"{outbox['parked']} came and wait"] if outbox.get("parked") else []
    letters = ", ".join([f"{outbox.get('pending', 0)} on their way", *late])
    if outbox.get("next_at"):
        letters += f"; next try {moment(outbox['next_at'])}"
    if outbox.get("notes"):
        letters += f"; {plural(outbox['notes'], 'note')} for other copies of this home"
    roles = [name for name in ("relay", "mailbox") if found.get(name)] or ["leaf"]
    return [
        ("Node", found["node"]),
        ("Network", found["net"]),
        ("Running for", f"{duration(found['uptime_s'])} (pid {found['pid']})"),
        ("Home", found["home"]),
        ("Peers", found["peers"]),
        ("Roles", ", ".join(roles)),
        ("Listens at", found.get("listen") or "nowhere; it dials others"),
        ("Sells as", found.get("vendor") or "nobody; make it a shop: intentcast vendor init"),
        ("Casts", counted(found.get("casts", {})) + _reach(found["reach"])),
        ("Deals", counted(found.get("deals", {}))),
        ("Letters", letters),
        ("Private", _private(found["private"])),
    ]


def _reach(found: dict[str, Any] | None) -> str:
    """Say how far the newest open request came."""
    if found is None:
        return ""
    return f"; {found['cast']} was seen at {found['seen_at']} of {plural(found['peers'], 'peer')}"


def _private(found: dict[str, Any]) -> str:
    """Say how requests leave, and how mailboxes are reached."""
    if found["mode"] == "off":
        return "off: peers see what is asked here"
    out = "requests go to every peer at once, since this node has dialled no relay"
    if found["successors"]:
        out = f"requests leave by {plural(found['successors'], 'relay')}"
    ways = [plural(found["tunnels"], "tunnel") + " to mailboxes"] if found["tunnels"] else []
    ways += (
        [f"{plural(found['direct'], 'mailbox', 'mailboxes')} without a tunnel"]
        if found["direct"]
        else []
    )
    return "; ".join([f"{found['mode']}: {out}", *ways])
