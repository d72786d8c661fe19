"""Failing: why there is no tunnel, and whose fault that may be.

What a far end does must not look like a fault of the peer that carries: a mailbox that refuses
whoever comes through a tunnel could else drive its readers to come as themselves. Enters: nothing.
Leaves: an error that says whose fault it may be. Never here: what is done about it.
Source: docs/protocol/17-tunnel.md, "Where no tunnel leads".
"""

from __future__ import annotations

from enum import StrEnum

from node.errors import TransportError


class Fault(StrEnum):
    """Where a way through a tunnel ended."""

    NO_CARRIER = "no carrier"
    """The peer says that it carries for nobody."""
    CARRIER = "carrier"
    """The peer that carries has no room, does not answer, or is gone."""
    BETWEEN = "between"
    """The second relay of a way through two cannot be reached."""
    FAR_END = "far end"
    """The far end cannot be reached, or will not. The peer that carries may be lying."""


class TunnelError(TransportError):
    """There is no tunnel.

    Attributes:
        fault: where the way ended.
    """

    def __init__(self, sentence: str, *, fault: Fault, code: str) -> None:
        """Keep the facts."""
        super().__init__(sentence, code=code)
        self.fault = fault
