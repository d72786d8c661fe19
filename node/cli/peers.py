"""`intentcast peers`: the nodes this one is linked to, and one more."""

from __future__ import annotations

from typing import Any, Final

import click

from node.cli.group import NounGroup
from node.cli.session import Session, session_options
from node.cli.spoken import duration, plural, short, size
from node.cli.table import table
from node.cli.up import peer_address


@click.group(cls=NounGroup, invoke_without_command=True, short_help="List linked nodes; add one.")
@click.option("--explain", is_flag=True, help="Say what is thought of each link, and why.")
@session_options
def peers(session: Session, *, explain: bool) -> None:
    """List the nodes this one is linked to; `first` counts what each of them brought first."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    found = session.client().get("/v1/peers")
    if session.as_json:
        session.console.document(found)
        return
    known = plural(found["known"], "mailbox", "mailboxes")
    if not found["peers"]:
        _say_unlinked(session, found["unlinked"])
        more = "; why: intentcast doctor" if found["unlinked"] else ""
        session.console.say(
            f"No links; {known} known. Add one:  intentcast peers add HOST:PORT{more}"
        )
        return
    if explain:
        _explain(session, found["peers"])
        return
    _list(session, found["peers"])
    session.console.say(f"{plural(len(found['peers']), 'link')}, {known} known")
    _say_unlinked(session, found["unlinked"])
    if common := found.get("dependent_on"):
        session.console.say(f"! No independent source: {_COMMON[common]}")
        session.console.say("Add a node of somebody else's:  intentcast peers add HOST:PORT")


def _say_unlinked(session: Session, dialled: list[dict[str, Any]]) -> None:
    """Say of each address that is dialled in vain what it came to, and when it is tried again."""
    for each in dialled:
        when = "now" if each["next_s"] is None else f"in {duration(each['next_s'])}"
        why = "first try" if each["code"] is None else f"{each['error']} ({each['code']})"
        session.console.say(f"! {each['address']} is not linked: {why}; next try {when}")


def _list(session: Session, links: list[dict[str, Any]]) -> None:
    headings = ("node", "address", "way", "roles", "rtt", "for", "in", "out", "first")
    rows = [_row(peer) for peer in links]
    lines = table(
        headings,
        rows,
        columns=session.console.width(),
        right=("rtt", "in", "out", "first"),
        whole=("node", "address"),
        spare=("first", "out", "in", "for", "rtt", "way", "roles"),
    )
    for line in lines:
        session.console.data(line)


_COMMON: Final = {
    "group": "all peers this node dialled are in one address group",
    "source": "one address group alone told of all peers this node dialled",
    "strangers": "the peers this node had before are gone, and none of those it dialled has "
    "brought anything yet",
}
"""What all links have in common."""


def _explain(session: Session, links: list[dict[str, Any]]) -> None:
    """Say of each link what comes over it, how it stands, what it may bring, and why."""
    for peer in links:
        view = peer["explain"]
        lag = "" if view["lag_ms"] is None else f", {view['lag_ms']} ms behind the first"
        penalty = f", {view['penalty_ms']} ms for broken promises" if view["penalty_ms"] else ""
        session.console.data(f"{short(peer['node'])}  {peer['address']}")
        session.console.data(f"  comes: {view['asked'] or 'not weighed yet'}{lag}{penalty}")
        session.console.data(f"  why:   {view['why']}")
        wants = ", only some requests" if view["narrows"] else ""
        session.console.data(f"  goes:  {view['given']}{wants}")
        session.console.data(
            f"  stands: merit {view['merit']}, faults {peer['fault_points']} "
            f"({view['standing'].replace('_', ' ')})"
        )
        session.console.data(f"  may bring: {_budget(view)}")


def _budget(view: dict[str, Any]) -> str:
    if view["news_left"] is None:
        return "as much as it likes"
    over = plural(view["over_budget"], "object")
    beyond = f"; {over} put off" if view["over_budget"] else ""
    return (
        f"{view['news_left']:,} new objects now, {view['news_per_s']:,} a second; "
        f"{view['pull_kib_left']:,} KiB by comparing{beyond}"
    )


def _row(peer: dict[str, Any]) -> tuple[object, ...]:
    rtt = peer.get("rtt_ms")
    return (
        short(peer["node"]),
        peer.get("address"),
        peer["direction"],
        ", ".join(peer["roles"]) or "leaf",
        None if rtt is None else f"{rtt} ms",
        duration(peer["connected_s"]),
        size(peer["bytes_in"]),
        size(peer["bytes_out"]),
        peer["objects"],
    )


@peers.command("add", short_help="Stay linked to one more node.")
@click.argument("address", metavar="ADDRESS")
@session_options
def add(session: Session, address: str) -> None:
    """Stay linked to ADDRESS: host:port, or intentcast://KEY@host:port as `up` prints it.

    The link is made again whenever it breaks, for as long as this node runs. A start after that
    dials the relays that are still known, and whatever --peer or config.toml names.
    """
    found = session.client().post("/v1/peers", {"address": peer_address(address)})
    if session.as_json:
        session.console.document(found)
        return
    session.console.say(session.console.tick(f"Added {address}. See: intentcast peers"))
    session.console.say(
        "  The link stays for as long as this node runs. "
        f"For every start:  intentcast up --peer {address}        or peers in config.toml"
    )
