"""Interest: which public objects a leaf wants of its relays, as a fast question.

A relay carries everything. A leaf, which nobody can dial, may say which casts it wants: of some
categories, around some places. What it says is given to its relays only and stands in no record.
Profiles and what was said of a key come whatever is said. Enters: `Interest` as a peer sent it,
entries of the live table. Leaves: yes or no, the same on both ends of a link. Too much may be
wanted, never too little: places are compared by the cells they touch, generously, so that no cast a
shop would answer is kept from it.
Source: docs/protocol/06-gossip.md, "Relays and leaves".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import h3.api.basic_int as h3

from protocol import limits
from protocol.channel.messages import Interest
from protocol.errors import MessageError, ObjectError, Reason
from protocol.ids import PeerId
from protocol.network.holdings import Narrow
from protocol.network.live import LiveEntry
from protocol.values.category import check_category_shape
from protocol.values.place import Where

_EDGE_KM: Final = (1_195, 380, 141, 49, 18, 6.6, 2.4, 0.9)
"""Shortest edge of a cell by resolution 0..7; to 3 measured over all cells, below scaled."""
_REACH_KM: Final = (1_383, 530, 201, 76, 29, 11, 4.2, 1.6)
"""Longest way from a cell's centre to a corner, likewise."""
_SAFETY: Final = 0.8
"""Children stick out of their parents a little, so a ring of cells counts for less than it spans;
guess, held by a property test."""
_RINGS_MAX: Final = 3
"""Around a cast: 37 cells."""
_AREA_RINGS_MAX: Final = 8
"""Around what a leaf asks for: 217 cells before those out of reach are left out."""
_FINEST: Final = limits.public_place_resolution_max
_MEMO_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class Footprint:
    """The cells a circle touches."""

    cells: frozenset[int]
    """All of one resolution; empty for anywhere."""
    above: frozenset[int]
    """These cells, and every cell they lie in."""


_ANYWHERE: Final = Footprint(frozenset(), frozenset())


def _line(cell: int) -> list[int]:
    """List a cell and every cell it lies in."""
    finest = h3.get_resolution(cell)
    return [cell, *(h3.cell_to_parent(cell, each) for each in range(finest - 1, -1, -1))]


def _above(cells: list[int], resolution: int) -> frozenset[int]:
    """Give cells of one resolution and every cell they lie in; neighbours share most of these."""
    level = set(cells)
    found = set(level)
    for each in range(resolution - 1, -1, -1):
        level = {h3.cell_to_parent(cell, each) for cell in level}
        found |= level
    return frozenset(found)


def _disc(cell: int, radius_km: int, resolution: int, rings_max: int) -> list[int] | None:
    """List the cells of a resolution that a circle may touch; None when they are too many."""
    # Whole rings: every further one widens what is covered by at least one edge.
    rings = -int(-radius_km // (_EDGE_KM[resolution] * _SAFETY))
    if rings > rings_max:
        return None
    middle = h3.cell_to_parent(cell, resolution)
    if rings == 0:
        return [middle]
    centre = h3.cell_to_latlng(cell)
    reach_km = radius_km + _REACH_KM[resolution] / _SAFETY
    return [
        each
        for each in sorted(h3.grid_disk(middle, rings))
        if each == middle
        or h3.great_circle_distance(centre, h3.cell_to_latlng(each), unit="km") <= reach_km
    ]


@lru_cache(maxsize=_MEMO_MAX)
def footprint(cell: int, radius_km: int) -> Footprint:
    """Cover a circle around a cell with at most 37 cells.

    Args:
        cell: H3 index as a number, of any resolution; 0 for a place that does not matter.
        radius_km: around the cell's centre.
    """
    if cell == 0:
        return _ANYWHERE
    for resolution in range(min(h3.get_resolution(cell), _FINEST), -1, -1):
        cells = _disc(cell, radius_km, resolution, _RINGS_MAX)
        if cells is not None:
            return Footprint(frozenset(cells), _above(cells, resolution))
    return _ANYWHERE


def cells_of(
    areas: Iterable[Where], cells_max: int = limits.interest_cells_max
) -> list[int] | None:
    """Name the cells a leaf has to ask for, to hear of every wish that meets one of its areas.

    Args:
        areas: circles; a remote one is met anywhere.
        cells_max: most cells.

    Returns:
        Cells in order, or None when every place is wanted: there is no area, one is remote, or one
        is too wide to be worth naming.
    """
    circles = list(areas)
    share = cells_max // len(circles) if circles else 0
    if not share or any(each.cell is None for each in circles):
        return None
    found: set[int] = set()
    for circle in circles:
        cells = _area(int(circle.cell or "", 16), circle.radius_km, share)
        if cells is None:
            return None
        found.update(cells)
    return sorted(found)


def _area(cell: int, radius_km: int, share: int) -> list[int] | None:
    """Cover one circle as finely as a share of cells allows."""
    for resolution in range(min(h3.get_resolution(cell), _FINEST), -1, -1):
        cells = _disc(cell, radius_km, resolution, _AREA_RINGS_MAX)
        if cells is not None and len(cells) <= share:
            return cells
    return None


def _wider(path: str) -> list[str]:
    """List the categories a category lies in."""
    slugs = path.split("/")
    return ["/".join(slugs[:count]) for count in range(1, len(slugs))]


def check_interest(interest: Interest) -> None:
    """Refuse an interest that is none.

    Raises:
        MessageError: BAD_SHAPE, a category that is no path; OUT_OF_RANGE, a cell that is none.
    """
    try:
        for category in interest.categories or ():
            check_category_shape(category)
    except ObjectError as error:
        raise MessageError(Reason.BAD_SHAPE, "an interest in what is no category") from error
    if not all(map(h3.is_valid_cell, interest.cells or ())):
        raise MessageError(Reason.OUT_OF_RANGE, "an interest in what is no H3 cell")


class Filter:
    """One interest, ready to be asked.

    Attributes:
        interest: as it was said; None for everything.
        cells: the cells wanted; None for any place.
        above: these, and every cell they lie in.
    """

    __slots__ = ("_categories", "_wider", "above", "cells", "interest")

    def __init__(self, interest: Interest | None) -> None:
        """Prepare.

        Args:
            interest: what a leaf said, checked; None for everything.
        """
        self.interest = interest
        categories = interest.categories if interest is not None else None
        cells = interest.cells if interest is not None else None
        self._categories = None if categories is None else frozenset(categories)
        self._wider = frozenset(wider for path in categories or () for wider in _wider(path))
        self.cells = None if cells is None else frozenset(cells)
        self.above = frozenset(each for cell in cells or () for each in _line(cell))

    def narrow(self, *, is_ours: bool) -> Narrow:
        """Give what is compared under this interest."""
        return Narrow(self.wants, is_ours=is_ours, is_dear=self.cells is not None)

    def wants(self, entry: LiveEntry) -> bool:
        """Tell whether an object is to be pushed, announced and compared.

        Casts by category and place; a revoke as the cast it took back. Profiles, what was said of a
        key, and revokes of anything else concern everybody, and are few.
        """
        if self.interest is None or not entry.category:
            return True
        return self.wants_category(entry.category) and self.wants_place(entry.cell, entry.radius_km)

    def wants_category(self, path: str) -> bool:
        """Tell whether a category is wanted: one named, one below it, or one it lies in.

        Who asks for all of `electronics` may be answered by who has cameras.
        """
        wanted = self._categories
        if wanted is None or path in wanted or path in self._wider:
            return True
        return any(wider in wanted for wider in _wider(path))

    def wants_place(self, cell: int, radius_km: int) -> bool:
        """Tell whether a circle may touch a wanted place; what may be anywhere always does."""
        if self.cells is None:
            return True
        place = footprint(cell, radius_km)
        return (
            not place.cells
            or not place.cells.isdisjoint(self.above)
            or not place.above.isdisjoint(self.cells)
        )


EVERYTHING: Final = Filter(None)
"""What a relay wants."""
_NOBODY: Final[frozenset[PeerId]] = frozenset()


class _Places:
    """Who wants what touches a cell: narrowing peers by cell."""

    def __init__(self) -> None:
        self._cells: dict[int, set[PeerId]] = {}
        self._above: dict[int, set[PeerId]] = {}
        self._anywhere: set[PeerId] = set()

    def put(self, peer: PeerId, wish: Filter) -> None:
        if wish.cells is None:
            self._anywhere.add(peer)
        for index, cells in ((self._cells, wish.cells or ()), (self._above, wish.above)):
            for cell in cells:
                index.setdefault(cell, set()).add(peer)

    def lose(self, peer: PeerId, wish: Filter) -> None:
        self._anywhere.discard(peer)
        for index, cells in ((self._cells, wish.cells or ()), (self._above, wish.above)):
            for cell in cells:
                index[cell].discard(peer)
                if not index[cell]:
                    del index[cell]

    def wanting(self, cell: int, radius_km: int) -> set[PeerId] | None:
        """Give who wants a circle; None for everybody."""
        place = footprint(cell, radius_km)
        if not place.cells:
            return None
        found = set(self._anywhere)
        for index, touched in ((self._above, place.cells), (self._cells, place.above)):
            for each in index.keys() & touched:
                found |= index[each]
        return found


class Changes:
    """How often each link may want something else: some at once, and then one a minute.

    What comes sooner waits; of what waits the last word counts.
    """

    def __init__(self) -> None:
        """Begin with no link."""
        self._spent_ms: dict[PeerId, int] = {}
        self._later: dict[PeerId, Interest | None] = {}

    def take(self, peer: PeerId, interest: Interest | None, mono_ms: int) -> bool:
        """Tell whether a change holds at once; else it is kept until its time."""
        if self._has_room(peer, mono_ms):
            self._spend(peer, mono_ms)
            self._later.pop(peer, None)
            return True
        self._later[peer] = interest
        return False

    def due(self, mono_ms: int) -> list[tuple[PeerId, Interest | None]]:
        """Take out the changes whose time has come."""
        found = [each for each in self._later.items() if self._has_room(each[0], mono_ms)]
        for peer, _ in found:
            self._spend(peer, mono_ms)
            del self._later[peer]
        return found

    def lose(self, peer: PeerId) -> None:
        """Forget a peer that left."""
        self._spent_ms.pop(peer, None)
        self._later.pop(peer, None)

    def _has_room(self, peer: PeerId, mono_ms: int) -> bool:
        ahead_ms = self._spent_ms.get(peer, mono_ms) - mono_ms
        return ahead_ms <= limits.interest_pause_ms * (limits.interest_burst - 1)

    def _spend(self, peer: PeerId, mono_ms: int) -> None:
        spent_ms = max(self._spent_ms.get(peer, mono_ms), mono_ms)
        self._spent_ms[peer] = spent_ms + limits.interest_pause_ms


class Interests:
    """What each linked peer wants.

    Attributes:
        own: what this node itself wants.
    """

    def __init__(self) -> None:
        """Begin with no peer, wanting everything."""
        self.own = EVERYTHING
        self._filters: dict[PeerId, Filter] = {}
        self._places = _Places()
        self._by_category: dict[str, frozenset[PeerId]] = {}

    def put(self, peer: PeerId, interest: Interest | None) -> None:
        """Note what a peer wants, in place of what it wanted before.

        Args:
            peer: who.
            interest: checked; None for everything.
        """
        self.lose(peer)
        if interest is not None:
            wish = self._filters[peer] = Filter(interest)
            self._places.put(peer, wish)
            self._by_category.clear()

    def lose(self, peer: PeerId) -> None:
        """Forget a peer that left."""
        wish = self._filters.pop(peer, None)
        if wish is not None:
            self._places.lose(peer, wish)
            self._by_category.clear()

    def of(self, peer: PeerId) -> Filter:
        """Give what a peer wants."""
        return self._filters.get(peer, EVERYTHING)

    def between(self, peer: PeerId) -> Filter:
        """Give what the two ends of a link can both be expected to hold, for comparing."""
        return self._filters.get(peer, self.own)

    def wants(self, peer: PeerId, entry: LiveEntry) -> bool:
        """Tell whether a peer is to be told of an object."""
        return self.of(peer).wants(entry)

    def unwanted_by(self, entry: LiveEntry) -> frozenset[PeerId]:
        """Give the peers that are not to be told of an object; one question for all of them."""
        if not self._filters or not entry.category:
            return _NOBODY
        wanting = self._by_category.get(entry.category)
        if wanting is None:
            wanting = self._of_category(entry.category)
        if wanting:
            there = self._places.wanting(entry.cell, entry.radius_km)
            wanting = wanting if there is None else wanting & there
        return frozenset(peer for peer in self._filters if peer not in wanting)

    def _of_category(self, path: str) -> frozenset[PeerId]:
        if len(self._by_category) >= _MEMO_MAX:
            self._by_category.clear()
        found = self._by_category[path] = frozenset(
            peer for peer, wish in self._filters.items() if wish.wants_category(path)
        )
        return found
