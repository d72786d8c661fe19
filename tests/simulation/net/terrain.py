"""Where nodes stand and how long a word takes between two of them.

Enters: the run's generator. Leaves: places, and one-way times in microseconds. Three terrains: five
clusters on a plane (a world with continents), the even 25 ms of the published attack rigs, and one
machine with all nodes on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot, sqrt
from random import Random
from typing import Protocol

MS = 1_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point of the plane."""

    x: float
    """0..1."""
    y: float
    """0..1."""


class Terrain(Protocol):
    """What a world asks of its terrain."""

    jitter: float
    """Largest deviation of one word from the link's own time, as a part of it."""

    def settle(self, chance: Random) -> Place:
        """Draw the place of one node."""
        ...

    def between(self, one: Place, other: Place) -> int:
        """Give the one-way time of a link, microseconds, jitter apart."""
        ...


class Wan:
    """Five clusters on a plane, one way 5-150 ms.

    Source: evidence of the network, 2.2.
    """

    jitter = 0.1
    _CLUSTERS = 5
    _SPREAD = 0.02
    _NEAR_US = 5 * MS
    _FAR_US = 150 * MS

    def __init__(self, chance: Random) -> None:
        """Draw where the clusters lie."""
        self._centres = [Place(chance.random(), chance.random()) for _ in range(self._CLUSTERS)]

    def settle(self, chance: Random) -> Place:
        """Draw a place near one of the clusters."""
        centre = self._centres[chance.randrange(self._CLUSTERS)]
        return Place(
            min(1.0, max(0.0, chance.gauss(centre.x, self._SPREAD))),
            min(1.0, max(0.0, chance.gauss(centre.y, self._SPREAD))),
        )

    def between(self, one: Place, other: Place) -> int:
        """Let time grow with the distance; opposite corners are the far ends."""
        part = hypot(one.x - other.x, one.y - other.y) / sqrt(2)
        return self._NEAR_US + int((self._FAR_US - self._NEAR_US) * part)


class Rig:
    """The network of the published attack runs: every link 25 ms.

    Source: libp2p/gossipsub-hardening.
    """

    jitter = 0.1
    _LINK_US = 25 * MS

    def settle(self, chance: Random) -> Place:
        """Put a node anywhere; it makes no difference."""
        return Place(chance.random(), chance.random())

    def between(self, one: Place, other: Place) -> int:
        """Give the same time for every link."""
        return self._LINK_US


class Loopback:
    """One machine on which every node is a process; what its nodes do takes most of the time."""

    jitter = 0.5
    _LINK_US = MS

    def settle(self, chance: Random) -> Place:
        """Put a node anywhere; it makes no difference."""
        return Place(chance.random(), chance.random())

    def between(self, one: Place, other: Place) -> int:
        """Give the same time for every link; guess."""
        return self._LINK_US


def terrain(name: str, chance: Random) -> Terrain:
    """Give a terrain by name: `wan`, `rig` or `loopback`."""
    terrains: dict[str, Callable[[Random], Terrain]] = {
        "wan": Wan,
        "rig": lambda _: Rig(),
        "loopback": lambda _: Loopback(),
    }
    return terrains[name](chance)
