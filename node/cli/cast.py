"""`intentcast cast`: says what is wanted, after showing who would see what."""

from __future__ import annotations

from typing import Any

import click

from node.cli.client import Document, NodeClient, handle_path
from node.cli.console import clean
from node.cli.deadline import Deadline
from node.cli.requests import Draft, Words, in_own_words, of_a_guess, read_words
from node.cli.session import Session, session_options
from node.cli.table import pairs
from node.errors import TransportError
from protocol.errors import IntentcastError

_HIDDEN = {"nonce", "reply"}
_HEARD_S = 2.0
"""How long peers have to say that they hold a new cast."""
_LOOK_S = 0.2


@click.command(short_help="Say what you want.")
@click.argument("what", metavar="FILE.json|TEXT")
@click.option("--category", metavar="PATH", help="Category; search: intentcast categories WORDS.")
@click.option("--budget", metavar="MONEY", help="Most you will pay; stays here. 300EUR.")
@click.option("--near", metavar="PLACE", help='Where: "Berlin", "52.5,13.4" or an H3 cell.')
@click.option("--within", metavar="DISTANCE", help="How far from there: 25km.")
@click.option("--by", metavar="DATE", help="When you mean to choose: 2027-03-01 or +14d.")
@click.option("--must", multiple=True, metavar="WISH", help='"resolution >= 12 MP"; repeatable.')
@click.option("--prefer", multiple=True, metavar="WISH", help='"colour in red, blue"; repeatable.')
@click.option("--item", "items", multiple=True, metavar="NAME", help="A thing wanted; repeatable.")
@session_options
def cast(session: Session, **words: Any) -> int | None:
    """Say what you want: FILE.json, or TEXT with options.

    Shows exactly what becomes public and who will see what, then asks before it is sent.
    """
    draft = read_words(Words(**words))
    try:
        client = _client(session, draft)
        preview = client.post("/v1/casts/preview", draft.value)
        _show(session, preview, draft)
        if not session.confirm("Broadcast?", default=True):
            session.console.say("Nothing was sent.")
            return None
        found = _heard(client, client.post("/v1/casts", draft.value))
    except IntentcastError as error:
        if draft.from_file:
            raise
        of_a_guess(error, draft)
        in_own_words(error)
    _tell(session, found)
    return None


def _client(session: Session, draft: Draft) -> NodeClient:
    """Reach the node; while it is down, what is wrong with the words comes first."""
    try:
        return session.client()
    except TransportError:
        from node.clock import SystemClock
        from node.market.drafts import read_request

        read_request(draft.value, SystemClock().now().wall_ms)
        raise


def _heard(client: NodeClient, found: Document) -> Document:
    """Give peers a moment to take it, so that what is said of them is true."""
    handle = found["cast"]["handle"]
    cursor = client.cursor() if handle else 0
    deadline = Deadline(_HEARD_S)
    while handle and not found["cast"]["reach"]["seen_at"] and not deadline.over():
        client.news(cursor, min(_LOOK_S, deadline.left_s()))
        found = client.get(f"/v1/casts/{handle_path(handle)}")
    return found


def _show(session: Session, preview: Document, draft: Draft) -> None:
    say = session.console.say
    if draft.guessed:
        say(f"  Category guess   {draft.guessed}   (change: --category)")
    say("  Public, word for word:")
    rows = [
        (name, _value(value)) for name, value in preview["public"].items() if name not in _HIDDEN
    ]
    for line in pairs(rows):
        say(f"    {line}")
    if kept := _kept_budget(draft.value.get("budget")):
        say(f"  Budget, kept on this node:  {clean(kept)}")
    for part in preview["sees"]:
        say(f"  {clean(part['who'])}:  {clean(', '.join(part['what']))}")


def _kept_budget(value: Any) -> str:
    """Say a budget that does not leave the node; empty where there is none, or it is public."""
    wanted = value if isinstance(value, dict) else {"max": value} if value else {}
    if wanted.get("visibility", "local") != "local":
        return ""
    words = {"max": "at most", "target": "best"}
    return ", ".join(f"{words[k]} {_money(str(wanted[k]))}" for k in words if k in wanted)


def _money(text: str) -> str:
    from protocol.values.money import format_money, parse_money

    amount = parse_money(text)
    return format_money(amount.minor, amount.cur)


def _value(value: Any) -> str:
    """Say a public value in few words; every name and text of it stands there."""
    match value:
        case {"n": number, "unit": unit, **rest} if not rest:
            return f"{number} {unit}"
        case {"key": key, "op": op, **rest}:
            words = [key, op, *(_value(rest[name]) for name in ("value", "unit") if name in rest)]
            extra = [_value(rest[name]) for name in ("level", "weight") if name in rest]
            return " ".join(words) + (f" ({', '.join(extra)})" if extra else "")
        case dict():
            return ", ".join(f"{name} {_value(child)}" for name, child in value.items())
        case list():
            return "; ".join(_value(child) for child in value) or "none"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def _tell(session: Session, found: Document) -> None:
    if session.as_json:
        session.console.document(found)
        return
    made = found["cast"]
    name = made["handle"] or made.get("draft")
    session.console.say(session.console.tick(made["note"]))
    session.console.data(str(name))
    session.console.say(f"  See what comes:  intentcast offers {name} --watch")
