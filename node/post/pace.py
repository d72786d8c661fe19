"""The pace of our own questions: no more at a time on a link than a mailbox answers on one.

Enters: a link to a mailbox, questions for it. Leaves: their answers. What is too much at once waits
here its turn; sent, it would be refused, and a refused receipt or reading looks like a mailbox that
fails. Readings of boxes and all other questions keep their own queues, so that a home with a
thousand boxes still sends its letters. Never here: the readings that wait for a letter to come,
which `reader` itself counts.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from protocol import limits
from protocol.channel.messages import Answer, Ask
from protocol.channel.post import BoxChallenge, BoxRead
from protocol.ids import NodeId

_READER_ASKS_MAX: Final = limits.post_questions_max // 4
"""Challenges, and readings that do not wait, at a time."""
_OTHER_ASKS_MAX: Final = limits.post_questions_max // 2
"""Letters, receipts and boxes to open at a time; together they stay well under the bound."""


class Way(Protocol):
    """A channel to one mailbox, as the network gives it."""

    @property
    def peer_id(self) -> NodeId:
        """The far end's proved key."""
        ...

    @property
    def handshake_hash(self) -> bytes:
        """Names this channel and no other."""
        ...

    async def request(self, ask: Ask, timeout_ms: int) -> Answer:
        """Ask, and wait for the answer."""
        ...


class PacedLink:
    """A link that is not asked too much at once."""

    def __init__(self, way: Way) -> None:
        """Keep the channel; everybody who asks over it has to use this one object."""
        self.way = way
        """The channel itself."""
        self._reader_asks = asyncio.Semaphore(_READER_ASKS_MAX)
        self._other_asks = asyncio.Semaphore(_OTHER_ASKS_MAX)

    @property
    def peer_id(self) -> NodeId:
        """The far end's proved key."""
        return self.way.peer_id

    @property
    def handshake_hash(self) -> bytes:
        """Names this channel and no other."""
        return self.way.handshake_hash

    async def request(self, ask: Ask, timeout_ms: int) -> Answer:
        """Ask when it is this question's turn; the time runs from then.

        Raises:
            TransportError: no answer, or no link any more.
        """
        if isinstance(ask, BoxRead) and ask.wait_ms:
            return await self.way.request(ask, timeout_ms)
        is_reader = isinstance(ask, BoxChallenge | BoxRead)
        async with self._reader_asks if is_reader else self._other_asks:
            return await self.way.request(ask, timeout_ms)
