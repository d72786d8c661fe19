"""Secrets on their way from a person: passphrases without echo, words from a sheet.

Enters: a terminal, a file, standard input. Leaves: a `Passphrase`, or the text of words. Never from
the command line, which every user of the machine can read; what is typed there all the same is
refused without being repeated.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from node.cli.console import Console, clean
from protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from node.keyfile import Passphrase

F = TypeVar("F", bound=Callable[..., Any])
VARIABLE: Final = "INTENTCAST_PASSPHRASE_FILE"
"""Names a file with the passphrase, for service managers; the passphrase itself never stands in
the environment, where every child process finds it."""
_TRIES: Final = 3
_WORDS: Final = 24
_TEXT_BYTES_MAX: Final = 4_096
_STDIN: Final = "-"

passphrase_option = click.option(
    "--passphrase-file",
    metavar="FILE",
    help="Read the passphrase from its first line; - is standard input.",
)


def no_arguments(function: F) -> F:
    """Refuse arguments, which may be secrets, without printing them."""

    def refuse(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> None:
        if value:
            raise LocalProtocolError(
                "secrets are not taken from the command line, where others can read them",
                code="E-SECRET-ARGUMENT",
                fix="Leave it out, you will be asked; and remove that line from your history",
            )

    return click.argument("arguments", nargs=-1, metavar="", expose_value=False, callback=refuse)(
        function
    )


# --- passphrases ----------------------------------------------------------------------------------


def passphrase_at_hand(file: str | None, *, opens: bool = False) -> Passphrase | None:
    """Give the passphrase of a file, named by an option or by the environment; None without one.

    Args:
        file: what the option said.
        opens: whether it is to open keys that have one; then what none can be is a wrong one.

    Raises:
        LocalProtocolError: E-FILE, E-PASSPHRASE.
        KeystoreError: E-PASSPHRASE-WRONG.
    """
    from node.keyfile import Passphrase, given_passphrase, passphrase_line, read_passphrase_file

    read = given_passphrase if opens else Passphrase
    chosen = file or os.environ.get(VARIABLE)
    if not chosen:
        return None
    if chosen == _STDIN:
        return passphrase_line(_stdin_line().encode(), read)
    return read_passphrase_file(Path(chosen).expanduser(), read)


def the_passphrase(console: Console, file: str | None) -> Passphrase:
    """Give the passphrase of this home: from a file, or from whoever sits here.

    Raises:
        LocalProtocolError: E-PASSPHRASE, nobody can be asked; E-FILE.
        KeystoreError: E-PASSPHRASE-WRONG, no passphrase is like that.
    """
    from node.keyfile import given_passphrase

    found = passphrase_at_hand(file, opens=True)
    if found is not None:
        return found
    typed = _asked(console, "Passphrase: ", f"add --passphrase-file FILE, or set {VARIABLE}")
    return given_passphrase(typed)


def new_passphrase(
    console: Console, file: str | None, *, option: str = "--passphrase-file"
) -> Passphrase:
    """Give a passphrase that is to be set; a person types it twice.

    Args:
        console: asks.
        file: what the option said.
        option: its name, for whoever cannot be asked.

    Raises:
        LocalProtocolError: E-PASSPHRASE, E-FILE.
    """
    from node.keyfile import Passphrase

    found = passphrase_at_hand(file) if file else None
    if found is not None:
        return found
    instead = f"add {option} FILE"
    for _ in range(_TRIES):
        first = Passphrase(_asked(console, "New passphrase: ", instead))
        again = _asked(console, "The same again: ", instead)
        if first.reveal() == Passphrase(again).reveal():
            return first
        console.alarm("These two differ.")
    raise LocalProtocolError(
        "the two differed each time; nothing was changed",
        code="E-PASSPHRASE",
        fix=f"Try again, or use {option} FILE",
    )


def _asked(console: Console, question: str, instead: str) -> str:
    if not console.is_terminal(sys.stdin):
        raise LocalProtocolError(
            "a passphrase is needed, and nobody can be asked here",
            code="E-PASSPHRASE",
            fix=f"Run it in a terminal, or {instead}",
        )
    _prompt(question)
    with _without_echo():
        line = sys.stdin.readline()
    _prompt("\n")
    return line.rstrip("\r\n")


@contextlib.contextmanager
def _without_echo() -> Iterator[None]:
    """Let the terminal not show what is typed, and show again whatever happens."""
    try:
        import termios

        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (ImportError, OSError, ValueError):
        # A stream that only says it is a terminal has no echo to turn off.
        yield
        return
    silent = [*before]
    silent[3] = before[3] & ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


# --- words ----------------------------------------------------------------------------------------


def words_text(console: Console, file: str | None) -> str:
    """Give the text of the 24 words: from a file, from standard input, or line by line.

    At a terminal each line is checked as it comes, and asked for again when it cannot be taken.

    Raises:
        LocalProtocolError: E-FILE.
    """
    if file and file != _STDIN:
        return _words_file(Path(file).expanduser())
    if file == _STDIN or not console.is_terminal(sys.stdin):
        return sys.stdin.read(_TEXT_BYTES_MAX)
    _prompt("Your 24 words in their order, as many to a line as you like; an empty line ends.\n")
    return _typed_words(console)


def _typed_words(console: Console) -> str:
    from node.errors import KeystoreError
    from node.words import check_line

    text, found = "", 0
    while found < _WORDS:
        _prompt(f"{found + 1:>2}> ")
        line = sys.stdin.readline(_TEXT_BYTES_MAX)
        if not line.strip():
            break
        try:
            found += check_line(line, found)
        except KeystoreError as error:
            console.alarm(console.cross(f"{clean(error.sentence).capitalize()}."))
            console.alarm(f"  {clean(error.fix)}")
            console.alarm(f"  Type this line again, from word {found + 1} on:")
            # What was pasted after it would be taken for it.
            _forget_typed()
            continue
        text += line
    _forget_typed()
    return text


def _forget_typed() -> None:
    """Drop what was pasted in further lines: the shell would take it, and keep it."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import termios

        # What a terminal answers that is none after all is no OSError of Python's.
        with contextlib.suppress(termios.error):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def _words_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_TEXT_BYTES_MAX).decode("utf-8-sig", "replace")
    except OSError as error:
        raise LocalProtocolError(
            f"the file of words {path} cannot be read: {error.strerror}",
            code="E-FILE",
            fix="Check its name and who may read it",
        ) from error


def asked_word(number: int) -> str:
    """Ask for one of the words; empty when the input ends."""
    _prompt(f"Word {number}: ")
    return sys.stdin.readline(_TEXT_BYTES_MAX).strip()


def _stdin_line() -> str:
    return sys.stdin.readline(_TEXT_BYTES_MAX)


def _prompt(text: str) -> None:
    if sys.stderr is not None and not sys.stderr.closed:
        sys.stderr.write(text)
        sys.stderr.flush()
