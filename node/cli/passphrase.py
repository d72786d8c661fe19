"""`intentcast passphrase`: puts the keys under a passphrase, changes it, or takes it away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from node.api.kinds import ErrorKind, kind_of
from node.cli.group import NounGroup
from node.cli.secret_lines import (
    new_passphrase,
    no_arguments,
    passphrase_option,
    the_passphrase,
)
from node.cli.session import Session, session_options
from protocol.errors import IntentcastError

if TYPE_CHECKING:
    from pathlib import Path

    from node.keyfile import Passphrase


@click.group(cls=NounGroup, short_help="Put the keys under a passphrase.")
def passphrase() -> None:
    """Put the keys under a passphrase; works with the node running or not."""


@passphrase.command("set", short_help="Give the keys a passphrase.")
@no_arguments
@passphrase_option
@session_options
def set_(session: Session, passphrase_file: str | None) -> None:
    """Give the keys a passphrase: from the next start on the node begins locked."""
    _require(session, sealed=False)
    _change(session, None, new_passphrase(session.console, passphrase_file))
    _tell(session, "The keys are under a passphrase. From the next start on:  intentcast unlock")


@passphrase.command("change", short_help="Take another passphrase.")
@no_arguments
@passphrase_option
@click.option(
    "--new-passphrase-file",
    metavar="FILE",
    help="Read the new one from its first line; - is standard input.",
)
@session_options
def change(session: Session, passphrase_file: str | None, new_passphrase_file: str | None) -> None:
    """Take another passphrase; the old one opens nothing any more."""
    _require(session, sealed=True)
    old = the_passphrase(session.console, passphrase_file)
    new = new_passphrase(session.console, new_passphrase_file, option="--new-passphrase-file")
    _change(session, old, new)
    _tell(session, "The passphrase is another one now.")


@passphrase.command("remove", short_help="Keep the keys in a plain file.")
@no_arguments
@passphrase_option
@session_options
def remove(session: Session, passphrase_file: str | None) -> None:
    """Keep the keys in a plain file again: whoever can copy it is you."""
    _require(session, sealed=True, removes=True)
    old = the_passphrase(session.console, passphrase_file)
    if session.confirm("Keep the key in a plain file?"):
        _change(session, old, None)
        _tell(session, "The key is a plain file again.")
    else:
        session.console.say("Nothing was changed.")


def _require(session: Session, *, sealed: bool, removes: bool = False) -> None:
    """Say what cannot be done before anything is asked."""
    from node.errors import KeystoreError
    from node.keystore import is_sealed, not_sealed

    is_now = is_sealed(session.home)
    if sealed and not is_now:
        raise not_sealed(removes=removes)
    if is_now and not sealed:
        raise KeystoreError(
            "this home has a passphrase already",
            code="E-PASSPHRASE-STATE",
            fix="Change it:  intentcast passphrase change",
        )


def _change(session: Session, old: Passphrase | None, new: Passphrase | None) -> None:
    """Change it through the running node, or in the home of one that is down."""
    try:
        client = session.client()
    except IntentcastError as error:
        if kind_of(error) is not ErrorKind.NODE_DOWN:
            raise
        _change_offline(session.home, old, new)
        return
    client.post("/v1/keys/passphrase", {"old": _text(old), "new": _text(new)})


def _change_offline(home: Path, old: Passphrase | None, new: Passphrase | None) -> None:
    from node.entropy import SystemEntropy
    from node.home import LOCK_FILE
    from node.keystore import change_passphrase
    from node.storage.lock import HomeLock

    lock = HomeLock.acquire(home / LOCK_FILE)
    try:
        change_passphrase(home, old, new, SystemEntropy())
    finally:
        lock.release()


def _text(found: Passphrase | None) -> str | None:
    return None if found is None else found.reveal().decode()


def _tell(session: Session, sentence: str) -> None:
    from node.keystore import is_sealed

    if session.as_json:
        document: dict[str, Any] = {
            "schema": "intentcast.passphrase/1",
            "home": str(session.home),
            "passphrase": is_sealed(session.home),
        }
        session.console.document(document)
    else:
        session.console.say(session.console.tick(sentence))
