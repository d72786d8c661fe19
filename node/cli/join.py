"""`intentcast join`: follows an invite."""

from __future__ import annotations

import click

from node.cli.nearby import fingerprint
from node.cli.session import Session, session_options


@click.command(short_help="Follow an invite.")
@click.argument("link", metavar="LINK")
@click.option("--private", is_flag=True, help="On main: a private network's address is meant.")
@session_options
def join(session: Session, *, link: str, private: bool) -> None:
    """Link to the node LINK leads to, and stay linked.

    The link is checked before anything is dialled, and the node must prove the key in it.
    """
    found = session.client().post("/v1/join", {"link": link, "private": private})
    if session.as_json:
        session.console.document(found)
        return
    node = found["neighbour"]
    where = f" at {node['addresses'][0]}" if node["addresses"] else ""
    said = f"Joined {fingerprint(node['node'])}{where}; the link is kept over restarts."
    session.console.say(session.console.tick(said))
