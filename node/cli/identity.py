"""`intentcast identity`: the shop's key, its next one, its end; which copy of a home goes on."""

from __future__ import annotations

import os
from pathlib import Path

import click

from node.cli.client import Document
from node.cli.group import NounGroup
from node.cli.session import Session, session_options
from node.cli.spoken import moment
from node.cli.table import pairs
from node.errors import NotFoundError, RefusedError

_CERTIFICATE_BYTES_MAX = 20_000
_REASON = click.option(
    "--reason", default="unspecified", show_default=True, metavar="WORD", help="lost, stolen, ..."
)


@click.group(cls=NounGroup, short_help="The shop's key: show, rotate, revoke; which copy goes on.")
def identity() -> None:
    """Show and change the long-lived identity of this home."""


@identity.command("show", short_help="Show the shop's key and this copy of the home.")
@session_options
def show(session: Session) -> None:
    """Show the shop's key, its generation, and whether another copy of this home was met."""
    found = session.client().get("/v1/identity")
    if session.as_json:
        session.console.document(found)
        return
    copy = found["copy"]
    rows = [
        ("Key", found["key"]),
        ("Generation", found["generation"]),
        ("Standing", found["standing"]),
        ("This copy", f"{copy['standing']}, since {moment(copy['since'])}"),
    ]
    if found["followed"] != found["key"]:
        rows.append(("Others follow", found["followed"]))
    if copy["met"]:
        rows.append(("Another copy", f"signed a {copy['met_kind']} on {moment(copy['met'])}"))
    for line in pairs(rows):
        session.console.data(line)


@identity.command("rotate", short_help="Go on under the next key.")
@session_options
def rotate(session: Session) -> None:
    """Name the next key as successor, signed by both, and show the shop under it."""
    client = session.client()
    newest = client.get("/v1/identity")["generation"]
    if not session.confirm("Go on under a new key? Open threads end under the old one."):
        session.console.say("Nothing was changed.")
        return
    found = client.post("/v1/identity/rotate", {"generation": newest})
    if session.as_json:
        session.console.document(found)
        return
    session.console.say(session.console.tick(f"Generation {found['generation']}: {found['key']}"))
    session.console.say("An older certificate ends the older key; make a new one:")
    session.console.say("  intentcast identity revocation FILE")


@identity.command("revocation", short_help="Write the certificate that ends this key, to keep.")
@click.argument("file", metavar="FILE")
@_REASON
@session_options
def revocation(session: Session, file: str, reason: str) -> None:
    """Write the certificate that ends the shop's key to FILE; keep it with the words sheet."""
    path = Path(file)
    if path.exists():
        raise RefusedError(
            f"{path.name} is there already", code="E-FILE-EXISTS", fix="Name another file"
        )
    found = session.client().post("/v1/identity/revocation", {"reason": reason})
    _write(path, found["certificate"])
    if session.as_json:
        session.console.document({**found, "file": str(path)})
        return
    session.console.data(str(path))
    session.console.say("Whoever has it can end this key; nobody else can make it. To use it:")
    session.console.say(f"  intentcast identity revoke {path}")


def _write(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise NotFoundError(
            f"{path} cannot be written: {error.strerror}",
            code="E-FILE",
            fix="Name a file in a folder that is there",
        ) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


@identity.command("revoke", short_help="End a key for good.")
@click.argument("file", metavar="[FILE]", required=False)
@_REASON
@session_options
def revoke(session: Session, file: str | None, reason: str) -> None:
    """Publish the certificate in FILE, or end this home's own newest key."""
    body: Document = {"reason": reason}
    if file is not None:
        body["certificate"] = _read(Path(file))
    client = session.client()
    if not session.confirm("End this key for good? Nothing it signs from now on will count."):
        session.console.say("Nothing was changed.")
        return
    found = client.post("/v1/identity/revoke", body)
    if session.as_json:
        session.console.document(found)
        return
    whose = "This shop's" if found["ours"] else "The"
    session.console.say(session.console.tick(f"{whose} key {found['key']} is revoked."))
    session.console.say("Deals and agreements recorded before stay.")


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_CERTIFICATE_BYTES_MAX).decode("utf-8", "replace")
    except OSError as error:
        raise NotFoundError(
            f"{path} cannot be read: {error.strerror}",
            code="E-FILE",
            fix="Name the file that was written by: intentcast identity revocation FILE",
        ) from error


@identity.command("this-one", short_help="Let this copy of the home go on.")
@session_options
def this_one(session: Session) -> None:
    """Let this copy go on signing; every other copy that hears of it stops."""
    client = session.client()
    if not session.confirm("Let this copy go on? Any other that is alive should be stopped."):
        session.console.say("Nothing was changed.")
        return
    found = client.post("/v1/identity/this-one", {})
    if session.as_json:
        session.console.document(found)
    else:
        session.console.say(session.console.tick("This copy goes on; the others are told."))
