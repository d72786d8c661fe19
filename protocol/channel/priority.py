"""Who goes first when a link has more to say than it can carry.

Enters: a message. Leaves: its place in the queue to one peer. Never here: the queue itself.
Source: docs/protocol/04-frames.md.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocol.channel.messages import (
    Ids,
    Message,
    Objects,
    RangesAnswer,
    RecordsAnswer,
    Stem,
    WhoIsAnswer,
)
from protocol.channel.post import Letters, Put, Receipt, ReceiptAnswer
from protocol.channel.tunnel import TunnelData, TunnelEnd


class Priority(IntEnum):
    """Order of sending; a lower number goes first, and is the last to be given up."""

    CONTROL = 0
    """Small and needed: questions, refusals, pings, goodbyes."""
    LETTERS = 1
    """Letters and receipts: somebody waits for them."""
    PULL = 2
    """What the peer asked for, and announcements."""
    PUSH = 3
    """Payload nobody asked for by name; a dropped one becomes an id."""


_PRIORITY: Final[dict[type[Message], Priority]] = {
    Put: Priority.LETTERS,
    Letters: Priority.LETTERS,
    Receipt: Priority.LETTERS,
    ReceiptAnswer: Priority.LETTERS,
    TunnelData: Priority.LETTERS,
    TunnelEnd: Priority.LETTERS,
    Ids: Priority.PULL,
    RangesAnswer: Priority.PULL,
    RecordsAnswer: Priority.PULL,
    WhoIsAnswer: Priority.PULL,
    Stem: Priority.PULL,
    Objects: Priority.PUSH,
}


def priority_of(message: Message) -> Priority:
    """Give a message's usual priority; `Objects` that answer a `Want` are sent as PULL instead."""
    return _PRIORITY.get(type(message), Priority.CONTROL)
