"""Arrival: after a start, promises wait a moment until this home has looked into its own boxes.

Enters: the moment of a start, of an unlock, of a wake. Leaves: nothing; whoever is about to promise
something waits here first. Another copy of this home may have lived on meanwhile, and its notes lie
in the boxes. Never: a home kept from promising because no mailbox can be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from node.clock import Clock
from node.storage.boxes_own import OwnBox

_WAIT_MS: Final = 5_000
"""Longest wait after a start: a mailbox that answers is read within a second or two; guess."""
_STEP_MS: Final = 50


class Reading(Protocol):
    """What is asked of the post."""

    @property
    def boxes(self) -> Sequence[OwnBox]:
        """The boxes of ours that are read."""
        ...

    @property
    def read_since(self) -> Mapping[tuple[bytes, bytes], int]:
        """(reader, mailbox) -> Unix ms before which every letter there was dealt with."""
        ...

    @property
    def failing_since(self) -> Mapping[tuple[bytes, bytes], int]:
        """(reader, mailbox) -> Unix ms since which a box cannot be read there."""
        ...


class Arrival:
    """One per node."""

    def __init__(self, post: Reading, clock: Clock) -> None:
        """Begin to count."""
        self._post = post
        self._clock = clock
        self._begun_ms = clock.now().mono_ms

    def begin(self) -> None:
        """Count anew: the keys are here now, or the machine slept."""
        self._begun_ms = self._clock.now().mono_ms

    async def over(self) -> None:
        """Wait until every box was read where it can be, or the bound has passed."""
        for _ in range(_WAIT_MS // _STEP_MS):
            is_late = self._clock.now().mono_ms - self._begun_ms >= _WAIT_MS
            if is_late or all(map(self._is_read, self._post.boxes)):
                return
            await asyncio.sleep(_STEP_MS / 1_000)

    def _is_read(self, box: OwnBox) -> bool:
        """Tell whether a box was read to its end at one mailbox, and all others fail or were too.

        One mailbox may lack what another copy left at the other.
        """
        ways = {(box.reader, bytes(mailbox)) for mailbox in box.mailboxes}
        read = ways & self._post.read_since.keys()
        return bool(read) and ways <= read | self._post.failing_since.keys()
