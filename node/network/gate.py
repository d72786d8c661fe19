"""The gate before every reader: who sends faster than it can be checked is not read for a while.

What is not read stays in the sockets, and holds its sender back at last. Enters: the question
whether a peer has more waiting than its share, and a word whenever some of it was done. Leaves: a
wait. Never here: what waits, or why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from protocol.ids import NodeId


def nobody(_peer: NodeId) -> bool:
    """Hold nobody back."""
    return False


class Gate:
    """Holds back the links that have too much waiting.

    Attributes:
        held: links that are not read at the moment.
    """

    def __init__(self, is_crowded: Callable[[NodeId], bool] = nobody) -> None:
        """Stand open.

        Args:
            is_crowded: whether a peer is to wait; asked again after every turn.
        """
        self._is_crowded = is_crowded
        self._turned = asyncio.Event()
        self.held = 0

    def is_shut_to(self, peer: NodeId) -> bool:
        """Tell whether a peer has to wait."""
        return self._is_crowded(peer)

    async def wait(self, peer: NodeId) -> None:
        """Wait until a peer is to be read again."""
        self.held += 1
        try:
            while self._is_crowded(peer):
                await self._turned.wait()
        finally:
            self.held -= 1

    def turn(self) -> None:
        """Some of what waited is done: whoever is held back looks again."""
        if self.held:
            self._turned.set()
            self._turned = asyncio.Event()
