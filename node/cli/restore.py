"""`intentcast restore`: a home from the 24 words, and from a backup where there is one."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.secret_lines import (
    no_arguments,
    passphrase_at_hand,
    passphrase_option,
    words_text,
)
from node.cli.session import Session, session_options
from node.cli.spoken import moment, plural
from protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from node.backup.restore import Restored
    from node.keyfile import Passphrase


@click.command(short_help="Make a home from the 24 words, and a backup.")
@no_arguments
@click.option("--words", "by_words", is_flag=True, help="Ask for the 24 words.")
@click.option("--words-file", metavar="FILE", help="Read the words from it; - is standard input.")
@click.option("--from", "source", metavar="FILE", help="The backup to restore from.")
@click.option("--net", metavar="NAME", help="The network of the home.")
@passphrase_option
@session_options
def restore(
    session: Session,
    *,
    by_words: bool,
    words_file: str | None,
    source: str | None,
    net: str | None,
    passphrase_file: str | None,
) -> None:
    """Make a home from the 24 words: the identity, and with --from everything backed up."""
    from node.backup.proof import head_of
    from node.backup.restore import check_empty
    from node.words import root_from_words

    if not by_words and words_file is None:
        raise LocalProtocolError(
            "a home is made from its 24 words",
            code="E-USAGE",
            fix="Write:  intentcast restore --words        with a backup: --from FILE.icb",
        )
    # Before anybody types 24 words in vain.
    check_empty(session.home)
    _check_net(net)
    file = None if source is None else Path(source).expanduser()
    if file is not None:
        head_of(file)
    # The first line of standard input, where both come from there.
    passphrase = passphrase_at_hand(passphrase_file)
    root = root_from_words(words_text(session.console, words_file))
    found = asyncio.run(_restored(session, root, file, net, passphrase))
    if session.as_json:
        session.console.document(found)
    else:
        _show(session, found)


def _check_net(net: str | None) -> None:
    from node.config import load_settings

    load_settings(Path(), {"net": net}, {})


async def _restored(
    session: Session, root: bytes, file: Path | None, net: str | None, passphrase: Passphrase | None
) -> dict[str, Any]:
    from node.backup.restore import Order, restore_home
    from node.clock import SystemClock
    from node.entropy import SystemEntropy
    from node.keyfile import seal_root

    entropy = SystemEntropy()
    sealed = None
    if passphrase is not None:
        sealed = await asyncio.to_thread(seal_root, root, passphrase, entropy)
    order = Order(home=session.home, root=root, sealed=sealed, file=file, net=net)
    restored = await restore_home(order, clock=SystemClock(), entropy=entropy)
    return _document(session, restored, sealed=sealed is not None)


def _document(session: Session, restored: Restored, *, sealed: bool) -> dict[str, Any]:
    from node.runtime.views import iso

    return {
        "schema": "intentcast.restore/1",
        "home": str(session.home),
        "how": "words" if restored.head is None else "backup",
        "net": restored.net,
        "backup_at": None if restored.head is None else iso(restored.head.at),
        "casts": restored.inventory.casts,
        "deals": restored.inventory.deals,
        "agreements": restored.inventory.agreements,
        "passphrase": sealed,
    }


def _show(session: Session, found: dict[str, Any]) -> None:
    console = session.console
    console.say(console.tick(f"{found['home']} is a home of your identity again."))
    if found["backup_at"] is None:
        console.say(
            "  Requests that are out are looked for when it starts; offers live in backups."
        )
    else:
        console.say(
            f"  As of {moment(found['backup_at'])}: {plural(found['casts'], 'cast')}, "
            f"{plural(found['deals'], 'deal')}, {plural(found['agreements'], 'agreement')}."
        )
    place = f" --home {shlex.quote(session.named_home)}" if session.named_home else ""
    if not found["passphrase"]:
        console.say(f"  Its key is a plain file. Protect it:  intentcast passphrase set{place}")
    console.say(f"  Start it:  intentcast up{place}")
    console.say(
        f"  What was live promises nothing until you asked the others:  intentcast reopen{place}"
    )
