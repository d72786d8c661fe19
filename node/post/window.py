"""The mailbox's window: takes questions from channels, sees that no channel asks too much at once.

Enters: messages of live channels. Leaves: answers on the same channel. A channel's session goes
with it. Never here: what a question means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from node.post.carrier import Channel, Spawner
from node.post.mailbox import Mailbox, Session
from protocol import limits
from protocol.channel.messages import Ask, Message, Refused
from protocol.channel.post import (
    BoxChallenge,
    BoxOpen,
    BoxRead,
    Letters,
    Put,
    Receipt,
    ReceiptQuery,
)
from protocol.errors import Reason

_READS_MAX: Final = limits.requests_open_max
"""Readings of one channel that wait at a time: one for each box."""


@dataclass(slots=True, kw_only=True)
class _Asker:
    """One channel at the window."""

    session: Session
    asking: int = 0
    """Questions being answered."""
    reading: int = 0
    """Readings, which may wait."""


class Window:
    """One per node."""

    def __init__(self, *, mailbox: Mailbox, tasks: Spawner) -> None:
        """Open with nobody there."""
        self._mailbox = mailbox
        self._tasks = tasks
        self._askers: WeakKeyDictionary[Channel, _Asker] = WeakKeyDictionary()

    def handle(self, channel: Channel, message: Message) -> None:
        """Answer a question to the mailbox in the background; let any other message be."""
        if not isinstance(message, BoxOpen | BoxChallenge | BoxRead | Put | Receipt | ReceiptQuery):
            return
        asker = self._askers.get(channel)
        if asker is None:
            session = Session(peer_id=channel.peer_id, handshake_hash=channel.handshake_hash)
            asker = self._askers[channel] = _Asker(session=session)
        is_reading = isinstance(message, BoxRead)
        if is_reading and asker.reading < _READS_MAX:
            asker.reading += 1
        elif not is_reading and asker.asking < limits.post_questions_max:
            asker.asking += 1
        else:
            channel.send(Refused(request=message.request, reason=Reason.OVER_BUDGET))
            return
        self._tasks.spawn(self._serve(channel, asker, message), "a question to the mailbox")

    def is_reader(self, channel: Channel) -> bool:
        """Tell whether the other end of a channel has proved to read a box here."""
        asker = self._askers.get(channel)
        return asker is not None and bool(asker.session.given)

    async def _serve(self, channel: Channel, asker: _Asker, ask: Ask) -> None:
        try:
            answer = await self._mailbox.answer(asker.session, ask)
            is_sent = channel.send(answer)
            if not is_sent and isinstance(ask, BoxRead) and isinstance(answer, Letters):
                asker.session.begin_again(ask.reader)
        finally:
            if isinstance(ask, BoxRead):
                asker.reading -= 1
            else:
                asker.asking -= 1
