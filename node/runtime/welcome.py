"""The first steps a home offers its owner: once by itself, until it has a request or they say no.

Enters: what the home holds. Leaves: whether the steps are to be shown. Nothing here keeps anybody
from anything: each step can be left out, and all of them.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from node.clock import Clock
from node.storage import casts, shown
from node.storage.database import Storage

_OPENED: Final = "welcome.opened"
"""A browser was led there."""
_DISMISSED: Final = "welcome.dismissed"
"""The owner has had enough of it."""


class Welcome:
    """One home's first steps."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        """Keep where it is remembered."""
        self._storage = storage
        self._clock = clock

    async def is_due(self) -> bool:
        """Tell whether the steps are still of use: no request was made, and nobody said no."""
        if await self._storage.read(lambda db: shown.load_is_shown(db, _DISMISSED)):
            return False
        return not await self._storage.read(casts.load_all)

    async def leads(self) -> bool:
        """Tell whether a browser is to be led there now: the first time they are due, and once."""
        return await self.is_due() and await self._note(_OPENED)

    async def dismiss(self) -> None:
        """Offer them no more."""
        await self._note(_DISMISSED)

    async def _note(self, name: str) -> bool:
        now_ms = self._clock.now().wall_ms
        return await self._storage.write(partial(shown.note, name=name, now_ms=now_ms))
