"""What a node counts of its own doings: plain numbers under closed sets of names.

Enters: one word for each thing that happened. Leaves: counts since the start, for whoever watches
the node. Never: a key, an id, a peer's own words; a name that somebody outside could make up.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeAlias

from protocol.channel.messages import Objects, Stem
from protocol.errors import Reason
from protocol.objects.header import Kind

AGE_BUCKETS_S: Final = (60.0, 120.0, 180.0, 300.0, 600.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0)
"""Ages of public objects as they arrive; they are dated to the minute."""
LATENCY_BUCKETS_S: Final = (
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    1_800.0,
    21_600.0,
    86_400.0,
)
"""Times from a request to an offer for it: robots answer in seconds, people in hours. Guess."""
Counts: TypeAlias = Mapping[tuple[str, ...], float]
"""Values of a metric's labels -> number."""


_WAYS: Final[dict[type, str]] = {Objects: "public", Stem: "stem"}
"""The messages that bring objects -> by which way they come."""


class Fate(StrEnum):
    """What became of a letter that was opened."""

    RECORDED = "recorded"
    """On record; its sender gets a receipt."""
    KNOWN = "known"
    """It had come before."""
    WAITING = "waiting"
    """What it follows is missing."""
    REFUSED = "refused"
    """Never of use."""


class Spread:
    """How values are spread over ranges."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """Begin with none.

        Args:
            bounds: the upper ends of the ranges, growing; the last range has none.
        """
        self.bounds = tuple(bounds)
        self._counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value; one below nothing, by a clock that is off, as nothing."""
        value = max(0.0, value)
        self._counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulated(self) -> list[int]:
        """Count the values up to each bound, and at last all."""
        total = 0
        found = []
        for count in self._counts:
            total += count
            found.append(total)
        return found


class Meters:
    """The counts of one node."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._messages: dict[type, int] = {}
        self._copies = dict.fromkeys(_WAYS.values(), 0)
        self._letters: dict[tuple[str, ...], int] = {}
        self.object_age = Spread(AGE_BUCKETS_S)
        """Age of public objects taken from peers, s."""
        self.offer_latency = Spread(LATENCY_BUCKETS_S)
        """From the making of a request of ours to each offer recorded for it, s."""

    def message(self, message: object) -> None:
        """Count a message of a peer."""
        kind = type(message)
        self._messages[kind] = self._messages.get(kind, 0) + 1
        if isinstance(message, Objects | Stem):
            self._copies[_WAYS[kind]] += len(message.raws)

    def letter(self, kind: Kind, fate: Fate, reason: Reason | None = None) -> None:
        """Count a letter that opened and was looked at."""
        labels = (kind.value, fate.value, "none" if reason is None else reason.value)
        self._letters[labels] = self._letters.get(labels, 0) + 1

    def messages(self) -> Counts:
        """How many messages of each kind came."""
        return {(kind.__name__,): count for kind, count in self._messages.items()}

    def copies(self) -> Counts:
        """How many copies of objects came each way."""
        return {(way,): count for way, count in self._copies.items()}

    def letters(self) -> Counts:
        """How many letters of each kind met which fate, and why."""
        return dict(self._letters)

    def offers(self) -> Counts:
        """The same of offers alone."""
        return {
            labels[1:]: count
            for labels, count in self._letters.items()
            if labels[0] == Kind.OFFER.value
        }
