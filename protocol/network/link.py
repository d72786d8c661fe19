"""A link: what is known of one linked peer.

Leaves: a record that the machines of links share. Never here: what is done about it.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.network.addresses import NodeRecord, Role


@dataclass(slots=True, kw_only=True)
class Link:
    """A linked peer; written by the machines of links alone."""

    record: NodeRecord
    """What it says of itself."""
    outbound: bool
    """Whether this node dialled."""
    is_own: bool
    """Whether this node relies on it: it dialled, and nobody's errand was why."""
    address: str
    """Where it was dialled, or its IP address."""
    group: str
    """Its address group."""
    since_ms: int
    """Monotonic ms of its `Hello`."""
    clock_ms: int
    """Its wall clock, Unix ms, at its `Hello`."""
    agent: str
    """Name of its software, as it says."""
    told: int
    """How many outbound links it has, as it says."""
    firsts: int = 0
    """Objects it was the first to supply, when last counted ..."""
    first_ms: int | None = None
    """... and the monotonic ms at which it had supplied another; None for never."""
    place: int = -1
    """Which of the places of chosen links it has, from 0 on; of no meaning for one not chosen."""
    is_return: bool = False
    """Whether it was looked for because the last link to it had broken."""

    @property
    def is_relay(self) -> bool:
        """Whether it says that it carries everything."""
        return Role.RELAY in self.record.roles

    @property
    def is_first_peer(self) -> bool:
        """Whether it offers to be anybody's first peer, and should be left to those in need."""
        return Role.BOOTSTRAP in self.record.roles
