"""What a box may cost at one mailbox: bytes of letters that are of no use, held against a bound.

Whoever knows a box may fill it with junk as fast as it is emptied, and a mailbox may show old
letters without end: the work of a letter is cheap, and what is fetched has to be paid for. Enters:
every letter that was read there, and whether it was of use. Leaves: how long to let the mailbox
rest. Letters that are of use cost nothing here, and other mailboxes of the box are read meanwhile.
Source: docs/protocol/08-post.md, "Reading".
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from protocol.ids import LetterHash

USELESS_BYTES_MAX: Final = 256 * 1024
"""Bytes at once, and again every `_AGAIN_MS`."""
_AGAIN_MS: Final = 80_000
"""Bytes and time are weighed here: a box full of junk is read through in four minutes, three
mailboxes that all do their worst for hours cost 10 kB a second, and what two of them bring at once
before and after an hour stays under 2 MiB with the letters of use. Guess."""
_SHOWN_MAX: Final = 4_096
"""Letters of use remembered: more than a box gets, or a mailbox would show them in turn for
nothing; guess."""


class Allowance:
    """Of one box at one mailbox."""

    def __init__(self) -> None:
        """Start with all of it left."""
        self._spent = 0.0
        self._at_ms = 0
        self._shown: OrderedDict[LetterHash, None] = OrderedDict()

    def note(self, letter: LetterHash, size: int, *, is_junk: bool, now_ms: int) -> None:
        """Take down a letter that was read.

        Args:
            letter: its hash.
            size: bytes.
            is_junk: whether nothing was recorded; else it is of use the first time it is shown.
            now_ms: monotonic.
        """
        if is_junk or letter in self._shown:
            self._spent = self._owed(now_ms) + size
            self._at_ms = now_ms
        if is_junk:
            return
        self._shown[letter] = None
        self._shown.move_to_end(letter)
        if len(self._shown) > _SHOWN_MAX:
            self._shown.popitem(last=False)

    def rest_ms(self, now_ms: int) -> int:
        """Say how long nothing is to be read here; 0 while something is left."""
        over = self._owed(now_ms) - USELESS_BYTES_MAX
        return 0 if over <= 0 else 1 + int(over * _AGAIN_MS / USELESS_BYTES_MAX)

    def _owed(self, now_ms: int) -> float:
        """Give what was spent, less what has come in since."""
        return max(0.0, self._spent - (now_ms - self._at_ms) * USELESS_BYTES_MAX / _AGAIN_MS)
