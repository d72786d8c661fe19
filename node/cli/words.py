"""`intentcast words`: the 24 words, on a terminal, and whether they are on paper.

The words never travel through the local API: they are read from the key file by this process.
"""

from __future__ import annotations

import sys

import click

from node.cli.secret_lines import asked_word, no_arguments, passphrase_option, the_passphrase
from node.cli.session import Session, session_options
from node.errors import KeystoreError, RefusedError

_ASKED = 3
_COLUMNS = 4


@click.command(short_help="Show the 24 words that make this identity anew.")
@click.option("--confirm", is_flag=True, help="Type three of them, as a check.")
@click.option(
    "--yes-show-them", is_flag=True, help="Show them where no terminal is: a file, a pipe."
)
@no_arguments
@passphrase_option
@session_options
def words(
    session: Session,
    *,
    confirm: bool,
    yes_show_them: bool,
    passphrase_file: str | None,
) -> None:
    """Show the 24 words that make this identity anew, to be written on paper."""
    if not confirm and not yes_show_them and not session.console.is_terminal(sys.stdout):
        raise RefusedError(
            "the words are shown on a terminal only: a file or a pipe keeps them",
            code="E-WORDS-SHOWN",
            fix="Run it in a terminal, or add --yes-show-them",
        )
    found = _words(session, passphrase_file)
    if confirm:
        _confirm(session, found)
    elif session.as_json:
        session.console.document({"schema": "intentcast.words/1", "words": found})
    else:
        _show(session, found)


def _words(session: Session, passphrase_file: str | None) -> list[str]:
    from node.keystore import is_sealed, open_root

    sealed = is_sealed(session.home)
    given = the_passphrase(session.console, passphrase_file) if sealed else None
    return open_root(session.home, given).words()


def _show(session: Session, found: list[str]) -> None:
    items = [f"{number:>2} {word:<8}" for number, word in enumerate(found, 1)]
    for start in range(0, len(items), _COLUMNS):
        session.console.data("  ".join(items[start : start + _COLUMNS]).rstrip())
    session.console.say("Write them on paper, in this order; they are the whole identity.")
    session.console.say("Then show that you have them:  intentcast words --confirm")


def _confirm(session: Session, found: list[str]) -> None:
    from node.entropy import SystemEntropy
    from node.keystore import confirm_words
    from node.words import word_meant

    numbers = list(range(1, len(found) + 1))
    entropy = SystemEntropy()
    for _ in range(_ASKED):
        drawn = min(int(entropy.jitter(0, len(numbers))), len(numbers) - 1)
        number = numbers.pop(drawn)
        if word_meant(asked_word(number)) != found[number - 1]:
            raise KeystoreError(
                f"that is not word {number}",
                code="E-WORDS",
                fix="Look at them again:  intentcast words",
            )
    confirm_words(session.home)
    if session.as_json:
        session.console.document({"schema": "intentcast.words-confirmed/1", "confirmed": True})
    else:
        session.console.say(session.console.tick("You have your words. Keep them off any machine."))
