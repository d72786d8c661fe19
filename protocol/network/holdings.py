"""Holdings: what this node compares with others, as a whole and as each of them can hold it.

The whole order has every object that is live and not expired, and every name this node refused or
let go by its own policy: it knows these and wants none of them. With a leaf only what the leaf
wants is compared; for each such interest there is a view, an order of its own. A view is made a
slice at a time, so that nothing waits for it, and kept up to date from then on. It goes with the
wish it is for, so that one link has one. Enters: names that
come and go. Leaves: orders. Never here: bodies, and what another node holds.
Source: docs/protocol/07-sync.md, "What is compared".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from protocol import limits
from protocol.network.order import START, Order, Place

if TYPE_CHECKING:
    from protocol.network.live import LiveEntry

Wish: TypeAlias = "Callable[[LiveEntry], bool]"
"""Tells whether an object is wanted; equal wishes are equal, and say the same for ever."""


@dataclass(frozen=True, slots=True)
class Narrow:
    """What is compared with a peer, where it is not everything."""

    wish: Wish
    """Which objects."""
    is_ours: bool
    """Whether the wish is this node's own: names it refused were offered to it under that wish."""
    is_dear: bool = False
    """Whether places are held against places for it."""

    @property
    def price(self) -> int:
        """How many plain looks one look is worth."""
        return limits.view_dear_price if self.is_dear else 1


@dataclass(slots=True, kw_only=True)
class _View:
    order: Order
    """What fits the wish."""
    made_to: Place | None
    """Up to where the whole order was looked through; None when it was, to the end."""
    asked_ms: int
    """Monotonic ms of the last question."""
    turn: int = 0
    """When it last grew, in slices of all views."""


class Holdings:
    """The orders of one node.

    Attributes:
        whole: everything compared with who wants everything; to be read only.
    """

    def __init__(self, find: Callable[[bytes], LiveEntry | None]) -> None:
        """Start empty.

        Args:
            find: gives the live entry of a name; None for a name that is only refused.
        """
        self.whole = Order()
        self._find = find
        self._views: OrderedDict[Narrow, _View] = OrderedDict()
        self._turn = 0

    def add(self, at: int, name: bytes) -> None:
        """Compare a name from now on."""
        self.whole.add(at, name)
        for narrow, view in self._views.items():
            if view.made_to is None or (at, name) < view.made_to:
                self._consider(narrow, view, at, name)

    def remove(self, at: int, name: bytes) -> None:
        """Compare a name no more."""
        self.whole.remove(at, name)
        for view in self._views.values():
            view.order.remove(at, name)

    @property
    def is_growing(self) -> bool:
        """Whether some view is still being made."""
        return any(view.made_to is not None for view in self._views.values())

    def cost(self, narrow: Narrow | None) -> int:
        """Tell what making a view costs, in bytes hashed in that time; 0 where it stands."""
        if narrow is None or narrow in self._views:
            return 0
        return min(len(self.whole) * narrow.price * limits.view_look_work, limits.ranges_work_max)

    def forget(self, narrow: Narrow) -> None:
        """Let go of a view: nobody has that wish any more."""
        self._views.pop(narrow, None)

    def view(self, narrow: Narrow | None, mono_ms: int) -> Order | None:
        """Give the order to compare with a peer; None while it is being made.

        Args:
            narrow: what is compared; None for everything.
            mono_ms: the moment.
        """
        if narrow is None:
            return self.whole
        view = self._views.get(narrow)
        if view is None:
            view = self._views[narrow] = _View(order=Order(), made_to=START, asked_ms=mono_ms)
            self._grow(narrow, view)
        view.asked_ms = mono_ms
        self._views.move_to_end(narrow)
        self._bound()
        return view.order if view.made_to is None else None

    def grow(self, mono_ms: int) -> None:
        """Make further what is being made, one slice in all, each view in its turn.

        What nobody asks about is let go.
        """
        idle = [n for n, v in self._views.items() if mono_ms - v.asked_ms >= limits.view_idle_ms]
        for narrow in idle:
            del self._views[narrow]
        growing = [each for each in self._views.items() if each[1].made_to is not None]
        if growing:
            self._grow(*min(growing, key=lambda each: each[1].turn))
        self._bound()

    def _grow(self, narrow: Narrow, view: _View) -> None:
        self._turn += 1
        view.turn = self._turn
        start = self.whole.rank(view.made_to or START)
        stop = min(start + limits.view_slice_max // narrow.price, len(self.whole))
        for at, name in self.whole.places(start, stop):
            self._consider(narrow, view, at, name)
        view.made_to = self.whole.at_rank(stop) if stop < len(self.whole) else None

    def _consider(self, narrow: Narrow, view: _View, at: int, name: bytes) -> None:
        entry = self._find(name)
        if narrow.is_ours if entry is None else narrow.wish(entry):
            view.order.add(at, name)

    def _bound(self) -> None:
        """Keep the views few and small.

        While they are too many the longest unasked goes; while they hold too much the largest, so
        that who wants most gives way to who wants little.
        """
        while len(self._views) > limits.views_max:
            self._views.popitem(last=False)
        sizes = {narrow: len(view.order) for narrow, view in self._views.items()}
        while len(sizes) > 1 and sum(sizes.values()) > limits.view_names_max:
            largest = max(sizes, key=lambda narrow: sizes[narrow])
            del self._views[largest], sizes[largest]
