"""The trace of a run as one hash: every event and every action, in order.

Two runs of one seed have the same trace on every machine and under every `PYTHONHASHSEED`; a
machine whose choices hang on anything but its events and its seed is found by this and by nothing
else. Enters: moments, nodes, events, actions. Leaves: 16 bytes.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any

from protocol.network.actions import (
    Notify,
    SetTimer,
    StoreObject,
    VerifyBatch,
)
from protocol.network.events import (
    MessageReceived,
    ObjectStored,
    PublishObject,
    Started,
    TimerFired,
    VerifyFinished,
)

_TURN = struct.Struct("<QI")
_DELAY = struct.Struct("<q")
_NAMES: dict[type, bytes] = {}


def _name(kind: type) -> bytes:
    name = _NAMES.get(kind)
    if name is None:
        name = _NAMES[kind] = kind.__name__.encode()
    return name


_WORDS: dict[type, Any] = {
    # What a message says was taken down when it was sent.
    MessageReceived: lambda event: event.peer,
    TimerFired: lambda event: event.timer.value.encode(),
    VerifyFinished: lambda event: b"".join(each.id for each in event.outcomes),
    ObjectStored: lambda event: event.id,
    PublishObject: lambda event: event.verified.id,
    Started: lambda event: b"".join(event.records),
    SetTimer: lambda action: action.timer.value.encode() + _DELAY.pack(action.delay_ms),
    StoreObject: lambda action: action.verified.id,
    Notify: lambda action: action.verified.id,
    VerifyBatch: lambda action: b"".join(each.id for each in action.candidates),
}


def word_of(fact: Any) -> bytes:
    """Give the bytes that stand for an event or an action."""
    kind = type(fact)
    write = _WORDS.get(kind)
    return _name(kind) + (write(fact) if write else repr(fact).encode())


class Trace:
    """The hash of one run so far."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._hash = hashlib.blake2b(digest_size=16)
        self.events = 0

    def turn(self, at_us: int, node: int) -> bytes:
        """Give the head of one node's turn."""
        return _TURN.pack(at_us, node)

    def add(self, words: list[bytes]) -> None:
        """Take down one turn."""
        self._hash.update(b"".join(words))

    def digest(self) -> str:
        """Give what stands for the whole run so far, as text."""
        return self._hash.hexdigest()
