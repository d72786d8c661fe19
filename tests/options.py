"""What the commands of the tests ask of their words, and how they end before their time.

Enters: a word of a command line. Leaves: the value, or a sentence that argparse says before it ends
with 2; nothing has run by then.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

SEED_MAX = 2**64 - 1
"""A seed is drawn from as 8 bytes."""
ENDED = 130
"""How a command ends that was told to: as a shell counts Ctrl-C."""
ENDED_TEXT = "ended before its time"


def whole(least: int, most: int) -> Callable[[str], int]:
    """Take a whole number between two others, both included."""

    def read(word: str) -> int:
        try:
            value = int(word)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"{word!r} is no whole number from {least:,} to {most:,}"
            )
        return value

    return read


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """Take one of some names; unlike `choices`, also where none may be given."""
    known = list(names)

    def read(word: str) -> str:
        if word not in known:
            raise argparse.ArgumentTypeError(
                f"invalid choice: {word!r} (choose from {', '.join(known)})"
            )
        return word

    return read


def writable(word: str) -> Path:
    """Take a file that can be written; what it holds is left, and none is made."""
    file = Path(word)
    is_new = not file.exists()
    try:
        with file.open("a"):
            pass
        if is_new:
            file.unlink()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{word} cannot be written: {error.strerror}") from error
    return file
