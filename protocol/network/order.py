"""The order: names sorted by (`at`, name), kept so that hashing a stretch of them is cheap.

Comparing what two nodes hold means hashing long runs of names, over and over, while newcomers are
put in their places one by one. Names lie in segments: a run is joined and hashed by two C calls a
segment, a newcomer is placed by two searches and moves at most one segment. A name is not copied:
whoever holds it elsewhere, as the live table does, shares it. Enters: times and 16-byte names.
Leaves: ranks, names, fingerprints. Never here: what a name stands for.
Source: docs/protocol/07-sync.md, "Order" and "Fingerprints".
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import Final, TypeAlias

Place: TypeAlias = tuple[int, bytes]
"""Where something stands: `at` in Unix ms, and a name or the beginning of one."""

START: Final[Place] = (0, b"")
"""Before everything."""
END: Final[Place] = (2**53, b"")
"""Behind everything."""
FINGERPRINT_BYTES: Final = 16
SALT_BYTES: Final = 16
_PERSON: Final = b"intentcast-range"
"""Keeps these hashes apart from all others."""
_SEGMENT_MAX: Final = 4_096
"""Names in a segment before it is halved: 32 KiB of places, moved in a microsecond or two."""
_SEGMENT_MIN: Final = 512
"""A segment with fewer is joined to its neighbour, where both fit half a segment."""


class Order:
    """Sorted names in segments."""

    __slots__ = ("_ats", "_count", "_firsts", "_names", "_starts")

    def __init__(self) -> None:
        """Start empty."""
        self._firsts: list[Place] = []
        self._ats: list[array[int]] = []
        self._names: list[list[bytes]] = []
        self._starts: list[int] | None = None
        self._count = 0

    def __len__(self) -> int:
        """Count the names."""
        return self._count

    # --- changing it --------------------------------------------------------------------------

    def add(self, at: int, name: bytes) -> None:
        """Put a name in its place; nothing happens where it stands there already."""
        number = max(0, bisect_right(self._firsts, (at, name)) - 1)
        if not self._firsts:
            self._firsts.append((at, name))
            self._ats.append(array("Q"))
            self._names.append([])
        ats, names = self._ats[number], self._names[number]
        spot = self._spot(number, at, name)
        if spot < len(ats) and ats[spot] == at and names[spot] == name:
            return
        ats.insert(spot, at)
        names.insert(spot, name)
        if spot == 0:
            self._firsts[number] = (at, name)
        self._count += 1
        self._starts = None
        if len(ats) > _SEGMENT_MAX:
            self._halve(number)

    def remove(self, at: int, name: bytes) -> None:
        """Take a name out, if it is there."""
        number = bisect_right(self._firsts, (at, name)) - 1
        if number < 0:
            return
        ats, names = self._ats[number], self._names[number]
        spot = self._spot(number, at, name)
        if spot == len(ats) or ats[spot] != at or names[spot] != name:
            return
        del ats[spot]
        del names[spot]
        self._count -= 1
        self._starts = None
        if not ats:
            self._forget(number)
            return
        if spot == 0:
            self._firsts[number] = self._at_spot(number, 0)
        if len(ats) < _SEGMENT_MIN:
            self._join(number)

    def _halve(self, number: int) -> None:
        ats, names = self._ats[number], self._names[number]
        half = len(ats) // 2
        self._ats[number : number + 1] = [ats[:half], ats[half:]]
        self._names[number : number + 1] = [names[:half], names[half:]]
        self._firsts.insert(number + 1, self._at_spot(number + 1, 0))

    def _join(self, number: int) -> None:
        """Join a small segment to the one behind it, or before it, where both are small."""
        first = min(number, len(self._ats) - 2)
        if first < 0 or len(self._ats[first]) + len(self._ats[first + 1]) > _SEGMENT_MAX // 2:
            return
        self._ats[first].extend(self._ats[first + 1])
        self._names[first] += self._names[first + 1]
        self._forget(first + 1)

    def _forget(self, number: int) -> None:
        del self._firsts[number], self._ats[number], self._names[number]

    # --- asking it ----------------------------------------------------------------------------

    def rank(self, place: Place) -> int:
        """Count the names that stand before a place."""
        number = bisect_right(self._firsts, place) - 1
        return 0 if number < 0 else self._begins()[number] + self._spot(number, *place)

    def at_rank(self, rank: int) -> Place:
        """Give the place of the name that has `rank` names before it, 0..count-1."""
        number = bisect_right(self._begins(), rank) - 1
        return self._at_spot(number, rank - self._begins()[number])

    def names(self, start: int, stop: int) -> list[bytes]:
        """List the names from one rank to before another, in order."""
        return [name for run in self._runs(start, stop) for name in run]

    def places(self, start: int, stop: int) -> list[Place]:
        """List the places of the names from one rank to before another, in order."""
        times: list[int] = []
        begins = self._begins()
        for number, begin in enumerate(begins):
            if begin < stop and start < begin + len(self._ats[number]):
                times += self._ats[number][max(0, start - begin) : stop - begin]
        return list(zip(times, self.names(start, stop), strict=True))

    def to(self, at: int) -> list[Place]:
        """List the places up to a moment and in it, in order."""
        return self.places(0, self.rank((at + 1, b"")))

    def fingerprint(self, start: int, stop: int, salt: bytes) -> bytes:
        """Hash the names from one rank to before another.

        Names have one length, so that runs of different counts are different inputs.

        Args:
            start: rank of the first.
            stop: rank behind the last.
            salt: 16 bytes, of this comparison alone.
        """
        digest = hashlib.blake2b(digest_size=FINGERPRINT_BYTES, key=salt, person=_PERSON)
        for run in self._runs(start, stop):
            digest.update(b"".join(run))
        return digest.digest()

    def _runs(self, start: int, stop: int) -> list[list[bytes]]:
        """Give a run of names, a piece a segment."""
        runs: list[list[bytes]] = []
        if start >= stop:
            return runs
        begins = self._begins()
        number = bisect_right(begins, start) - 1
        while number < len(begins) and begins[number] < stop:
            begin = max(0, start - begins[number])
            runs.append(self._names[number][begin : stop - begins[number]])
            number += 1
        return runs

    def _begins(self) -> list[int]:
        """Give the rank of each segment's first name."""
        if self._starts is None:
            self._starts = [0, *accumulate(map(len, self._ats))][: len(self._ats)]
        return self._starts

    def _spot(self, number: int, at: int, prefix: bytes) -> int:
        """Count the names of a segment that stand before a place."""
        ats = self._ats[number]
        low = bisect_left(ats, at)
        return bisect_left(self._names[number], prefix, low, bisect_right(ats, at, low))

    def _at_spot(self, number: int, spot: int) -> Place:
        return self._ats[number][spot], self._names[number][spot]


def between(before: Place, after: Place) -> Place:
    """Give the shortest place behind one name and not behind the next, to cut a run there.

    Args:
        before: place of a name.
        after: place of the next.
    """
    if before[0] < after[0]:
        return after[0], b""
    shared = next(n for n, (a, b) in enumerate(zip(before[1], after[1], strict=True)) if a != b)
    return after[0], after[1][: shared + 1]
