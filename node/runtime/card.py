"""This node's card: its own signed record, kept fresh, and the `Hello` that carries it.

Enters: settings, the transport key, the port that was opened. Leaves: `NodeRecord`, `Hello`. The
card claims no role this node could not fill: a relay has an address.
"""

from __future__ import annotations

from typing import Final

from node.clock import Clock
from node.config import Settings
from node.network.dialer import Address
from node.network.handshake import VERSIONS
from protocol import limits
from protocol.channel.messages import Hello, Interest
from protocol.channel.noise import transport_key
from protocol.ids import NodeId
from protocol.network.addresses import NodeRecord, Role, is_public, sign_record
from protocol.now import HOUR_MS

AGENT: Final = "intentcast"
"""What this software calls itself to peers."""
_RENEW_MS: Final = HOUR_MS
"""Age at which the card is signed anew; others believe it for a day."""
_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


class Card:
    """What this node says of itself."""

    def __init__(
        self, settings: Settings, *, clock: Clock, transport_seed: bytes, record_seed: bytes
    ) -> None:
        """Prepare; without a port the card has no address.

        Args:
            settings: addresses and roles.
            clock: for the time of signing, which is the sequence number too.
            transport_seed: 32 bytes, the X25519 transport secret.
            record_seed: 32 bytes, the Ed25519 seed that signs cards and nothing else.
        """
        self._settings = settings
        self._clock = clock
        self._seed = record_seed
        self._port: int | None = None
        self._interest: Interest | None = None
        self._record: NodeRecord | None = None
        self.node_id: NodeId = transport_key(transport_seed)

    def listens_on(self, port: int) -> None:
        """Note the port that was opened."""
        self._port = port
        self._record = None

    def wants(self, interest: Interest | None) -> None:
        """Note which casts this node wants of relays; None for all."""
        self._interest = interest

    def addresses(self) -> list[str]:
        """List where others may dial this node."""
        if self._port is None:
            return []
        if self._settings.advertise:
            return list(self._settings.advertise)
        if self._settings.listen_host in _ANYWHERE:
            return []
        address = str(Address(self._settings.listen_host, self._port))
        return [address] if self._settings.net != "main" or is_public(address) else []

    def roles(self) -> list[Role]:
        """List what this node offers."""
        is_relay = bool(self.addresses())
        return [
            role
            for role, offered in (
                (Role.RELAY, is_relay),
                (Role.MAILBOX, is_relay and self._settings.mailbox),
                (Role.BOOTSTRAP, is_relay and self._settings.bootstrap),
            )
            if offered
        ]

    def record(self) -> NodeRecord:
        """Give the current record, signed anew when it has grown old.

        Raises:
            LocalProtocolError: E-ADDRESS, an advertised address is none.
        """
        wall_ms = self._clock.now().wall_ms
        if self._record is None or not 0 <= wall_ms - self._record.at < _RENEW_MS:
            self._record = sign_record(
                net=self._settings.net,
                key=self.node_id,
                addresses=self.addresses(),
                roles=self.roles(),
                seq=wall_ms,
                at=wall_ms,
                seed=self._seed,
            )
        return self._record

    def hello(self, outbound: int = 0) -> Hello:
        """Make the first word of a new link.

        Args:
            outbound: links this node has dialled and keeps.
        """
        return Hello(
            versions=list(VERSIONS),
            record=self.record().raw,
            clock_ms=self._clock.now().wall_ms,
            agent=AGENT,
            outbound=min(outbound, limits.outbound_told_max),
            interest=self._interest,
        )
