"""The vicinity: which nodes announce themselves around this machine, bounded against all of them.

Enters: sightings by the name of their announcement, and the moment. Leaves: nodes with the places
they may be found at, and counts of what was ignored. Nodes the owner wants have a place of their
own, so that a flood of strangers does not hide them. Never here: sockets, disk, a dial.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from node.network.announcement import Ignored, Sighting
from protocol import limits
from protocol.ids import NodeId

DISTRUST_MS: Final = 10 * 60_000
"""How long a place where another node answered is left out; guess."""
_DISTRUSTED_MAX: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearby:
    """A node that is announced."""

    key: NodeId
    """Whose key is claimed."""
    addresses: tuple[str, ...]
    """Where it may be, at most four; the newest announcement first."""
    since_ms: int
    """Monotonic ms when it was first seen."""
    seen_ms: int
    """Monotonic ms when it was last looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    sighting: Sighting
    since_ms: int
    seen_ms: int


class Vicinity:
    """What is around."""

    def __init__(
        self,
        *,
        is_wanted: Callable[[NodeId], bool],
        is_hidden: Callable[[NodeId], bool],
    ) -> None:
        """Start with nobody.

        Args:
            is_wanted: whether the owner said yes to a node; such a one always finds a place.
            is_hidden: whether the owner said no; such a one takes none.
        """
        self._is_wanted = is_wanted
        self._is_hidden = is_hidden
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._distrusted: OrderedDict[tuple[NodeId, str], int] = OrderedDict()
        self.ignored: Counter[Ignored] = Counter()

    def __len__(self) -> int:
        """Count the announcements remembered."""
        return len(self._entries)

    def names(self) -> list[str]:
        """List the announcements remembered."""
        return list(self._entries)

    # --- what comes and goes --------------------------------------------------------------------

    def see(self, name: str, sighting: Sighting, mono_ms: int) -> bool:
        """Take a sighting; tells whether something new is known of its node."""
        before = self._entries.pop(name, None)
        if refusal := self._refusal(sighting):
            self.ignored[refusal] += 1
            return False
        self._make_room(sighting.key)
        is_same = before is not None and before.sighting.key == sighting.key
        since_ms = before.since_ms if before and is_same else mono_ms
        self._entries[name] = _Entry(sighting=sighting, since_ms=since_ms, seen_ms=mono_ms)
        return before is None or before.sighting != sighting

    def lose(self, name: str) -> bool:
        """Forget an announcement; tells whether it was known."""
        return self._entries.pop(name, None) is not None

    def forget(self, key: NodeId) -> None:
        """Forget every announcement of a node."""
        for name in [n for n, entry in self._entries.items() if entry.sighting.key == key]:
            del self._entries[name]

    def clear(self) -> None:
        """Forget all: this machine is in other networks now."""
        self._entries.clear()

    def ignore(self, why: Ignored, name: str | None = None) -> None:
        """Count what leads nowhere, and forget what was known under its name."""
        self.ignored[why] += 1
        if name is not None:
            self.lose(name)

    def distrust(self, key: NodeId, address: str, mono_ms: int) -> None:
        """Note that another node answered at an address that was announced for a key."""
        self.ignored[Ignored.SPOOFED] += 1
        self._distrusted.pop((key, address), None)
        self._distrusted[key, address] = mono_ms + DISTRUST_MS
        if len(self._distrusted) > _DISTRUSTED_MAX:
            self._distrusted.popitem(last=False)

    # --- who is there ---------------------------------------------------------------------------

    def nodes(self, mono_ms: int) -> list[Nearby]:
        """List the nodes that are announced, the first seen first."""
        by_key: dict[NodeId, list[_Entry]] = {}
        for entry in self._entries.values():
            by_key.setdefault(entry.sighting.key, []).append(entry)
        found = []
        for key, entries in by_key.items():
            addresses = self.addresses_of(key, mono_ms)
            if addresses:
                found.append(
                    Nearby(
                        key=key,
                        addresses=tuple(addresses),
                        since_ms=min(entry.since_ms for entry in entries),
                        seen_ms=max(entry.seen_ms for entry in entries),
                    )
                )
        return sorted(found, key=lambda each: (each.since_ms, each.key))

    def addresses_of(self, key: NodeId, mono_ms: int) -> list[str]:
        """List where a node may be: announced, and not found false a short while ago."""
        found = [
            address
            for entry in reversed(self._entries.values())
            if entry.sighting.key == key
            for address in entry.sighting.addresses
            if self._distrusted.get((key, address), mono_ms) <= mono_ms
        ]
        return list(dict.fromkeys(found))[: limits.nearby_names_max]

    # --- bounds ---------------------------------------------------------------------------------

    def _refusal(self, sighting: Sighting) -> Ignored | None:
        key = sighting.key
        if self._is_wanted(key):
            return None
        if self._is_hidden(key):
            return Ignored.REFUSED
        others = {entry.sighting.key for entry in self._entries.values()} - {key}
        strangers = [other for other in others if not self._is_wanted(other)]
        if len(strangers) >= limits.nearby_nodes_max:
            return Ignored.FULL
        for address in sighting.addresses:
            if self._tenants(_host(address), key) >= limits.nearby_per_host_max:
                return Ignored.CROWDED_HOST
        return None

    def _tenants(self, host: str, but: NodeId) -> int:
        """Count the other nodes that are announced at a host."""
        return len(
            {
                entry.sighting.key
                for entry in self._entries.values()
                if entry.sighting.key != but
                and any(_host(address) == host for address in entry.sighting.addresses)
            }
        )

    def _make_room(self, key: NodeId) -> None:
        """Let go the oldest announcement of a node that has as many as are remembered."""
        names = [name for name, entry in self._entries.items() if entry.sighting.key == key]
        if len(names) >= limits.nearby_names_max:
            del self._entries[names[0]]


def _host(address: str) -> str:
    return address.rpartition(":")[0]
