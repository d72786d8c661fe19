"""`intentcast offers`: what vendors would do, itemised and ranked; now, or as they come."""

from __future__ import annotations

import re
import time

import click

from node.cli.client import Document, NodeClient, handle_path
from node.cli.console import clean
from node.cli.deadline import Deadline
from node.cli.exits import Exit
from node.cli.live_table import LiveTable
from node.cli.names import complete_casts
from node.cli.offer_text import explained, overview, overview_rows
from node.cli.session import Session, session_options
from node.cli.spoken import plural
from node.errors import NotFoundError, TransportError
from protocol.errors import LocalProtocolError

_WAIT = re.compile(r"(?:offers\s*)?(?:>=)?\s*(?P<count>\d{1,4})")
_FOR_EVER_S = 30 * 86_400.0
_GLANCE_S = 2.0
_KNOCK_S = 1.0
_AWARDED, _OFFERED = "awarded", "offered"
CHOOSING = frozenset({"open", "deciding"})
"""States of a cast in which an offer can be taken."""
_NEW, _OLD = "* ", "  "


@click.command(short_help="Show a cast's offers, itemised and ranked.")
@click.argument("handle", metavar="[CAST]", required=False, shell_complete=complete_casts)
@click.option("--watch", is_flag=True, help="Show them again whenever something changes.")
@click.option("--explain", is_flag=True, help="Show every line, wish and term of the ranking.")
@click.option("--wait", "wait", metavar="N", help="Wait until there are N offers.")
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Longest wait.")
@session_options
def offers(  # noqa: PLR0917 - one parameter per option
    session: Session,
    handle: str | None,
    watch: bool,  # noqa: FBT001
    explain: bool,  # noqa: FBT001
    wait: str | None,
    timeout: float | None,
) -> int | None:
    """Show the offers for CAST, the best first; the total is the sum of its lines.

    With a single cast, or a single one that is open, its name may be left out.
    """
    wanted = _count(wait)
    client = session.client()
    deadline = Deadline(_FOR_EVER_S if timeout is None else timeout)
    handle = handle or only_cast(client, deadline if wanted or watch else None)
    path = f"/v1/casts/{handle_path(handle)}/offers"
    if watch:
        return _watch(session, client, path, deadline, explain=explain)
    cursor = client.cursor()
    found = client.get(path)
    while len(found["offers"]) < wanted and not deadline.over():
        _, cursor = client.news(cursor, deadline.left_s())
        found = client.get(path)
    _print(session, found, explain=explain)
    if len(found["offers"]) < wanted:
        raise TransportError(
            f"{len(found['offers'])} of {plural(wanted, 'offer')} came within {timeout:g} s",
            code="E-TIMEOUT",
            fix=f"Wait on:  intentcast offers {handle} --watch",
        )
    return None


def only_cast(
    client: NodeClient, deadline: Deadline | None = None, *, line: str = "intentcast offers {}"
) -> str:
    """Name the single cast there is, or the single one that is open among others that ended.

    Args:
        client: asks.
        deadline: how long one that is saved and not sent yet is waited for; not at all without.
        line: what to type where there are several, `{}` standing for one of them.

    Raises:
        NotFoundError: E-CAST-UNKNOWN, there is none, or none was sent yet.
        LocalProtocolError: E-USAGE, there are several.
    """
    deadline = deadline or Deadline(0)
    cursor = client.cursor()
    listed = client.get("/v1/casts")["casts"]
    while listed and not any(cast["handle"] for cast in listed) and not deadline.over():
        _, cursor = client.news(cursor, deadline.left_s())
        listed = client.get("/v1/casts")["casts"]
    casts = [cast["handle"] for cast in listed if cast["handle"]]
    open_casts = [c["handle"] for c in listed if c["handle"] and c["state"] in CHOOSING]
    for found in (casts, open_casts):
        if len(found) == 1:
            return str(found[0])
    if listed and not casts:
        raise NotFoundError(
            "what you asked for is saved and not sent yet: no node with a mailbox is connected",
            code="E-CAST-UNKNOWN",
            fix="Link to one:  intentcast peers add HOST:PORT        see: intentcast casts",
        )
    if not casts:
        raise NotFoundError(
            "nothing is asked for yet",
            code="E-CAST-UNKNOWN",
            fix='Begin:  intentcast cast "what you want"',
        )
    named = (open_casts or casts)[0]
    raise LocalProtocolError(
        f"there are {len(casts)} casts; say which",
        code="E-USAGE",
        fix=f"Write:  {line.format(named)}        all of them:  intentcast casts",
    )


def _count(text: str | None) -> int:
    if text is None:
        return 0
    found = _WAIT.fullmatch(text.strip())
    if found is None:
        raise LocalProtocolError(
            f"--wait '{text[:40]}' is not a number of offers",
            code="E-WAIT",
            fix="Write:  --wait 3",
            field="--wait",
        )
    return int(found["count"])


def _watch(
    session: Session, client: NodeClient, path: str, deadline: Deadline, *, explain: bool
) -> int:
    """Show the offers whenever they differ from what was shown; Ctrl-C ends it."""
    try:
        if session.console.is_watched and not session.as_json and not explain:
            return _watch_live(session, client, path, deadline)
        return _watch_plainly(session, client, path, deadline, explain=explain)
    except KeyboardInterrupt:
        return Exit.OK


def _watch_plainly(
    session: Session, client: NodeClient, path: str, deadline: Deadline, *, explain: bool
) -> int:
    shown: Document | None = None
    cursor = client.cursor()
    while True:
        found = client.get(path)
        if shown is None or found["offers"] != shown["offers"]:
            _print(session, found, explain=explain, line=True)
            shown = found
        if deadline.over():
            return Exit.OK
        _, cursor = client.news(cursor, deadline.left_s())


def _watch_live(session: Session, client: NodeClient, path: str, deadline: Deadline) -> int:
    """Keep one table up to date where it stands; while the node is down, say since when."""
    table = LiveTable(session.console)
    found = client.get(path)
    known = {offer["handle"] for offer in found["offers"]}
    new, since, down = set[str](), table.hour(), ""
    cursor: int | None = None
    while True:
        table.draw(_rows(session, found, new), down or _state(found, new, since))
        if deadline.over():
            return Exit.OK
        try:
            if down or cursor is None:
                client = session.client()
                cursor = client.cursor()
            else:
                _, cursor = client.news(cursor, min(_GLANCE_S, deadline.left_s()))
            before, found = found, client.get(path)
            down = ""
        except TransportError as error:
            what = "is down" if error.code == "E-NODE-DOWN" else "does not answer"
            down = down or f"✗ The node {what} since {table.hour()}; so it stood. Trying again ..."
            time.sleep(min(_KNOCK_S, deadline.left_s()))
            continue
        if found["offers"] != before["offers"]:
            since = table.hour()
            handles = {offer["handle"] for offer in found["offers"]}
            # What came since the last change is marked until the next one.
            new, known = handles - known or new & handles, known | handles


def _rows(session: Session, found: Document, new: set[str]) -> list[str]:
    listed = found["offers"]
    if not listed:
        return [f"No offers yet for '{clean(found['cast']['title'])}'."]
    columns = session.console.width() - len(_NEW)
    head, rows = overview_rows(listed, columns)
    lines = [session.console.bold(_OLD + head)]
    for offer, [first, *rest] in zip(listed, rows, strict=True):
        lines.append((_NEW if offer["handle"] in new else _OLD) + first)
        lines += [_OLD + line for line in rest]
    return lines


def _state(found: Document, new: set[str], since: str) -> str:
    fresh = f", {len(new)} new (*)" if new else ""
    return f"{plural(len(found['offers']), 'offer')}{fresh}; as of {since}. Ctrl-C ends."


def _print(session: Session, found: Document, *, explain: bool, line: bool = False) -> None:
    """Print the offers; those that follow each other while watching are documents of one line."""
    console = session.console
    if session.as_json:
        console.document(found, line=line)
        return
    listed = found["offers"]
    title = found["cast"]["title"]
    if not listed:
        wait = "each is shown as it comes, Ctrl-C ends it" if line else "wait for them: --watch"
        console.say(f"No offers yet for '{title}'. They come in until its date; {wait}.")
        return
    if explain:
        for offer in listed:
            for text in explained(offer):
                console.data(text)
    else:
        for text in overview(listed, console.width()):
            console.data(text)
    parts = [f"{plural(len(listed), 'offer')} for '{title}'."]
    parts += [] if explain else ["Why this order: --explain"]
    parts += [_next(found)] if _next(found) else []
    console.say("   ".join(parts))


def _next(found: Document) -> str:
    """Say what may be typed next; a handle can be copied as it stands."""
    if found["cast"]["state"] == _AWARDED:
        return "One is taken; see:  intentcast deal"
    if found["cast"]["state"] not in CHOOSING:
        return ""
    for offer in found["offers"]:
        if offer["valid"] and offer["state"] == _OFFERED:
            return f"Take one:  intentcast accept {offer['handle']}"
    return ""
