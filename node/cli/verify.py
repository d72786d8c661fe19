"""`intentcast verify`: checks an agreement's file with nothing but the file.

Asks no node, no network, no clock. Every signature, every cross-reference and every byte is
rebuilt and compared; what fails is named by object and field.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.exits import Exit
from node.cli.session import Session, session_options
from node.cli.table import pairs, table
from node.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from protocol.errors import RemoteProtocolError


_BEGINS = range(0x90, 0xA0)
"""First byte of a bundle: a short list, as MessagePack writes it."""


@click.command(short_help="Check an agreement's file; needs no node.")
@click.argument("file", metavar="FILE")
@session_options
def verify(session: Session, file: str) -> int:
    """Check the agreement in FILE: both signatures, every reference, every byte."""
    from node.runtime.verification import verification
    from protocol.errors import RemoteProtocolError
    from protocol.objects.agreement import read_bundle

    raw = _read(Path(file))
    try:
        agreement = read_bundle(raw)
    except RemoteProtocolError as error:
        raise _refused(session, file, error, is_other=_is_other(raw)) from error
    found = verification(agreement)
    if session.as_json:
        session.console.document(found)
    else:
        _print(session, found)
    if found["verdict"] == "verified":
        return Exit.OK
    session.console.say(
        "  The buyer never acknowledged it: there is no agreement yet (E-UNACKNOWLEDGED)."
        "\n  Ask the buyer's side for its file, or look at the deal:  intentcast deal"
    )
    return Exit.REFUSED


def _read(path: Path) -> bytes:
    from node.runtime.verification import PAGE_BYTES_MAX, bundle_in_page

    if path.exists() and not path.is_file():
        raise NotFoundError(f"{path} is not a file", code="E-FILE", fix="Name an agreement's file")
    try:
        with path.open("rb") as file:
            raw = file.read(PAGE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no file {path}",
            code="E-FILE",
            fix="Save one first:  intentcast deal DEAL --save FILE",
        ) from error
    if len(raw) > PAGE_BYTES_MAX:
        raise RefusedError(
            f"{path} is larger than any agreement",
            code="E-AGREEMENT",
            fix="Name a file saved with:  intentcast deal DEAL --save FILE",
        )
    return bundle_in_page(raw)


def _is_other(raw: bytes) -> bool:
    """Tell whether a file that does not hold was none of ours to begin with, such as a text."""
    try:
        _ = raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw[0] not in _BEGINS
    # Signatures are never text.
    return True


def _refused(
    session: Session, file: str, error: RemoteProtocolError, *, is_other: bool
) -> RefusedError:
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
    if is_other:
        return RefusedError(
            f"{file} is not an agreement file",
            code="E-AGREEMENT",
            fix="Name a file saved with:  intentcast deal DEAL --save FILE",
            field=where,
        )
    return RefusedError(
        f"{file} does not hold: {where}: {detail}",
        code="E-AGREEMENT",
        fix="Do not rely on it; ask the other side for its copy and compare",
        field=where,
    )


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
