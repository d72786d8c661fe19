"""`intentcast backup`: one encrypted file with everything of a home but its keys, and its check."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.api.kinds import ErrorKind, kind_of
from node.cli.client import LONG_S
from node.cli.secret_lines import passphrase_option, the_passphrase, words_text
from node.cli.session import Session, session_options
from node.cli.spoken import moment, plural, size
from node.cli.table import pairs
from protocol.errors import IntentcastError, LocalProtocolError

if TYPE_CHECKING:
    from node.keystore import Keyring

_VERIFY = "verify"


@click.command(short_help="Write a backup of this home, or check one.")
@click.argument("arguments", metavar="[verify] FILE", nargs=-1)
@click.option("--words", "by_words", is_flag=True, help="Check with the 24 words, in any place.")
@click.option("--words-file", metavar="FILE", help="Read the words from it; - is standard input.")
@click.option("--net", metavar="NAME", help="The network it is, or must be, of.")
@passphrase_option
@session_options
def backup(
    session: Session,
    *,
    arguments: tuple[str, ...],
    by_words: bool,
    words_file: str | None,
    net: str | None,
    passphrase_file: str | None,
) -> None:
    """Write a backup of this home to FILE; `backup verify FILE` reads one to its last byte."""
    from node.backup.proof import head_of

    is_check = arguments[:1] == (_VERIFY,)
    names = arguments[1:] if is_check else arguments
    if len(names) != 1:
        raise LocalProtocolError(
            "one FILE is needed",
            code="E-USAGE",
            fix="Write:  intentcast backup FILE.icb        or: intentcast backup verify FILE.icb",
        )
    file = Path(names[0]).expanduser()
    if is_check:
        # Before anybody types a passphrase or 24 words in vain.
        head_of(file)
        uses_words = by_words or words_file is not None
        keyring = (
            _keyring_of_words(session, words_file)
            if uses_words
            else _keyring_to_check(session, file, passphrase_file)
        )
        _show_proof(session, asyncio.run(_proved(session, file, keyring, net)))
        return
    _show_backup(session, _written(session, _target(file), net, passphrase_file))


# --- writing --------------------------------------------------------------------------------------


def _target(file: Path) -> Path:
    """Name the file absolutely, since the node has another working folder; a folder gets one."""
    from node.backup.maker import daily_path
    from node.clock import SystemClock

    if file.is_dir():
        file = file / daily_path(Path(), SystemClock().now().wall_ms).name
    return file.absolute()


def _written(
    session: Session, target: Path, net: str | None, passphrase_file: str | None
) -> dict[str, Any]:
    """Let the running node write it, or open the home of one that is down."""
    try:
        client = session.client()
    except IntentcastError as error:
        if kind_of(error) is not ErrorKind.NODE_DOWN:
            raise
        return asyncio.run(_written_offline(session, target, net, passphrase_file))
    return client.post("/v1/backups", {"path": str(target)}, wait_s=LONG_S)


async def _written_offline(
    session: Session, target: Path, net: str | None, passphrase_file: str | None
) -> dict[str, Any]:
    from node.clock import SystemClock
    from node.config import load_settings
    from node.entropy import SystemEntropy
    from node.home import DATABASE_FILE, LOCK_FILE
    from node.runtime.custody import Custody
    from node.storage.database import Storage
    from node.storage.lock import HomeLock
    from node.storage.origin import check_net

    home = session.home
    settings = load_settings(home, {"net": net})
    check_net(home / DATABASE_FILE, settings.net)
    keyring = _keyring_of_home(session, passphrase_file)
    clock = SystemClock()
    lock = HomeLock.acquire(home / LOCK_FILE)
    try:
        storage = await Storage.open(home / DATABASE_FILE, clock=clock)
        try:
            custody = Custody(
                home=home,
                keyring=keyring,
                storage=storage,
                settings=settings,
                clock=clock,
                entropy=SystemEntropy(),
                on_change=lambda: None,
            )
            return await custody.backup(str(target))
        finally:
            await storage.close()
    finally:
        lock.release()


def _show_backup(session: Session, found: dict[str, Any]) -> None:
    if session.as_json:
        session.console.document(found)
        return
    session.console.say(
        session.console.tick(
            f"{found['path']}: {size(found['bytes'])}, {', '.join(found['holds'])}."
        )
    )
    session.console.say(f"  Check it:  intentcast backup verify {shlex.quote(found['path'])}")
    session.console.say("  It holds no key: without your 24 words nobody opens it, you included.")


# --- checking -------------------------------------------------------------------------------------


def _keyring_of_words(session: Session, words_file: str | None) -> Keyring:
    from node.keystore import Keyring
    from node.words import root_from_words

    return Keyring(root_from_words(words_text(session.console, words_file)))


def _keyring_to_check(session: Session, file: Path, passphrase_file: str | None) -> Keyring:
    """Give the home's own; without one, say that words do, and make nobody a new identity."""
    from node.errors import KeystoreError

    try:
        return _keyring_of_home(session, passphrase_file)
    except KeystoreError as error:
        if error.code != "E-KEYS-NONE":
            raise
        raise KeystoreError(
            f"the home {session.home} has no keys to read a backup with",
            code=error.code,
            fix=f"Check it with your words:  intentcast backup verify {shlex.quote(str(file))} "
            "--words",
        ) from error


def _keyring_of_home(session: Session, passphrase_file: str | None) -> Keyring:
    from node.keystore import is_sealed, open_root

    sealed = is_sealed(session.home)
    given = the_passphrase(session.console, passphrase_file) if sealed else None
    return open_root(session.home, given)


async def _proved(
    session: Session, file: Path, keyring: Keyring, net: str | None
) -> dict[str, Any]:
    from node.backup.proof import prove_backup
    from node.clock import SystemClock
    from node.runtime.custody import proof_document

    found = await prove_backup(file, keyring, home=session.home, clock=SystemClock(), net=net)
    return proof_document(file, found)


def _show_proof(session: Session, found: dict[str, Any]) -> None:
    if session.as_json:
        session.console.document(found)
        return
    session.console.data("sound")
    holds = (
        f"{plural(found['casts'], 'cast')}, {plural(found['deals'], 'deal')}, "
        f"{plural(found['agreements'], 'agreement')}"
    )
    rows: list[tuple[str, object]] = [
        ("Made", f"{moment(found['at'])} by {found['program']}"),
        ("Network", found["net"]),
        ("Size", size(found["bytes"])),
        ("Files", ", ".join(found["files"])),
        ("Holds", holds),
        ("Checked", plural(found["checked"], "signed object or letter", "signed objects, letters")),
    ]
    for line in pairs(rows):
        session.console.data(line)
