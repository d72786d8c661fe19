"""`intentcast invite`: a link that leads others to this node."""

from __future__ import annotations

import re
from typing import Any

import click

from node.cli.session import Session, session_options
from node.cli.spoken import moment
from protocol.errors import LocalProtocolError

_SPAN = re.compile(r"([1-9][0-9]{0,5})(min|h|d)")
_SECONDS = {"min": 60, "h": 3_600, "d": 86_400}
_S_MIN, _S_MAX = 60, 7 * 86_400


@click.command(short_help="Make a link that leads others here.")
@click.option("--single", is_flag=True, help="Good for one node, once.")
@click.option("--for", "span", metavar="TIME", default="7d", help="How long: 30min, 12h, 7d.")
@click.option("--address", metavar="HOST:PORT", help="Where others dial; else what the node says.")
@click.option("--qr", "as_squares", is_flag=True, help="Show it as a QR code, too.")
@session_options
def invite(
    session: Session, *, single: bool, span: str, address: str | None, as_squares: bool
) -> None:
    """Print a link, signed by this node, to hand to somebody you know.

    They join with it:  intentcast join LINK
    """
    body: dict[str, Any] = {"single": single, "for_s": read_span(span)}
    if address is not None:
        body["address"] = address
    found = session.client().post("/v1/invites", body)
    if session.as_json:
        session.console.document(found)
        return
    session.console.data(found["link"])
    if as_squares:
        _show_squares(session, found["link"])
    whom = "one node, once" if found["single"] else "everybody who has it"
    session.console.say(f"Good for {whom}, until {moment(found['until'])}, net {found['net']}.")


def _show_squares(session: Session, link: str) -> None:
    """Draw it beside the talk: the link stays alone on stdout."""
    from node.qr import lines

    for line in lines(link):
        session.console.say(session.console.light_on_dark(line))


def read_span(text: str) -> int:
    """Read a length of time; give seconds.

    Raises:
        LocalProtocolError: E-INVITE-TIME.
    """
    found = _SPAN.fullmatch(text.strip())
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not _S_MIN <= seconds <= _S_MAX:
        raise LocalProtocolError(
            f"'{text[:40]}' is no time an invite may hold: one minute to seven days",
            code="E-INVITE-TIME",
            fix="Write:  --for 30min   or 12h   or 7d",
            field="--for",
        )
    return seconds
