"""All links of a node: at most one to each peer.

Enters: connections that have shaken hands, from the server and the dialler. Leaves: the one to keep
for each peer. Never here: opening one, or judging the peer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from node.network.connection import Connection
from protocol import limits
from protocol.errors import Reason
from protocol.ids import NodeId

TOGETHER_MS: Final = limits.handshake_ms_max
"""Two links opened within this time were dialled by both ends at once."""


class Links:
    """Open links by peer."""

    def __init__(self, own_id: NodeId) -> None:
        """Start empty, for the node with this transport key."""
        self._own_id = own_id
        self._by_peer: dict[NodeId, Connection] = {}

    def __iter__(self) -> Iterator[Connection]:
        """Walk the open links; they may end meanwhile."""
        return iter([link for link in self._by_peer.values() if link.is_open])

    def __len__(self) -> int:
        """Count the open links."""
        return sum(1 for _ in self)

    @property
    def inbound_count(self) -> int:
        """Open links that peers dialled."""
        return sum(1 for link in self if not link.outbound)

    def get(self, peer_id: NodeId | None) -> Connection | None:
        """Give the open link to a peer, if there is one."""
        link = self._by_peer.get(peer_id) if peer_id else None
        return link if link and link.is_open else None

    def admit(self, link: Connection) -> Connection:
        """Take a link whose handshake is done, and give the one that is kept for its peer.

        The other one, if there is one, is closed with DUPLICATE. `carry` the new one either way:
        a link that lost still has its goodbye to say.
        """
        current = self.get(link.peer_id)
        if current and not self._replaces(link, current):
            link.close(Reason.DUPLICATE, "this node keeps the other link")
            return current
        if current:
            current.close(Reason.DUPLICATE, "a newer link takes its place")
        self._by_peer[link.peer_id] = link
        return link

    def _replaces(self, new: Connection, old: Connection) -> bool:
        """Decide between two links to one peer so that both ends decide alike.

        Both ends dialled at once: the link dialled by the smaller key stays. Otherwise the newer
        stays, since a peer that dials again has lost the old one, whether we noticed or not.
        """
        is_together = new.opened_ms - old.opened_ms <= TOGETHER_MS
        if new.outbound == old.outbound or not is_together:
            return True
        return new.outbound == (self._own_id < new.peer_id)

    async def carry(self, link: Connection) -> None:
        """Run a link to its end and forget it."""
        try:
            await link.run()
        finally:
            if self._by_peer.get(link.peer_id) is link:
                del self._by_peer[link.peer_id]
