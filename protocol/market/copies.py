"""Two live copies of one identity: what counts as a sign of the other, and which of them stops.

Enters: this copy (when it began, when its owner last chose it) and signs: objects under our own
keys that this copy never wrote. Leaves: one word. A sign from before this copy began is of the life
it was restored from, and proves nothing; what this copy wrote itself is no sign at all and never
comes here. The rule: **the copy that cannot be known to be the newest stops**, until its owner
chooses it. Source: docs/protocol/16-succession.md, "Two live copies".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from protocol import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy of a home."""

    instance: bytes
    """Its random name, 16 bytes; two copies never share it."""
    created_ms: int
    """When it first ran, Unix ms; a restore begins anew."""
    chosen_ms: int = 0
    """When its owner last said that this one goes on; 0 for never."""
    is_first: bool = False
    """Whether it was made here and not restored: then there is no life before it."""

    @property
    def since_ms(self) -> int:
        """What copies are compared by: the latest wins."""
        return max(self.created_ms, self.chosen_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """An object of ours that this copy never wrote."""

    at: int
    """Its signed time, Unix ms."""
    instance: bytes | None = None
    """The copy that signed it, where it says so."""
    since_ms: int | None = None
    """That copy's `since_ms`, where it says so."""
    answers: bool = False
    """Whether it answers a note of this very copy: then it was alive after this one began."""


class Twinship(StrEnum):
    """What this copy knows of another."""

    ALONE = "alone"
    """Nothing says that there is another."""
    NEWEST = "newest"
    """There is another, and it began before this one: warn, go on."""
    OLDER = "older"
    """There is another that is newer, or may be: warn, sign nothing."""


def counts(own: Copy, sign: Sign) -> bool:
    """Tell whether a sign is of a life beside this one, not of the one before it.

    The earlier life may have signed up to the last moment, under a clock that ran ahead by as much
    as others tolerate. A copy without one believes whoever names itself.
    """
    if own.is_first and not own.chosen_ms and sign.instance is not None:
        return True
    return sign.answers or sign.at > own.since_ms + limits.skew_ms_max


def judge(own: Copy, signs: Iterable[Sign]) -> Twinship:
    """Say where this copy stands.

    Args:
        own: this copy.
        signs: every sign remembered, in any order.
    """
    found = [sign for sign in signs if _is_other(own, sign) and counts(own, sign)]
    if not found:
        return Twinship.ALONE
    named = [sign.since_ms for sign in found if sign.since_ms is not None]
    # A sign that names nobody is taken for the work of the newest copy that named itself.
    is_newest = bool(named) and max(named) < own.since_ms
    return Twinship.NEWEST if is_newest else Twinship.OLDER


def _is_other(own: Copy, sign: Sign) -> bool:
    # A note of ours that outlived a loss of rows says our own name: it is no other copy.
    return sign.instance != own.instance
