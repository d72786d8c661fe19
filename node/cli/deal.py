"""`intentcast deal`: lists deals, shows one, keeps its agreement, or answers as the vendor."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import click

from node.cli.client import Document, NodeClient, handle_path
from node.cli.console import clean
from node.cli.names import complete_deals
from node.cli.session import Session, session_options
from node.cli.spoken import moment, short
from node.cli.table import pairs, table
from node.errors import RefusedError
from protocol.errors import LocalProtocolError

_ASKS = {
    "agreed": ("Keep it", " --save FILE"),
    "offered": ("Answer it", " --confirm        or: --refuse REASON"),
}
"""States of a deal in which something is to be typed: what for, and what."""


@click.command(short_help="List deals, show one, save its agreement, answer one.")
@click.argument("handle", metavar="[DEAL]", required=False, shell_complete=complete_deals)
@click.option("--save", metavar="FILE", help="Write the agreement both sides signed.")
@click.option("--confirm", is_flag=True, help="As the vendor: say yes.")
@click.option("--refuse", metavar="REASON", help="As the vendor: say no; out_of_stock, withdrawn.")
@session_options
def deal(
    session: Session,
    handle: str | None,
    save: str | None,
    confirm: bool,  # noqa: FBT001
    refuse: str | None,
) -> int | None:
    """List deals; with DEAL show one, save its agreement, or answer it as the vendor."""
    acts = [save is not None, confirm, refuse is not None]
    if sum(acts) > 1 or (any(acts) and handle is None):
        raise LocalProtocolError(
            "--save, --confirm and --refuse need one DEAL, and one of them at a time",
            code="E-USAGE",
            fix="Write:  intentcast deal DEAL --save FILE",
        )
    client = session.client()
    if handle is None:
        _list(session, client.get("/v1/deals"))
        return None
    path = f"/v1/deals/{handle_path(handle)}"
    if save is not None:
        _save(session, client, path, Path(save))
        return None
    if not (confirm or refuse is not None):
        _show(session, client.get(path))
        return None
    if not session.confirm("Confirm this deal?" if confirm else "Refuse this deal?"):
        session.console.say("Nothing was changed.")
        return None
    _show(session, client.post(f"{path}/decide", {"confirm": confirm, "reason": refuse or ""}))
    return None


def _list(session: Session, found: Document) -> None:
    if session.as_json:
        session.console.document(found)
        return
    if not found["deals"]:
        session.console.say("No deals yet. Accept an offer:  intentcast accept OFFER")
        return
    rows = [
        (
            one["handle"],
            one["role"],
            one["state"],
            one["total_text"],
            short(_other(one)),
            one["cast_title"],
        )
        for one in found["deals"]
    ]
    headings = ("deal", "as", "state", "total", "with", "about")
    lines = table(
        headings,
        rows,
        columns=session.console.width(),
        right=("total",),
        whole=("deal", "state", "total"),
        spare=("with", "as"),
    )
    for line in lines:
        session.console.data(line)


def _other(one: dict[str, Any]) -> object:
    return one.get("counterparty") or one.get("vendor")


def _show(session: Session, found: Document) -> None:
    console = session.console
    if session.as_json:
        console.document(found)
        return
    one = found["deal"]
    rows: list[tuple[str, object]] = [
        ("Deal", one["id"]),
        ("State", one["state"]),
        ("About", one["cast_title"]),
        ("You are", one["role"]),
        ("With", _other(one)),
        ("Total", one["total_text"]),
        ("Confirm by", moment(one["confirm_by"])),
        ("Agreement", one["agreement_id"] or "none yet"),
        ("Disclosed", ", ".join(one["disclosed"]) or "nothing"),
    ]
    rows += [(f"Received {name}", value) for name, value in one["received"].items()]
    for line in pairs(rows):
        console.data(line)
    for line in one["lines"]:
        console.data(clean(f"  {line['name']}  {line['qty']}  {line['total_text']}"))
    for event in one["history"]:
        console.data(clean(f"  {moment(event['at'])}  {event['what']}"))
    console.say(clean(one["next"]))
    if one["state"] in _ASKS:
        console.say(f"  {what_to_type(one)}")


def what_to_type(one: dict[str, Any]) -> str:
    """Give the command that is next for a deal."""
    verb, option = _ASKS.get(one["state"], ("See it", ""))
    return f"{verb}:  intentcast deal {one['handle']}{option}"


def _save(session: Session, client: NodeClient, path: str, file: Path) -> None:
    """Write the agreement; a file that is there is kept unless the person says otherwise."""
    if not file.name or file.is_dir():
        raise LocalProtocolError(
            f"'{file}' is a folder",
            code="E-FILE",
            fix="Name a file:  --save deal.agreement",
            field="--save",
        )
    data = client.get_bytes(f"{path}/agreement")
    if file.exists() and not session.confirm(f"Overwrite {file}?"):
        raise RefusedError(
            f"{file} is there already", code="E-FILE-EXISTS", fix="Choose another name"
        )
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(data)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    if session.as_json:
        session.console.document(
            {"schema": "intentcast.saved/1", "file": str(file), "bytes": len(data)}
        )
    else:
        session.console.data(str(file))
    typed = shlex.quote(str(file))
    session.console.say(session.console.tick(f"Saved. Check it:  intentcast verify {typed}"))
