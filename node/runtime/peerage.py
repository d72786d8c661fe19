"""Peers as people meet them: what is told of one that is linked.

Enters: facts of a link. Leaves: a document for the faces. Never here: the link itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protocol.ids import NodeId, to_text
from protocol.network.invites import NODE_PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerView:
    """A linked peer, for people."""

    key: NodeId
    """Its transport key."""
    address: str
    """Where it was dialled, or its IP address."""
    outbound: bool
    """Whether this node dialled."""
    roles: tuple[str, ...]
    """What it offers."""
    agent: str
    """Its software, as it says."""
    rtt_ms: int | None
    """Round trip, when measured."""
    since_ms: int
    """How long it has been linked."""
    bytes_in: int
    """Received, before encryption."""
    bytes_out: int
    """Sent, before encryption."""
    first_objects: int
    """Objects it was the first to supply."""
    fault_points: int
    """What it has done wrong lately."""

    def document(self) -> dict[str, Any]:
        """Write it for the API."""
        return {
            "node": to_text(NODE_PREFIX, self.key),
            "address": self.address,
            "direction": "out" if self.outbound else "in",
            "roles": list(self.roles),
            "agent": self.agent,
            "rtt_ms": self.rtt_ms,
            "connected_s": self.since_ms // 1_000,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "objects": self.first_objects,
            "fault_points": self.fault_points,
        }
