"""Where words go: data to stdout, talk to stderr, a question to whoever sits there.

Enters: documents, sentences and texts of strangers. Leaves: characters a terminal shows and never
obeys. A stream that is closed swallows; one that cannot hold a character shows another.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import Any, TextIO

from node.cli.hints import home_option, with_home
from node.lettering import shown
from protocol.errors import LocalProtocolError

_RED, _GREEN, _BOLD = "31", "32", "1"
_LIGHT_ON_DARK = "97;40"
_ANSWERS_MAX = 3
_YES = {"y", "yes"}
_NO = {"n", "no"}
WIDE = 100_000
"""Columns of what is no terminal: nothing is cut."""


def clean(text: object) -> str:
    """Show as its code what a terminal would obey or nobody would see; see `node.lettering`."""
    return shown(text)


class Console:
    """The three streams of one run, and how much is said."""

    def __init__(
        self, *, quiet: bool = False, as_json: bool = False, home: str | None = None
    ) -> None:
        """Take the process's streams as they are now.

        Args:
            quiet: leave talk out.
            as_json: a document is wanted.
            home: what --home said; commands in hints carry it along.
        """
        self.quiet = quiet
        self.as_json = as_json
        self._home_option = home_option(home)
        self._out: TextIO | None = sys.stdout
        self._err: TextIO | None = sys.stderr
        self._in: TextIO | None = sys.stdin

    # --- output ----------------------------------------------------------------------------

    @staticmethod
    def _write(stream: TextIO | None, text: str) -> None:
        if stream is not None and not stream.closed:
            stream.write(text + "\n")
            stream.flush()

    def data(self, text: str) -> None:
        """Print what was asked for."""
        self._write(self._out, text)

    def paint(self, text: str) -> None:
        """Write to a terminal as it is, with what a terminal obeys; our own words alone."""
        if self._out is not None and not self._out.closed:
            self._out.write(text)
            self._out.flush()

    def say(self, text: str) -> None:
        """Print talk; --quiet leaves it out."""
        if not self.quiet:
            self._write(self._err, self.hint(text))

    def hint(self, line: str) -> str:
        """Make what a person is told to type reach the home of this run."""
        return with_home(line, self._home_option)

    def alarm(self, text: str) -> None:
        """Print what must be read, quiet or not."""
        self._write(self._err, text)

    def document(self, document: dict[str, Any], *, line: bool = False) -> None:
        """Print a JSON document; on one line where several follow each other."""
        self.data(json.dumps(document, indent=None if line else 2))

    # --- looks -----------------------------------------------------------------------------

    def _coloured(self, stream: TextIO | None) -> bool:
        return not os.environ.get("NO_COLOR") and self.is_terminal(stream)

    @staticmethod
    def is_terminal(stream: TextIO | None) -> bool:
        """Tell whether a person sits at a stream."""
        return stream is not None and not stream.closed and stream.isatty()

    def _paint(self, text: str, colour: str, stream: TextIO | None) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._coloured(stream) else text

    def bold(self, text: str) -> str:
        """Make a heading of stdout stand out."""
        return self._paint(text, _BOLD, self._out)

    def tick(self, text: str) -> str:
        """Begin a sentence of success."""
        return f"{self._paint('✓', _GREEN, self._err)} {text}"

    def cross(self, text: str) -> str:
        """Begin a sentence of failure."""
        return f"{self._paint('✗', _RED, self._err)} {text}"

    def light_on_dark(self, text: str) -> str:
        """Show talk in the colours of a picture, whatever the terminal's own are."""
        return self._paint(text, _LIGHT_ON_DARK, self._err)

    def width(self) -> int:
        """Columns of stdout's terminal."""
        if not self.is_terminal(self._out):
            return WIDE
        return max(40, shutil.get_terminal_size().columns)

    @property
    def is_watched(self) -> bool:
        """Whether a person sees all that is said: neither stream goes to a file or a program."""
        return self.is_terminal(self._out) and self.is_terminal(self._err)

    # --- questions -------------------------------------------------------------------------

    def confirm(self, question: str, *, default: bool, yes: bool) -> bool:
        """Ask a person; `--yes` answers beforehand.

        Raises:
            LocalProtocolError: E-YES when nobody can be asked.
        """
        if yes:
            return True
        if not self.is_terminal(self._in):
            raise LocalProtocolError(
                f"this needs a yes, and nobody can be asked here: {question}",
                code="E-YES",
                fix="Run it in a terminal, or add --yes",
            )
        for _ in range(_ANSWERS_MAX):
            answer = self._ask(f"{question} [{'Y/n' if default else 'y/N'}] ")
            if answer is None:
                return False
            if not answer:
                return default
            if answer in _YES | _NO:
                return answer in _YES
        return False

    def _ask(self, question: str) -> str | None:
        """Ask on stderr, so that data stays alone on stdout; None when the input ends."""
        if self._err is not None and not self._err.closed:
            self._err.write(question)
            self._err.flush()
        line = self._in.readline() if self._in is not None else ""
        return line.strip().lower() if line else None
