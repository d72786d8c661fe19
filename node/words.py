"""The 24 words: a root as a person writes it on paper, and back.

Enters: 32 bytes, or words as somebody typed them. Leaves: the other. What can be meant in one way
only is understood: capitals, numbers before the words, four letters for the whole. What cannot is
named in one sentence with the next step. Source: BIP-39, English list.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import cache
from typing import Final

from mnemonic import Mnemonic

from node.errors import KeystoreError

COUNT: Final = 24
_PREFIX_CHARS: Final = 4
"""The list is made so that four letters name one word."""
_TEXT_CHARS_MAX: Final = 4_096
_SHOWN_CHARS: Final = 20
_ALL: Final = "Type all 24 words in their order, separated by spaces"
_ITEM: Final = re.compile(r"(?:(\d{1,2})[.:)]?\s*)?([^\s\d,;.:)]+)")
"""A word, perhaps with its number before it."""


@cache
def _speller() -> Mnemonic:
    return Mnemonic("english")


def words_of(root: bytes) -> list[str]:
    """Give the 24 words of a root."""
    return str(_speller().to_mnemonic(root)).split()


def word_meant(text: str) -> str | None:
    """Give the one word of the list a text can mean; None when there is none."""
    found = unicodedata.normalize("NFKC", text).casefold().strip()
    if found in _known():
        return found
    if len(found) < _PREFIX_CHARS:
        return None
    fitting = [word for word in _speller().wordlist if word.startswith(found)]
    return fitting[0] if len(fitting) == 1 else None


@cache
def _known() -> frozenset[str]:
    return frozenset(_speller().wordlist)


def root_from_words(text: str) -> bytes:
    """Read 24 words back to a root; case, spacing and numbers before them do not matter.

    Raises:
        KeystoreError: E-WORDS, naming the count, the word, or the check that fails.
    """
    given = _in_order(_read(text))
    if len(given) != COUNT:
        number = "1 word was" if len(given) == 1 else f"{len(given)} words were"
        # Which ones are too many nobody can know: the first 24 may be another identity.
        fix = "Leave out what is none of them or stands twice" if len(given) > COUNT else _ALL
        raise KeystoreError(f"{number} given, {COUNT} are needed", code="E-WORDS", fix=fix)
    meant = [_meant(number, word) for number, word in enumerate(given, 1)]
    try:
        return bytes(_speller().to_entropy(meant))
    except ValueError:
        raise KeystoreError(
            "every word is in the list, but their check fails: one is wrong or the order is",
            code="E-WORDS",
            fix="Compare each word and its place with your sheet; two may be swapped",
        ) from None


def check_line(text: str, before: int) -> int:
    """Check one of several lines as it is typed, so that a slip costs a line and not all of them.

    Args:
        text: the line.
        before: how many words stand on the lines before it.

    Returns:
        How many words stand on it, without the numbers before them.

    Raises:
        KeystoreError: E-WORDS, naming a word that is not in the list, or how many are too many.
    """
    found = _ITEM.findall(_read(text))
    for place, (number, word) in enumerate(found, before + 1):
        if place <= COUNT:
            _meant(int(number or place), word)
    beyond = before + len(found) - COUNT
    if beyond > 0:
        # Not by name: where one stands twice, the last ones are words of the root.
        stand = "1 word stands" if beyond == 1 else f"{beyond} words stand"
        raise KeystoreError(
            f"{stand} beyond word {COUNT} on this line",
            code="E-WORDS",
            fix="Leave out what is none of your words, or stands twice",
        )
    return len(found)


def _read(text: str) -> str:
    return unicodedata.normalize("NFKC", text[:_TEXT_CHARS_MAX]).casefold()


def _in_order(text: str) -> list[str]:
    """List the words; where each has its number, by the numbers, as from a sheet in columns."""
    found = _ITEM.findall(text)
    numbers = [int(number) for number, _ in found if number]
    if sorted(numbers) == list(range(1, COUNT + 1)) and len(found) == COUNT:
        found.sort(key=lambda item: int(item[0]))
    return [word for _, word in found]


def _meant(number: int, given: str) -> str:
    found = word_meant(given)
    if found is not None:
        return found
    near = _near(given)
    raise KeystoreError(
        f"word {number}, '{given[:_SHOWN_CHARS]}', is not in the list",
        code="E-WORDS",
        fix=f"Did you mean: {', '.join(near)}?" if near else "Check its spelling on your sheet",
    )


def _near(given: str) -> list[str]:
    """Give up to three words somebody may have meant, the nearest first."""
    known = _speller().wordlist
    near = difflib.get_close_matches(given[:_SHOWN_CHARS], known, 3, cutoff=0.6)
    return near or [word for word in known if word[:3] == given[:3]][:3]
