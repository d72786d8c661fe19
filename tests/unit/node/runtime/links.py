"""A link without a socket: it remembers what was said and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.channel.messages import Message
from protocol.channel.priority import Priority
from protocol.errors import Reason


@dataclass
class QuietLink:
    """Stands in for a connection."""

    takes: bool = True
    bytes_waiting: int = 0
    said: list[tuple[Message, Priority]] = field(default_factory=list)
    closed: list[Reason] = field(default_factory=list)

    def send(self, message: Message, priority: Priority) -> bool:
        # Payload is what a full queue refuses first.
        if not self.takes and priority is Priority.PUSH:
            return False
        self.said.append((message, priority))
        return True

    def close(self, reason: Reason, _detail: str = "") -> None:
        self.closed.append(reason)

    def messages(self, kind: type) -> list:
        return [message for message, _ in self.said if isinstance(message, kind)]
