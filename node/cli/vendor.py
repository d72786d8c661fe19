"""`intentcast vendor`: makes a shop of a home, fills its catalogue, opens it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import click

from node.cli.client import Document
from node.cli.exits import Exit
from node.cli.feed_report import nothing_usable, print_habits, print_report, save_report
from node.cli.group import NounGroup
from node.cli.session import Session, session_options
from node.cli.spoken import moment, short
from node.cli.table import pairs, table
from node.cli.up import node_options, start_node
from protocol.errors import LocalProtocolError

_REASONS_SHOWN = 20
_PRICE_UNIT = "each"


@click.group(cls=NounGroup, short_help="Sell: init, import, serve, inbox, ...")
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
    from node.cli.shop_files import feed_orders, import_one, to_keep

    worst = Exit.OK
    for path, given in feed_orders(session, feed, options):
        found = import_one(session, path, given)
        if report is not None:
            save_report(session, report, found)
        if session.as_json:
            session.console.document(found, line=feed is None)
        else:
            print_report(session, found, path)
        if nothing_usable(found):
            worst = Exit.REFUSED
        elif found["applied"] and not session.as_json and to_keep(session.home, path, given):
            print_habits(session, path, given)
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
    client = session.client()
    found = client.get("/v1/vendor")
    if session.as_json:
        session.console.document(found)
        return
    _print(session, found)
    if not client.get("/v1/peers")["peers"]:
        session.console.say(
            "! Offline: no peers, so no request comes. "
            "Link to one:  intentcast peers add HOST:PORT        or:  intentcast join LINK"
        )


@vendor.command("catalogue", short_help="List what is on offer.")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--after", type=click.IntRange(0), default=0, metavar="N", help="Go on from there.")
@session_options
def catalogue(session: Session, words: tuple[str, ...], after: int) -> None:
    """List articles on offer whose title or number holds every WORD, and why one is not quoted."""
    asked = urlencode({"words": " ".join(words), "after": after})
    found = session.client().get(f"/v1/vendor/catalogue?{asked}")
    if session.as_json:
        session.console.document(found)
        return
    rows = [
        (
            each["sku"],
            each["title"],
            each["price_text"] + ("" if each["price_unit"] == _PRICE_UNIT else " a unit"),
            each["stock"],
            each["source"],
            each["hindrance"]["words"] if each["hindrance"] else "",
        )
        for each in found["articles"]
    ]
    headings = ("number", "article", "price", "stock", "feed", "not quoted because")
    _print_page(session, found, headings, rows, "vendor catalogue")


@vendor.command("offers", short_help="List offers sent.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="N", help="Go on from there.")
@session_options
def offers(session: Session, after: int) -> None:
    """List offers this shop sent, newest first."""
    found = session.client().get(f"/v1/vendor/offers?{urlencode({'after': after})}")
    if session.as_json:
        session.console.document(found)
        return
    rows = [
        (
            each["handle"],
            each["total_text"],
            each["state"],
            moment(each["valid_until"]),
            each["deal"],
            each["title"],
        )
        for each in found["offers"]
    ]
    headings = ("offer", "total", "state", "valid until", "deal", "to")
    _print_page(session, found, headings, rows, "vendor offers")


def _print_page(
    session: Session,
    found: Document,
    headings: tuple[str, ...],
    rows: Sequence[tuple[object, ...]],
    command: str,
) -> None:
    console = session.console
    if rows:
        lines = table(
            headings,
            rows,
            columns=console.width(),
            right=("price", "total"),
            whole=("number", "price", "offer", "total", "deal"),
            spare=("feed", "valid until"),
        )
        for line in lines:
            console.data(line)
    elif found["next"] is None:
        console.say("There is nothing.")
    if found["next"] is not None:
        console.say(f"There is more:  intentcast {command} --after {found['next']}")


@vendor.command("inbox", short_help="Show what waits for you, and what became of requests.")
@session_options
def inbox(session: Session) -> None:
    """Show acceptances that wait for your word, and what became of the requests heard lately."""
    found = session.client().get("/v1/vendor/inbox")
    console = session.console
    if session.as_json:
        console.document(found)
        return
    if found["waiting"]:
        rows = [
            (each["handle"], each["total_text"], moment(each["confirm_by"]), each["cast_title"])
            for each in found["waiting"]
        ]
        headings = ("deal", "total", "answer by", "about")
        whole = ("deal", "total", "answer by")
        lines = table(headings, rows, columns=console.width(), right=("total",), whole=whole)
        for line in lines:
            console.data(line)
        console.say("Answer:  intentcast deal DEAL --confirm        or: --refuse REASON")
    heard = [
        (each["handle"], moment(each["at"]), _became(each), each["title"], each["words"])
        for each in found["requests"]
    ]
    if heard:
        headings_heard = ("request", "when", "what became of it", "title", "why")
        lines = table(
            headings_heard,
            heard,
            columns=console.width(),
            whole=("request", "what became of it"),
            spare=("why", "when", "title"),
        )
        for line in lines:
            console.data(line)
    if not heard and not found["waiting"]:
        console.say("Nothing waits, and no request has come.")


def _became(request: Document) -> str:
    if request["state"] == "offered":
        return f"offered, {request['offer']}"
    return f"{request['state']}, {request['reason']}"


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
    cells = _grouped(found["skipped"])
    if cells:
        lines = table(
            ("let pass", "reason", "why", "cast"),
            cells[:_REASONS_SHOWN],
            columns=console.width(),
            right=("let pass",),
            whole=("reason", "cast"),
        )
        for line in lines:
            console.data(line)
    if len(cells) > _REASONS_SHOWN:
        console.say(f"... and {len(cells) - _REASONS_SHOWN} more; each: intentcast vendor inbox")


def _grouped(skipped: Sequence[Document]) -> list[tuple[object, ...]]:
    """Gather requests that were let pass for the same reason, the most frequent first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in skipped:
        groups.setdefault((one["reason"], one["words"]), []).append(one["cast"])
    most_first = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [
        (len(casts), reason, words, short(casts[0]) if len(casts) == 1 else "")
        for (reason, words), casts in most_first
    ]
