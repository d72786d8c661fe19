"""Narrowing: which requests a leaf asks its relays for, looked at again from time to time.

A node that can be dialled carries everything. One that only dials asks for what its shop could
answer; without a shop for no requests of others at all. What it publishes, what its talks need, and
profiles, revokes and statements of keys come to it in any case. Enters: the owner's choice, the
shop's reach. Leaves: an interest for the network. Never here: what an interest means.
Source: docs/protocol/06-gossip.md, "Relays and leaves"; docs/reference/settings.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from node.clock import Clock
from node.config import Settings
from node.storage import restorations
from node.storage.database import Storage
from protocol import limits
from protocol.channel.messages import Interest

if TYPE_CHECKING:
    from node.runtime.network import Network

NOTHING: Final = Interest(categories=[], cells=None)
"""No requests of others."""
_LOOK_S: Final = 60.0
"""How often the shop's rules may have changed; guess."""


def narrows(settings: Settings) -> bool:
    """Tell whether a node with these settings asks for less than everything.

    Other networks than `main` are small, and made to be looked at.
    """
    if settings.listen_port is not None or settings.interest == "all":
        return False
    return settings.interest == "narrow" or settings.net == "main"


class Narrowing:
    """The interest of one leaf."""

    def __init__(
        self,
        network: Network,
        *,
        settings: Settings,
        storage: Storage,
        clock: Clock,
        reach: Callable[[], Interest | None],
    ) -> None:
        """Keep what is asked.

        Args:
            network: is told.
            settings: the owner's choice.
            storage: knows whether this home was restored.
            clock: the time.
            reach: what the shop could answer, None for everything; NOTHING without a shop.
        """
        self._network = network
        self._narrows = narrows(settings)
        self._storage = storage
        self._clock = clock
        self._reach = reach

    async def look(self) -> None:
        """Ask for what is wanted now."""
        if self._narrows:
            is_new_here = await self._is_new_here()
            self._network.want_casts(None if is_new_here else self._reach())

    async def _is_new_here(self) -> bool:
        """Tell whether requests of this home's own may still be out there, unknown to it."""
        found = await self._storage.read(restorations.load_newest)
        lived_ms = self._clock.now().wall_ms - (found.restored_ms if found else 0)
        return found is not None and lived_ms < limits.cast_ttl_ms_max

    async def run(self) -> None:
        """Look again from time to time, until cancelled."""
        while self._narrows:
            await asyncio.sleep(_LOOK_S)
            await self.look()
