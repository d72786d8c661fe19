"""Demand: links that were made on somebody's errand, and which of them makes room.

Two pools. Our own post's: to leave letters and fetch them. And guests': to the far ends of tunnels
that peers asked for; whoever asks gets no place in ours, and ends none of ours. Enters: links that
were made, used, lost. Leaves: the key of the one that has to end. Never here: sockets; a link the
engine or the owner asked for.
Source: docs/protocol/17-tunnel.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from node.network.errands import Errand
from protocol import limits
from protocol.ids import NodeId


class Demand:
    """The pools of one node."""

    def __init__(self, is_busy: Callable[[NodeId], bool]) -> None:
        """Start empty.

        Args:
            is_busy: whether a tunnel passes a link now.
        """
        self._is_busy = is_busy
        self._own: OrderedDict[NodeId, None] = OrderedDict()
        self._guests: OrderedDict[NodeId, None] = OrderedDict()

    def made(self, key: NodeId, errand: Errand) -> NodeId | None:
        """Note a new link; gives whose link has to end for it, if any.

        Of our own it is the one longest unused. Of guests' it is the one longest unused that no
        tunnel passes, and otherwise the new one: none is cut for one that may never be used.
        """
        going: NodeId | None = None
        if errand is Errand.POST:
            self._own[key] = None
            if len(self._own) > limits.links_on_demand_max - limits.links_for_guests_max:
                going, _ = self._own.popitem(last=False)
        elif errand is Errand.GUEST:
            self._guests[key] = None
            if len(self._guests) > limits.links_for_guests_max:
                going = next((each for each in self._guests if not self._is_busy(each)), key)
                del self._guests[going]
        return going

    def used(self, key: NodeId, errand: Errand) -> NodeId | None:
        """Note that a link is used; our own use makes it our own. Gives whose has to end for it."""
        if errand is Errand.POST and key in self._guests:
            del self._guests[key]
            return self.made(key, errand)
        pool = self._own if errand is Errand.POST else self._guests
        if key in pool:
            pool.move_to_end(key)
        return None

    def lost(self, key: NodeId) -> None:
        """Note that a link has ended."""
        self._own.pop(key, None)
        self._guests.pop(key, None)
