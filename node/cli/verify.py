"""`intentcast verify`: checks an agreement's file with nothing but the file.

Asks no node, no network, no clock. Every signature, every cross-reference and every byte is
rebuilt and compared; what fails is named by object and field.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.exits import Exit
from node.cli.session import Session, session_options
from node.cli.table import pairs, table
from node.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from protocol.errors import RemoteProtocolError
    from protocol.objects.agreement import Agreement

_MS = 1000


@click.command(short_help="Check an agreement's file; needs no node.")
@click.argument("file", metavar="FILE")
@session_options
def verify(session: Session, file: str) -> int:
    """Check the agreement in FILE: both signatures, every reference, every byte."""
    from protocol.errors import RemoteProtocolError
    from protocol.objects.agreement import read_bundle

    raw = _read(Path(file))
    try:
        agreement = read_bundle(raw)
    except RemoteProtocolError as error:
        raise _refused(session, file, error) from error
    verdict = "verified" if agreement.agreed is not None else "unacknowledged"
    found = _document(agreement, verdict)
    if session.as_json:
        session.console.document(found)
    else:
        _print(session, found)
    if verdict == "verified":
        return Exit.OK
    session.console.say(
        "  The buyer never acknowledged it: there is no agreement yet (E-UNACKNOWLEDGED)."
        "\n  Ask the buyer's side for its file, or look at the deal:  intentcast deal"
    )
    return Exit.REFUSED


def _read(path: Path) -> bytes:
    from protocol.objects.agreement import BUNDLE_BYTES_MAX

    if path.exists() and not path.is_file():
        raise NotFoundError(f"{path} is not a file", code="E-FILE", fix="Name an agreement's file")
    try:
        with path.open("rb") as file:
            raw = file.read(BUNDLE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no file {path}",
            code="E-FILE",
            fix="Save one first:  intentcast deal DEAL --save FILE",
        ) from error
    if len(raw) > BUNDLE_BYTES_MAX:
        raise RefusedError(
            f"{path} is larger than any agreement",
            code="E-AGREEMENT",
            fix="Name a file saved with:  intentcast deal DEAL --save FILE",
        )
    return raw


def _refused(session: Session, file: str, error: RemoteProtocolError) -> RefusedError:
    """Name the object and the field that fail."""
    detail = error.sentence.removeprefix(f"{error.field}: ") if error.field else error.sentence
    where = error.field or "bundle"
    if session.as_json:
        session.console.document(
            {
                "schema": "intentcast.verification/1",
                "verdict": "invalid",
                "fails": where,
                "reason": error.reason.value,
                "detail": detail,
            }
        )
    return RefusedError(
        f"{file} does not hold: {where}: {detail}",
        code="E-AGREEMENT",
        fix="Do not rely on it; ask the other side for its copy and compare",
        field=where,
    )


def _moment(wall_ms: int) -> str:
    moment = datetime.fromtimestamp(wall_ms // _MS, tz=UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _document(agreement: Agreement, verdict: str) -> dict[str, Any]:
    from protocol.ids import to_text
    from protocol.values.money import format_money

    offer, acceptance = agreement.offer.body, agreement.acceptance.body
    taken = [offer.lines[line.index] for line in acceptance.lines]
    return {
        "schema": "intentcast.verification/1",
        "verdict": verdict,
        "net": agreement.net,
        "agreement_id": to_text("agreement", agreement.id) if agreement.id else None,
        "deal_id": to_text("deal", agreement.deal_id),
        "asked": agreement.cast.body.title,
        "buyer": {"key": to_text("key", agreement.cast.header.key)},
        "vendor": {
            "name": agreement.profile.body.name,
            "key": to_text("key", agreement.profile.header.key),
        },
        "lines": [
            {
                "name": line.name,
                "kind": line.kind,
                "qty": f"{line.qty.n} {line.qty.unit}",
                "total_text": format_money(line.total, offer.cur),
            }
            for line in taken
        ],
        "total_text": format_money(acceptance.total, acceptance.cur),
        "due_now_text": format_money(offer.due_now, offer.cur) if offer.due_now else None,
        "discloses": sorted(field.name for field in acceptance.fields),
        "signed": [
            {"object": kind, "id": to_text(_prefix(kind), part.id), "at": _moment(part.header.at)}
            for kind, part in zip(_KINDS, agreement.parts(), strict=False)
        ],
    }


_KINDS = ("cast", "profile", "offer", "acceptance", "confirmed", "agreed")
"""Order of the bundle."""


def _prefix(kind: str) -> str:
    return {"acceptance": "deal", "confirmed": "event", "agreed": "event"}.get(kind, kind)


def _print(session: Session, found: dict[str, Any]) -> None:
    console = session.console
    console.data(console.bold(found["verdict"]))
    rows: list[tuple[str, object]] = [
        ("Agreement", found["agreement_id"] or "none: not acknowledged"),
        ("Deal", found["deal_id"]),
        ("Asked", found["asked"]),
        ("Buyer", f"{found['buyer']['key']} (a key made for this request)"),
        ("Vendor", f"{found['vendor']['name']}  {found['vendor']['key']}"),
        ("Total", found["total_text"]),
        ("Due now", found["due_now_text"] or "nothing"),
        ("Discloses", ", ".join(found["discloses"]) or "nothing"),
        ("Network", found["net"]),
    ]
    for line in pairs(rows):
        console.data(line)
    lines = [(one["name"], one["kind"], one["qty"], one["total_text"]) for one in found["lines"]]
    for text in table(
        ("line", "kind", "quantity", "total"), lines, columns=console.width(), right=("total",)
    ):
        console.data(f"  {text}")
    signed = [(one["object"], one["at"], one["id"]) for one in found["signed"]]
    for text in table(("signed", "at", "id"), signed, columns=console.width()):
        console.data(f"  {text}")
