"""`intentcast nearby`: nodes in the local network, and the owner's word on each."""

from __future__ import annotations

from typing import Any

import click

from node.cli.group import NounGroup
from node.cli.session import Session, session_options
from node.cli.spoken import plural
from node.cli.table import table

_GROUPS = 4
_OFF = "Looking for nodes nearby is off. Turn it on:  intentcast up --lan"


@click.group(cls=NounGroup, invoke_without_command=True, short_help="Nodes near you; yes or no.")
@click.option("--all", "show_all", is_flag=True, help="Show refused nodes too.")
@session_options
def nearby(session: Session, *, show_all: bool) -> None:
    """List nodes that announce themselves in the local network, and those you decided about.

    None is dialled before you say so. Compare the key with the one its owner's `intentcast status`
    shows: anybody in the network can announce any key.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    found = session.client().get("/v1/nearby")
    if session.as_json:
        session.console.document(found)
        return
    shown = [node for node in found["nodes"] if show_all or node["state"] != "refused"]
    if shown:
        rows = [_row(node) for node in shown]
        headings = ("node", "address", "net", "state")
        whole = ("node", "address")
        for line in table(headings, rows, columns=session.console.width(), whole=whole):
            session.console.data(line)
    _remark(session, found, shown)


def _row(node: dict[str, Any]) -> tuple[object, ...]:
    address = node["addresses"][0] if node["addresses"] else None
    return fingerprint(node["node"]), address, node["net"], _state(node)


def fingerprint(node: str) -> str:
    """Cut a key to the groups two people compare."""
    return "-".join(node.split("-")[: _GROUPS + 1])


def _state(node: dict[str, Any]) -> str:
    linked = "linked" if node["linked"] else ""
    match node["state"]:
        case "kept":
            return linked or f"yours, not linked: {node['trouble'] or 'nobody knows where it is'}"
        case "guest":
            return f"came by your invite{', linked' if linked else ''}"
        case "refused":
            return "refused"
        case _:
            return f"waits for your yes{', linked' if linked else ''}"


def _remark(session: Session, found: dict[str, Any], shown: list[dict[str, Any]]) -> None:
    console = session.console
    waiting = sum(1 for node in shown if node["state"] == "waiting")
    if found["notice"]:
        console.say(f"! {found['notice']}")
    if found["lan"] == "off":
        console.say(_OFF)
    elif not shown:
        console.say("Nobody near you announces a node.")
    if waiting:
        console.say(
            f"{plural(waiting, 'node')} waiting. Say yes or no:"
            "  intentcast nearby allow KEY   or   intentcast nearby refuse KEY"
        )
    if count := found["ignored"].get("other_net", 0):
        console.say(f"{plural(count, 'announcement')} of other networks left out")
    if found["ignored"].get("spoofed", 0):
        console.say(
            "! Somebody announced a node that was not there; nothing was said to whoever answered."
        )


def _decide(session: Session, verb: str, key: str) -> dict[str, Any]:
    found = session.client().post(f"/v1/nearby/{verb}", {"node": key})
    if session.as_json:
        session.console.document(found)
    return found


@nearby.command("allow", short_help="Stay linked to a node.")
@click.argument("key", metavar="KEY")
@session_options
def allow(session: Session, key: str) -> None:
    """Stay linked to the node with KEY from now on, wherever it is; its key is what counts."""
    node = _decide(session, "allow", key)["neighbour"]
    if session.as_json:
        return
    name = fingerprint(node["node"])
    if node["linked"]:
        session.console.say(session.console.tick(f"Linked to {name}, and will stay so."))
    else:
        session.console.say(
            f"{name} is yours; it is linked as soon as it answers. {node['trouble']}".rstrip()
        )


@nearby.command("refuse", short_help="Show a node no more.")
@click.argument("key", metavar="KEY")
@session_options
def refuse(session: Session, key: str) -> None:
    """Show the node with KEY no more, however often it announces itself."""
    node = _decide(session, "refuse", key)
    if not session.as_json:
        name = fingerprint(node["neighbour"]["node"])
        session.console.say(session.console.tick(f"{name} is not shown any more."))


@nearby.command("forget", short_help="Take a yes or no back.")
@click.argument("key", metavar="KEY")
@session_options
def forget(session: Session, key: str) -> None:
    """Take back what you said about the node with KEY; a link that is open stays."""
    _decide(session, "forget", key)
    if not session.as_json:
        session.console.say(session.console.tick("Forgotten. See: intentcast nearby"))
