"""`intentcast vendor`: makes a shop of a home, fills its catalogue, opens it."""

from __future__ import annotations

from typing import Any

import click

from node.cli.client import Document
from node.cli.exits import Exit
from node.cli.feed_report import print_report, save_report
from node.cli.group import NounGroup
from node.cli.session import Session, session_options
from node.cli.spoken import short
from node.cli.table import pairs, table
from node.cli.up import node_options, start_node
from protocol.errors import LocalProtocolError

_SKIPPED_SHOWN = 20


@click.group(cls=NounGroup, short_help="Sell: init, import, serve, status.")
def vendor() -> None:
    """Sell: make a shop of this home, import what it sells, and answer requests."""


@vendor.command("init", short_help="Make a shop of this home.")
@click.option("--name", metavar="NAME", help="What people call the shop.")
@click.option("--example", metavar="SHOP", help="Make it one of the example shops, feed included.")
@click.option("--area", "areas", multiple=True, metavar='"PLACE 20km"', help="Where; repeatable.")
@click.option("--category", "categories", multiple=True, metavar="PATH", help="What; repeatable.")
@click.option("--currency", default="EUR", show_default=True, metavar="CODE", help="Of its prices.")
@click.option("--email", default="", metavar="TEXT", help="Shown to everybody.")
@click.option("--phone", default="", metavar="TEXT", help="Shown to everybody.")
@click.option("--web", default="", metavar="TEXT", help="Shown to everybody.")
@session_options
def init(session: Session, example: str | None, **answers: Any) -> int | None:
    """Write vendor.toml (who the shop is) and rules.toml (how it prices) into the home."""
    from node.cli.shop_files import Answers, write_example, write_shop

    if example is None and answers["name"] is None:
        raise LocalProtocolError(
            "--name is missing",
            code="E-USAGE",
            fix='Write: intentcast vendor init --name "Corner Shop"   or: --example SHOP',
            field="--name",
        )
    written = (
        write_example(session, example) if example else write_shop(session, Answers(**answers))
    )
    if session.as_json:
        session.console.document(
            {"schema": "intentcast.shop/1", "files": [str(path) for path in written]}
        )
        return None
    for path in written:
        session.console.data(str(path))
    session.console.say(session.console.tick(f"{example or answers['name']} is set up."))
    session.console.say(
        f"  Next:  intentcast vendor import{'' if example else ' FEED'}"
        "        then:  intentcast vendor serve"
    )
    return None


@vendor.command("import", short_help="Bring the catalogue to what a feed says.")
@click.argument("feed", metavar="[FEED]", required=False)
@click.option("--dry-run", is_flag=True, help="Only tell what would change.")
@click.option("--source", metavar="NAME", help="Name of the feed; else the file's name.")
@click.option("--currency", metavar="CODE", help="Of prices that name none.")
@click.option("--decimal-comma", is_flag=True, help="19,99 is a bit under twenty.")
@click.option("--category", metavar="PATH", help="Of articles that tell none.")
@click.option("--price-unit", metavar="UNIT", help="What a price is for: each, DAY, ...")
@click.option("--encoding", metavar="NAME", help="Of the file's text, if not UTF-8.")
@click.option("--delimiter", metavar="MARK", help="Between cells: tab , ; |")
@click.option("--remove-most", is_flag=True, help="Let more than half of the articles go.")
@click.option("--report", metavar="FILE", help="Write every problem as CSV.")
@session_options
def import_(session: Session, feed: str | None, report: str | None, **options: Any) -> int:
    """Import FEED: CSV, TSV, or Google Merchant XML; without FEED those of vendor.toml.

    Only differences are applied; importing the same file again changes nothing. Works with the
    node running or not.
    """
    from node.cli.shop_files import feed_orders, import_one

    worst = Exit.OK
    for path, given in feed_orders(session, feed, options):
        found = import_one(session, path, given)
        if report is not None:
            save_report(session, report, found)
        if session.as_json:
            session.console.document(found, line=feed is None)
        else:
            print_report(session, found, path)
        if not found["offered"] and found["refused"]:
            worst = Exit.REFUSED
    return worst


@vendor.command("serve", short_help="Start the node and answer requests.")
@node_options
@session_options
def serve(session: Session, **flags: Any) -> int:
    """Start the node of a home that has a shop; the same as `intentcast up`, checked first."""
    from node.cli.shop_files import check_shop

    check_shop(session.home)
    return start_node(session, flags)


@vendor.command("status", short_help="Show stock and what was answered.")
@session_options
def status(session: Session) -> None:
    """Show what the shop has, what it quoted, and what it let pass and why."""
    found = session.client().get("/v1/vendor")
    if session.as_json:
        session.console.document(found)
        return
    _print(session, found)


def _print(session: Session, found: Document) -> None:
    console = session.console
    rows: list[tuple[str, object]] = [
        ("Shop", found["name"]),
        ("On offer", found["items"]),
        ("Quoted", found["quoted"]),
        ("Let pass", len(found["skipped"])),
    ]
    if found.get("locked"):
        console.say("! Locked: the shop quotes nothing until:  intentcast unlock")
    if found.get("rules_problem"):
        rows.append(("Rules", f"the last good ones are used: {found['rules_problem']}"))
    for line in pairs(rows):
        console.data(line)
    listed = found["skipped"][:_SKIPPED_SHOWN]
    if listed:
        cells = [(short(one["cast"]), one["reason"], one["words"]) for one in listed]
        for line in table(("cast", "reason", "why"), cells, columns=console.width()):
            console.data(line)
