"""Patience with places: how long an address, and a group of addresses, is left alone.

Keys cost nothing, so whoever makes records with many keys can name one place in all of them: with
back-off for each key alone every node that reads them would dial that place as often as there are
keys. Enters: dials, and which of them made a link. Leaves: when a place may be dialled again. Never
here: a wait for a node that was reached just there, however many others have since been said to be
there; a longer wait than that of its key for a node that is alone at its address.
Source: docs/protocol/06-gossip.md, "Links".
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from protocol import limits
from protocol.ids import NodeId

_DOUBLINGS_MAX: Final = 20
_MS_MIN: Final = limits.dial_backoff_ms_min * 4 // 5
"""The shortest first wait a key may draw: who is alone at an address waits for its key only."""


class Patience:
    """What is remembered of the places one node dialled by hearsay."""

    def __init__(self) -> None:
        """Start with every place free."""
        self._places: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._reached: OrderedDict[tuple[NodeId, str], None] = OrderedDict()

    def due_ms(self, key: NodeId, address: str, group: str) -> int:
        """Give the monotonic ms from which a node may be dialled at an address.

        Args:
            key: its transport key.
            address: `host:port`.
            group: that address's group.
        """
        if (key, address) in self._reached:
            return 0
        return max(self._retry_ms(f"at {address}"), self._retry_ms(f"in {group}"))

    def _retry_ms(self, name: str) -> int:
        return self._places[name][1] if name in self._places else 0

    def tried(self, address: str, group: str, mono_ms: int) -> None:
        """Note a dial, which counts as one in vain until `reached`."""
        self._rest(f"at {address}", mono_ms, free=0, wait_ms_max=limits.dial_address_ms_max)
        free = limits.dial_group_free
        self._rest(f"in {group}", mono_ms, free=free, wait_ms_max=limits.dial_group_ms_max)

    def _rest(self, name: str, mono_ms: int, *, free: int, wait_ms_max: int) -> None:
        count = self._places.pop(name, (0, 0))[0] + 1
        doublings = min(count - free - 1, _DOUBLINGS_MAX)
        wait_ms = min(wait_ms_max, _MS_MIN << doublings) if doublings >= 0 else 0
        self._places[name] = count, mono_ms + wait_ms
        if len(self._places) > limits.dial_places_max:
            self._places.popitem(last=False)

    def reached(self, key: NodeId, address: str, group: str) -> None:
        """Note that a node was linked at an address: it is really there."""
        self._places.pop(f"at {address}", None)
        self._places.pop(f"in {group}", None)
        self._reached.pop((key, address), None)
        self._reached[key, address] = None
        if len(self._reached) > limits.dial_places_max:
            self._reached.popitem(last=False)
